"""The pages on attempts to log in, as a browser without JavaScript gets them."""

import asyncio
import html
import json
import re
import shlex
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from skylogin import config
from skylogin.clock import system_now
from skylogin.database.tables import journal
from sqlalchemy import update

from tests.factories import SECRET, make_token
from tests.processes import run_python
from tests.sites import KEYS, Site, running_site

pytestmark = pytest.mark.slow

LOG_IN = "sso/custom_token/login"
ATTEMPT = re.compile(r'<tr id="([^"]+)">')
AT = re.compile(r'<time datetime="([^"]+)">')
ROW = re.compile(
    r'<tr( class="at-fault")?><th scope="row"><code>(.*?)</code></th><td>(.*?)</td>', re.DOTALL
)
MINT = re.compile(r"TOKEN=\$\(skylogin (.*)\)\ncurl", re.DOTALL)


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[Site]:
    """A server as `skylogin dev` runs it, whose secret is known."""
    path = tmp_path / "stand-in.db"
    async with running_site(path, config.DEV, CUSTOM_TOKEN_SECRET=SECRET) as site:
        yield site


async def log_in(site: Site, token: str) -> None:
    """Log in with *token*, whatever comes of it."""
    await ask(site, LOG_IN, token=token)


async def ask(site: Site, path: str, **payload: Any) -> None:
    """Make a call of the wire."""
    body = {"api_key": KEYS["API_KEY"], **payload}
    async with ClientSession() as session, session.post(site.url + path, json=body):
        pass


def mint(**claims: Any) -> str:
    """Return a token that is good for a minute."""
    now = int(system_now().timestamp())
    return make_token(**{"iat": now, "exp": now + 60, **claims})


async def latest_page(site: Site) -> str:
    """Return the page of the latest attempt."""
    _, text = await site.get("logins")
    _, text = await site.get(f"logins/{ATTEMPT.findall(text)[0]}")
    return text


BAD_FILTERS = {
    "no time": ("since=soon", "since", "soon"),
    "half a time": ("until=2026-01-02T", "until", "2026-01-02T"),
    "no such day": ("since=2026-02-30T00:00", "since", "2026-02-30T00:00"),
    "before any time": ("until=0001-01-01T00:00%2b10:00", "until", "0001-01-01T00:00+10:00"),
    "markup": ("since=%22%3e%3cb%3e", "since", '"><b>'),
}


@pytest.mark.parametrize(("query", "field", "typed"), BAD_FILTERS.values(), ids=BAD_FILTERS)
async def test_what_is_no_time_is_told_and_kept(
    stand_in: Site, query: str, field: str, typed: str
) -> None:
    """With all else that was typed; nothing is found, and nothing comes."""
    response, text = await stand_in.get(f"logins?subject=al%22ice&{query}")

    assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'role="alert"' in text
    assert f'id="{field}-problem"' in text
    [shown] = re.findall(rf'<input name="{field}" value="([^"]*)"([^>]*)>', text)
    assert html.unescape(shown[0]) == typed
    # A field for times would drop it.
    assert "datetime-local" not in shown[1]
    assert 'name="subject" value="al&#34;ice"' in text
    assert "<details open>" in text
    assert "data-stream" not in text
    response, _ = await stand_in.get(f"logins/stream?{query}")
    assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY


async def test_a_time_is_shown_as_a_field_for_times_takes_it(stand_in: Site) -> None:
    """However it was written; also where nothing can be between two."""
    response, text = await stand_in.get("logins?since=2026-01-02&until=2026-01-01T23:30-00:30")

    assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="until-problem"' in text
    for name in ("since", "until"):
        assert f'name="{name}" value="2026-01-02T00:00:00" type="datetime-local"' in text


async def test_a_text_that_no_database_holds_finds_nothing(stand_in: Site) -> None:
    """And is no crash."""
    for field in ("subject", "reason", "user_id", "secret_id"):
        response, text = await stand_in.get(f"logins?{field}=a%00b")
        assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY
        assert f'id="{field}-problem"' in text


