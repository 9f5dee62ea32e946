"""The pages on the login log, as a browser without JavaScript shows them."""

import asyncio
import html
import json
import re
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from skylogin import config
from skylogin.clock import system_now
from skylogin.database.tables import login_log
from skylogin.operations import apps, secrets
from sqlalchemy import update

from tests.examples.commands import paste
from tests.factories import SECRET, make_token
from tests.sites import ADMIN_TOKEN, KEYS, LOG_IN, Answer, MakeSite, Site

pytestmark = pytest.mark.slow

DEFAULT_KEYS = {"API_KEY": "changeme", "MASTER_KEY": "secret", "SKYLOGIN_ADMIN_TOKEN": ""}

ATTEMPT = re.compile(r'<tr id="([^"]+)"')
AT = re.compile(r'<time datetime="([^"]+)"')
REASON = re.compile(r"<dt>Reason</dt><dd><a[^>]*><code>([^<]*)</code>")
CHIP = re.compile(
    r'<a class="chip(?: on)?" href="/portal/logins\?([^"]*)"[^>]*>(.*?)</a>', re.DOTALL
)
ROW = re.compile(
    r'<tr( class="at-fault")?><th scope="row"><code>(.*?)</code></th><td>(.*?)</td>', re.DOTALL
)


@pytest.fixture
async def site(make_site: MakeSite) -> Site:
    """The application as `skylogin dev` runs it, with a known secret."""
    return await make_site(config.DEV, CUSTOM_TOKEN_SECRET=SECRET)


async def log_in(site: Site, token: str, app: str = "") -> Answer:
    """Log in with *token* to the app at a path."""
    body = {"api_key": KEYS["API_KEY"], "token": token}
    return await site.send("POST", f"{app}{LOG_IN}", json=body)


def mint(**claims: Any) -> str:
    """Return a token that is valid for a minute."""
    now = int(system_now().timestamp())
    return make_token(**{"iat": now, "exp": now + 60, **claims})


async def latest_page(site: Site, app: str = "") -> str:
    """Return the page of the latest login attempt, with the server's key in its command."""
    [latest, *_] = ATTEMPT.findall((await site.get(f"{app}logins")).text)
    return (await site.get(f"{app}logins/{latest}?show=key")).text


def reason_on(page: str) -> str:
    """Return the reason that the page of a login attempt shows."""
    [reason] = REASON.findall(page)
    return reason


# --- the list -----------------------------------------------------------------------

INVALID_TIMES = {
    "not a time": ("since=soon", "since", "soon"),
    "half a time": ("until=2026-01-02T", "until", "2026-01-02T"),
    "no such day": ("since=2026-02-30T00:00", "since", "2026-02-30T00:00"),
    "before the first year": ("until=0001-01-01T00:00%2b10:00", "until", "0001-01-01T00:00+10:00"),
    "markup": ("since=%22%3e%3cb%3e", "since", '"><b>'),
}


@pytest.mark.parametrize(("query", "field", "typed"), INVALID_TIMES.values(), ids=INVALID_TIMES)
async def test_an_invalid_time_is_marked_and_stays_in_the_form(
    site: Site, query: str, field: str, typed: str
) -> None:
    """With all other typed values; the page neither lists nor follows attempts."""
    page = await site.get(f"logins?subject=al%22ice&{query}")
    stream = await site.get(f"logins/stream?{query}")

    assert page.status == stream.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'role="alert"' in page.text
    assert f'id="{field}-problem"' in page.text
    [shown] = re.findall(rf'<input name="{field}" value="([^"]*)"([^>]*)>', page.text)
    assert html.unescape(shown[0]) == typed
    # A field for times would drop it.
    assert "datetime-local" not in shown[1]
    assert 'name="subject" value="al&#34;ice"' in page.text
    assert "<details open>" in page.text
    assert "data-stream" not in page.text


async def test_until_has_to_be_later_than_since(site: Site) -> None:
    """Valid times are shown as a field for times takes them, however they were written."""
    page = await site.get("logins?since=2026-01-02&until=2026-01-01T23:30-00:30")

    assert page.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="until-problem"' in page.text
    for name in ("since", "until"):
        field = f'name="{name}" value="2026-01-02T00:00:00" type="datetime-local"'
        assert field in page.text


