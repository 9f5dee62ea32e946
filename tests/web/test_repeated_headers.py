"""Headers that a request has several times."""

from http import HTTPStatus

import pytest
from multidict import CIMultiDict
from skylogin import config

from tests.applications import Client, send_lines
from tests.sites import ADMIN_TOKEN, COOKIE, MakeSite, Site

Lines = list[tuple[str, str]]
KEYS: dict[str, tuple[Lines, int]] = {
    "the right key first": ([("X-Skygear-API-Key", "changeme"), ("X-Skygear-API-Key", "x")], 200),
    "a wrong key first": ([("X-Skygear-API-Key", "x"), ("X-Skygear-API-Key", "changeme")], 401),
    "an empty key first": ([("X-Skygear-API-Key", ""), ("X-Skygear-API-Key", "x")], 200),
}


@pytest.mark.parametrize(("lines", "status"), KEYS.values(), ids=KEYS)
async def test_the_first_key_counts(lines: Lines, status: int, client: Client) -> None:
    """As in the original; an empty one gives way to that in the body."""
    body = {"api_key": "changeme"}

    answer = await client.post("/auth/signup", json=body, headers=CIMultiDict(lines))

    assert answer.status == status


async def test_the_first_access_token_counts(client: Client) -> None:
    """As in the original."""
    body = {"api_key": "changeme"}
    token = (await (await client.post("/auth/signup", json=body)).json())["result"]["access_token"]
    first, second = ("X-Skygear-Access-Token", token), ("X-Skygear-Access-Token", "x")

    good = await client.post("/me", json=body, headers=CIMultiDict([first, second]))
    bad = await client.post("/me", json=body, headers=CIMultiDict([second, first]))

    assert (good.status, bad.status) == (HTTPStatus.OK, HTTPStatus.UNAUTHORIZED)


@pytest.mark.parametrize("name", ["Host", "Content-Type", "User-Agent"])
async def test_what_may_come_once_is_refused_if_it_comes_twice(name: str, client: Client) -> None:
    """A proxy and the server might each read another one."""
    host = () if name == "Host" else ("Host: a",)
    status, _ = await send_lines(client, "GET / HTTP/1.1", *host, f"{name}: a", f"{name}: b")

    assert status == HTTPStatus.BAD_REQUEST


async def test_cookies_may_come_in_several_lines(serve_site: Site) -> None:
    """A proxy that speaks HTTP/2 with the browser may leave them apart."""
    await serve_site.sign_in()
    lines = [("Cookie", "a=1"), ("Cookie", f"b=2; {COOKIE}={serve_site.session_key}")]

    answer = await serve_site.send("GET", "portal/users", headers=CIMultiDict(lines))

    assert answer.status == HTTPStatus.OK


@pytest.mark.parametrize("second", ["Bearer x", f"Bearer {ADMIN_TOKEN}", ""])
async def test_two_credentials_count_as_none(second: str, serve_site: Site) -> None:
    """A proxy might have checked the other one."""
    lines = [("Authorization", f"Bearer {ADMIN_TOKEN}"), ("Authorization", second)]

    answer = await serve_site.send("GET", "_admin/v1/apps", headers=CIMultiDict(lines))

    assert answer.status == HTTPStatus.UNAUTHORIZED


PROTOCOLS: dict[str, tuple[Lines, bool]] = {
    "none": ([], False),
    "capitals": ([("X-Forwarded-Proto", "HTTPS")], True),
    "parts": ([("X-Forwarded-Proto", "https, https")], True),
    "lines": ([("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "https")], True),
    "the client's own line": (
        [
            ("X-Forwarded-For", "6.6.6.6"),
            ("X-Forwarded-For", "203.0.113.9"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Proto", "https"),
        ],
        True,
    ),
    "Forwarded": ([("Forwarded", 'for=a;proto="Https"')], True),
}


@pytest.mark.parametrize(("lines", "is_secure"), PROTOCOLS.values(), ids=PROTOCOLS)
async def test_the_cookie_of_a_browser_that_uses_tls_is_secure(
    lines: Lines, is_secure: bool, make_site: MakeSite
) -> None:
    """In whatever form a trusted proxy says so."""
    site = await make_site(config.SERVE, SKYLOGIN_TRUSTED_PROXIES="127.0.0.1")

    answer = await site.send("GET", "portal/sign-in", headers=CIMultiDict(lines))

    assert ("Secure" in answer.headers["Set-Cookie"]) == is_secure


async def test_only_a_trusted_proxy_says_that_a_browser_uses_tls(serve_site: Site) -> None:
    """Nobody else is asked."""
    headers = {"X-Forwarded-Proto": "https"}

    answer = await serve_site.send("GET", "portal/sign-in", headers=headers)

    assert "Secure" not in answer.headers["Set-Cookie"]