async def test_times_are_utc_as_the_app_has_them(stand_in: Site) -> None:
    """From the first on, and before the second; what comes is looked for in the same way."""
    await log_in(stand_in, mint())
    _, text = await stand_in.get("logins")
    [shown] = AT.findall(text)
    at, second = datetime.fromisoformat(shown), timedelta(seconds=1)

    async def found(**query: datetime) -> int:
        asked = {name: f"{moment:%Y-%m-%dT%H:%M:%S}" for name, moment in query.items()}
        _, text = await stand_in.get("logins", params=asked)
        return len(ATTEMPT.findall(text))

    assert await found(since=at) == 1
    assert await found(since=at + second) == 0
    assert await found(until=at) == 0
    assert await found(until=at + second) == 1
    assert await found(since=at, until=at + second) == 1
    # Of what is over nothing comes any more.
    _, text = await stand_in.get("logins?until=2020-01-01T00:00%2B02:00")
    assert "data-stream" not in text
    soon = f"{system_now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"
    _, text = await stand_in.get("logins", params={"since": "2026-01-01", "until": soon})
    [stream] = re.findall(r'data-stream="([^"]*)"', text)
    assert "since=2026-01-01" in stream
    assert "until=" in stream


async def test_older_pages_are_of_the_same_attempts(stand_in: Site) -> None:
    """Whatever was looked for, it still is."""
    for number in range(51):
        await log_in(stand_in, mint(sub=f"s{number}", exp=1))
    await log_in(stand_in, mint())
    asked = {"accepted": "no", "since": "2026-01-01T00:00", "secret_id": "environment"}

    _, text = await stand_in.get("logins", params=asked)

    [older] = re.findall(r'<a href="/portal/(logins[^"]*cursor[^"]*)">Older', text)
    _, text = await stand_in.get(html.unescape(older))
    assert len(ATTEMPT.findall(text)) == 1
    assert 'name="since" value="2026-01-01T00:00:00"' in text
    assert 'name="secret_id" value="environment"' in text


def rows_of(page: str) -> dict[str, str]:
    """Return the members of header and claims that a page shows, those at fault marked."""
    return {
        name + (" at fault" if at_fault else ""): html.unescape(
            re.sub(r"<[^>]+>", "", cell)
        ).strip()
        for at_fault, name, cell in ROW.findall(page)
    }


async def test_an_attempt_shows_what_its_token_says(stand_in: Site) -> None:
    """Decoded, with the claim at fault marked, and why something is not there."""
    header = {"alg": "HS256", "kid": "k", "n": 5, "jwk": {"k": "a key"}}
    await log_in(stand_in, mint(header=header, sub="<b>", iss="us", skyprofile={"a": "x" * 5000}))
    shown = rows_of(await latest_page(stand_in))
    assert shown["alg"] == '"HS256"'
    assert (shown["kid"], shown["n"], shown["jwk"]) == ('"k"', "5", "not kept")
    assert (shown["sub"], shown["iss"]) == ('"<b>"', '"us"')
    assert "60 seconds" not in shown["iat"]
    assert "the login attempt" in shown["exp"]
    assert shown["skyprofile"] == "not kept: it has 5,008 bytes, more than 4,096"

    await log_in(stand_in, mint(sub=None, skyprofile={"a": {"b": [1]}}, alg="x"))
    page = await latest_page(stand_in)
    shown = rows_of(page)
    assert json.loads(shown["skyprofile"]) == {"a": {"b": [1]}}
    assert shown["sub at fault"] == "missing at fault"
    assert 'href="/portal/logins?secret_id=environment"' in page

    await log_in(stand_in, make_token("{}"))
    assert rows_of(await latest_page(stand_in))["sub at fault"] == "missing at fault"

    await log_in(stand_in, mint(header={"alg": "none"}, alg="x"))
    shown = rows_of(await latest_page(stand_in))
    assert shown["alg at fault"] == '"none" at fault'
    assert shown["alg"] == "not kept"

    await log_in(stand_in, mint(secret="another"))
    page = await latest_page(stand_in)
    assert "none matches" in page
    assert "signature</strong> is at fault" in page


async def test_an_attempt_without_a_token_shows_none(stand_in: Site) -> None:
    """Also where it is refused for what a token may be refused for."""
    for number in range(2):
        await ask(stand_in, "auth/signup", auth_data={"username": "anna"}, password=f"x{number}")

    page = await latest_page(stand_in)

    assert "</span> key_taken</h1>" in page
    assert "The token" not in page