@pytest.mark.parametrize("field", ["subject", "reason", "user_id", "secret_id"])
async def test_a_text_with_nul_is_marked(site: Site, field: str) -> None:
    """PostgreSQL cannot store it."""
    page = await site.get(f"logins?{field}=a%00b")

    assert page.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert f'id="{field}-problem"' in page.text


async def test_an_unknown_reason_is_marked(site: Site) -> None:
    """With the known ones. One of them is looked for."""
    unknown = await site.get("logins?reason=foo")
    assert unknown.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert 'id="reason-problem"' in unknown.text
    assert "signature_wrong, " in unknown.text
    assert '<option value="not_yet_valid">' in unknown.text
    assert (await site.get("logins?reason=expired")).ok


async def test_chips_filter_and_count(site: Site) -> None:
    """By result, with the number of each; another chip removes another filter."""
    for number in range(3):
        await log_in(site, mint(sub="anna", exp=number + 1))
    await log_in(site, mint(sub="anna"))
    await log_in(site, mint(sub="bert", secret="another"))

    async def chips(query: str) -> dict[str, str]:
        found = CHIP.findall((await site.get(f"logins?{query}")).text)
        return {
            " ".join(re.sub(r"<[^>]+>", "", text).split()): html.unescape(left)
            for left, text in found
        }

    assert await chips("") == {
        "All 5": "",
        "Accepted 1": "accepted=yes",
        "Refused 4": "accepted=no",
    }
    assert await chips("subject=anna&reason=expired") == {
        "All 4": "subject=anna",
        "Accepted 1": "accepted=yes&subject=anna",
        "Refused 3": "accepted=no&subject=anna",
        "reason expired": "subject=anna",
        "principal anna": "reason=expired",
    }
    page = (await site.get("logins?accepted=no&subject=anna")).text
    assert '<option value="expired">expired (3)</option>' in page
    assert '<input type="hidden" name="accepted" value="no">' in page


async def test_since_includes_its_second_and_until_does_not(site: Site) -> None:
    """Both are in UTC."""
    await log_in(site, mint())
    [shown] = AT.findall((await site.get("logins")).text)
    at, second = datetime.fromisoformat(shown), timedelta(seconds=1)

    async def found(**times: datetime) -> int:
        query = {name: f"{time:%Y-%m-%dT%H:%M:%S}" for name, time in times.items()}
        return len(ATTEMPT.findall((await site.get("logins", params=query)).text))

    assert await found(since=at) == 1
    assert await found(since=at + second) == 0
    assert await found(until=at) == 0
    assert await found(until=at + second) == 1
    assert await found(since=at, until=at + second) == 1


async def test_a_list_that_ends_in_the_past_is_not_followed(site: Site) -> None:
    """Any other list is, with the same filters."""
    soon = f"{system_now() + timedelta(hours=1):%Y-%m-%dT%H:%M}"

    past = await site.get("logins?until=2020-01-01T00:00%2B02:00")
    present = await site.get("logins", params={"since": "2026-01-01", "until": soon})

    assert "data-stream" not in past.text
    [stream] = re.findall(r'data-stream="([^"]*)"', present.text)
    assert "since=2026-01-01" in stream
    assert "until=" in stream


async def test_the_next_page_keeps_the_filters(site: Site) -> None:
    """It lists the older attempts that match."""
    for number in range(51):
        await log_in(site, mint(sub=f"s{number}", exp=1))
    await log_in(site, mint())
    filters = {"accepted": "no", "since": "2026-01-01T00:00", "secret_id": "environment"}

    first = await site.get("logins", params=filters)
    [older] = re.findall(r'href="/portal/(logins[^"]*cursor[^"]*)">Older', first.text)
    second = await site.get(html.unescape(older))

    assert len(ATTEMPT.findall(second.text)) == 1
    assert 'name="since" value="2026-01-01T00:00:00"' in second.text
    assert 'name="secret_id" value="environment"' in second.text


async def test_texts_with_nul_are_refused_on_both_databases(
    store_url: str, make_site: MakeSite
) -> None:
    """PostgreSQL rejects U+0000 even in a search."""
    site = await make_site(config.DEV, DATABASE_URL=store_url)

    for page in ("logins/a%00", "users/a%00"):
        assert (await site.get(page)).status == HTTPStatus.NOT_FOUND, page
    for page in ("logins?cursor=%00", "users?search=a%00", "audit?cursor=%00"):
        answer = await site.get(page)
        assert answer.status == HTTPStatus.UNPROCESSABLE_ENTITY, page
        assert "U+0000" in answer.text


# --- one login attempt ---------------------------------------------------------------


def rows_of(page: str) -> dict[str, str]:
    """Return the members of header and claims that a page shows, those at fault marked."""
    return {
        name + (" at fault" if at_fault else ""): html.unescape(
            re.sub(r"<[^>]+>", "", cell)
        ).strip()
        for at_fault, name, cell in ROW.findall(page)
    }


async def test_the_header_and_the_claims_of_a_token_are_shown(site: Site) -> None:
    """With the reason why some values are not in the login log."""
    header = {"alg": "HS256", "kid": "k", "n": 5, "jwk": {"k": "a key"}}
    await log_in(site, mint(header=header, sub="<b>", iss="us", skyprofile={"a": "x" * 5000}))

    shown = rows_of(await latest_page(site))

    assert shown["alg"] == '"HS256"'
    assert (shown["kid"], shown["n"], shown["jwk"]) == ('"k"', "5", "not kept")
    assert (shown["sub"], shown["iss"]) == ('"<b>"', '"us"')
    assert "60 seconds" not in shown["iat"]
    assert "the login attempt" in shown["exp"]
    assert shown["skyprofile"] == "not kept: it has 5,008 bytes, more than 4,096"


async def test_a_missing_claim_is_marked(site: Site) -> None:
    """Among the other claims, which are shown as they are."""
    await log_in(site, mint(sub=None, skyprofile={"a": {"b": [1]}}, alg="x"))
    page = await latest_page(site)
    await log_in(site, make_token("{}"))
    without_claims = await latest_page(site)

    assert json.loads(rows_of(page)["skyprofile"]) == {"a": {"b": [1]}}
    assert rows_of(page)["sub at fault"] == "missing at fault"
    assert 'href="/portal/logins?secret_id=environment"' in page
    assert rows_of(without_claims)["sub at fault"] == "missing at fault"


async def test_a_refused_algorithm_is_marked_in_the_header(site: Site) -> None:
    """Not a claim of the same name."""
    await log_in(site, mint(header={"alg": "none"}, alg="x"))

    shown = rows_of(await latest_page(site))

    assert shown["alg at fault"] == '"none" at fault'
    assert shown["alg"] == "not kept"


async def test_a_wrong_signature_is_shown(site: Site) -> None:
    """No secret matches."""
    await log_in(site, mint(secret="another"))

    page = await latest_page(site)

    assert "none matches" in page
    assert "signature</strong> is at fault" in page


async def test_an_attempt_without_a_token_shows_no_token(site: Site) -> None:
    """Even with a reason that tokens are refused for."""
    for number in range(2):
        auth = {"auth_data": {"username": "anna"}, "password": f"x{number}"}
        await site.send("POST", "auth/signup", json={"api_key": KEYS["API_KEY"], **auth})

    page = await latest_page(site)

    assert reason_on(page) == "key_taken"
    assert "The token" not in page


@pytest.mark.parametrize("setting", ["", "yes"])
async def test_serve_shows_profiles_only_if_a_setting_says_so(
    make_site: MakeSite, setting: str
) -> None:
    """The page names the setting."""
    environment = {"CUSTOM_TOKEN_SECRET": SECRET, "SKYLOGIN_LOGIN_LOG_PROFILES": setting}
    site = await make_site(config.SERVE, **environment)
    await site.sign_in()
    await log_in(site, mint(skyprofile={"name": "Alice"}))

    page = await latest_page(site)

    assert ("Alice" in rows_of(page)["skyprofile"]) is bool(setting)
    assert ("SKYLOGIN_LOGIN_LOG_PROFILES is off" in page) is not bool(setting)
    assert ("does not have <code>skyprofile</code>" in page) is not bool(setting)