async def test_an_endpoint_shows_no_profile(tmp_path: Path) -> None:
    """Unless whoever runs it asks for them."""
    path = tmp_path / "endpoint.db"
    for wanted in ("", "yes"):
        environment = {"CUSTOM_TOKEN_SECRET": SECRET, "SKYLOGIN_LOGIN_LOG_PROFILES": wanted}
        async with running_site(path, config.SERVE, **environment) as site:
            await site.sign_in()
            await log_in(site, mint(skyprofile={"name": "Alice"}))
            page = await latest_page(site)
            assert ("Alice" in rows_of(page)["skyprofile"]) is bool(wanted)
            assert ("SKYLOGIN_LOGIN_LOG_PROFILES is off" in page) is not bool(wanted)
            assert ("does not have <code>skyprofile</code>" in page) is not bool(wanted)


async def test_what_an_older_version_wrote_is_shown(stand_in: Site) -> None:
    """With what it kept."""
    await log_in(stand_in, mint(header={"alg": "HS256", "kid": "k"}, skyprofile={"a": 1}))
    old = {
        "action": "sso:custom_token:login", "explanation": "", "status": 200, "algorithm": "HS256",
        "key_id": "k", "secret_id": "environment", "claim_names": ["sub", "iat", "skyprofile"],
        "claims": {"iat": 5}, "only_contract": "", "address": "", "request_id": "",
    }  # fmt: skip
    store = stand_in.operator.store
    await store.run(lambda tx: tx.connection.execute(update(journal).values(details=old)))

    shown = rows_of(await latest_page(stand_in))

    assert (shown["alg"], shown["kid"], shown["sub"]) == ('"HS256"', '"k"', '"alice"')
    assert shown["iat"].startswith("5 1970-01-01T00:00:05Z")
    assert shown["skyprofile"] == "not kept"


AGAIN: dict[str, dict[str, Any]] = {
    "created": {"skyprofile": {"name": "It's <\u20ac> $HOME", "a": [{"b": None}]}, "iss": "us"},
    "updated": {"header": {"alg": "HS512"}},
    "expired": {"exp": 1, "sub": "-h"},
    "expiry_missing": {"exp": None},
    "issue_time_missing": {"iat": None},
    "subject_missing": {"sub": None},
    "profile_value_invalid": {"skyprofile": {"a": {"$type": "x"}}},
}


def claims_of(page: str) -> dict[str, str]:
    """Return the claims that a page shows, without what it says of them."""
    return {
        name: text.partition(" 2")[0] if name in ("iat", "exp") else text
        for name, text in rows_of(page[page.index("Claims") :]).items()
        if "missing" not in text
    }


async def test_an_attempt_is_made_again(stand_in: Site, tmp_path: Path) -> None:
    """By what is there to be copied: its token says the same, so it ends the same."""
    for reason, claims in AGAIN.items():
        await log_in(stand_in, mint(**claims))
        page = await latest_page(stand_in)
        assert f"</span> {reason}</h1>" in page
        shown = html.unescape(page.partition('<pre id="again"')[2].partition(">")[2])
        [command] = MINT.findall(shown.partition("</pre>")[0])

        made = await asyncio.to_thread(
            run_python,
            tmp_path,
            "-m",
            "skylogin",
            *shlex.split(command),
            CUSTOM_TOKEN_SECRET=SECRET,
        )
        assert made.returncode == 0, made.stderr
        await log_in(stand_in, made.stdout.strip())

        again = await latest_page(stand_in)
        expected = "updated" if reason == "created" else reason
        assert f"</span> {expected}</h1>" in again, reason
        assert claims_of(page).items() <= claims_of(again).items(), reason


async def test_what_no_database_can_hold_is_found_nowhere(
    postgresql_url: str, tmp_path: Path
) -> None:
    """PostgreSQL takes no U+0000, not even to look for it; the answer says so."""
    values = {"DATABASE_URL": postgresql_url}
    async with running_site(tmp_path / "unused", config.DEV, **values) as site:
        for page in ("logins/a%00", "users/a%00"):
            response, _ = await site.get(page)
            assert response.status == HTTPStatus.NOT_FOUND, page
        for page in ("logins?cursor=%00", "users?search=a%00", "audit?cursor=%00"):
            response, text = await site.get(page)
            assert response.status == HTTPStatus.UNPROCESSABLE_ENTITY, page
            assert "U+0000" in text