async def test_an_entry_of_an_older_version_is_shown(site: Site) -> None:
    """With the values that version logged."""
    await log_in(site, mint(header={"alg": "HS256", "kid": "k"}, skyprofile={"a": 1}))
    old = {
        "action": "sso:custom_token:login", "explanation": "", "status": 200, "algorithm": "HS256",
        "key_id": "k", "secret_id": "environment", "claim_names": ["sub", "iat", "skyprofile"],
        "claims": {"iat": 5}, "only_contract": "", "address": "", "request_id": "",
    }  # fmt: skip
    store = site.operator.store
    await store.run(lambda tx: tx.connection.execute(update(login_log).values(details=old)))

    shown = rows_of(await latest_page(site))

    assert (shown["alg"], shown["kid"], shown["sub"]) == ('"HS256"', '"k"', '"alice"')
    assert shown["iat"].startswith("5 1970-01-01T00:00:05Z")
    assert shown["skyprofile"] == "not kept"


REPEATED: dict[str, dict[str, Any]] = {
    "created": {"skyprofile": {"name": "It's <\u20ac> $HOME", "a": [{"b": None}]}, "iss": "us"},
    "updated": {"header": {"alg": "HS512"}},
    "expired": {"exp": 1, "sub": "-h"},
    "expiry_missing": {"exp": None},
    "issue_time_missing": {"iat": None},
    "subject_missing": {"sub": None},
    "profile_value_invalid": {"skyprofile": {"a": {"$type": "x"}}},
}


def claims_of(page: str) -> dict[str, str]:
    """Return the claims that a page shows, without its remarks."""
    return {
        name: text.partition(" 2")[0] if name in ("iat", "exp") else text
        for name, text in rows_of(page[page.index("Claims") :]).items()
        if "missing" not in text
    }


@pytest.mark.parametrize("app", ["", "apps/other/"])
async def test_the_command_of_a_page_repeats_its_attempt(
    site: Site, tmp_path: Path, app: str
) -> None:
    """Pasted into an empty directory: its token has the same claims, and the same result."""
    for reason, claims in REPEATED.items():
        await log_in(site, mint(**claims), app)
        page = await latest_page(site, app)
        assert reason_on(page) == reason
        script = html.unescape(page.partition('<pre id="again"')[2].partition(">")[2])

        printed = await asyncio.to_thread(paste, tmp_path, script.partition("</pre>")[0])

        assert set(json.loads(printed)) in ({"result"}, {"error"})
        again = await latest_page(site, app)
        expected = "updated" if reason == "created" else reason
        assert reason_on(again) == expected, reason
        assert claims_of(page).items() <= claims_of(again).items(), reason


async def test_the_key_in_the_command_is_masked_until_it_is_shown(make_site: MakeSite) -> None:
    """Unless everybody knows it. The button copies it from the page that shows it."""
    site = await make_site(config.DEV, CUSTOM_TOKEN_SECRET=SECRET)
    known = await make_site(config.DEV, CUSTOM_TOKEN_SECRET=SECRET, **DEFAULT_KEYS)
    await log_in(site, mint())
    body = {"api_key": DEFAULT_KEYS["API_KEY"], "token": mint()}
    await known.send("POST", LOG_IN, json=body)
    [latest, *_] = ATTEMPT.findall((await site.get("logins")).text)

    masked = (await site.get(f"logins/{latest}")).text

    assert ADMIN_TOKEN not in masked
    assert f'data-source="/portal/logins/{latest}?show=key"' in masked
    assert f"--admin-token={ADMIN_TOKEN}" in await latest_page(site)
    [attempt] = ATTEMPT.findall((await known.get("logins")).text)
    assert "--admin-token=secret" in (await known.get(f"logins/{attempt}")).text


async def test_the_command_of_serve_names_the_app(make_site: MakeSite, tmp_path: Path) -> None:
    """It makes the token with the server's database."""
    site = await make_site(config.SERVE)
    await site.sign_in()
    await apps.create(site.operator, "shop")
    shop = await apps.get(site.operator, "shop")
    [secret, *_] = await secrets.list_accepted(site.operator, "shop")
    token = mint(secret=secret.secret)
    await site.send("POST", f"apps/shop/{LOG_IN}", json={"api_key": shop.api_key, "token": token})
    page = await latest_page(site, "apps/shop/")
    script = html.unescape(page.partition('<pre id="again"')[2].partition(">")[2])

    database = {"DATABASE_URL": site.services.settings.database_url}
    text = script.partition("</pre>")[0]
    printed = await asyncio.to_thread(paste, tmp_path, text, **database)

    assert "result" in json.loads(printed), printed
