"""The issuer of `skylogin dev`: who gets a token, and how it comes back."""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sites import Answer, Site, SiteApp

PATH = "_issuer/token"
SPA = "http://localhost:5173"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def issue(app: SiteApp, path: str = PATH, **more: Any) -> Answer:
    """Ask for a token of an app."""
    url = f"/apps/{app.name}/{path}"
    return await Answer.of(await app.client.post(url, allow_redirects=False, **more))


async def test_a_token_of_the_issuer_logs_in(site_app: SiteApp) -> None:
    """With the profile that was asked for, below the app and at the root."""
    answered = await issue(site_app, json={"sub": "alice", "skyprofile": {"name": "Alice"}})

    assert (answered.status, list(answered.json())) == (HTTPStatus.OK, ["token"])
    assert answered.headers["Cache-Control"] == "no-store"
    logged_in = await site_app.call("sso/custom_token/login", token=answered.json()["token"])
    assert logged_in.json()["result"]["profile"]["name"] == "Alice"
    default = await site_app.client.post(f"/{PATH}", json={"sub": "alice"})
    login = {"api_key": "changeme", "token": (await default.json())["token"]}
    assert (await site_app.client.post("/sso/custom_token/login", json=login)).ok


async def test_the_token_is_made_by_the_apps_clock(site_app: SiteApp) -> None:
    """As if the app's own server lived at that time."""
    await site_app.admin("PUT", "clock", now="2030-01-01T00:00:00Z")

    token = (await issue(site_app, json={"sub": "alice"})).json()["token"]

    assert (await site_app.call("sso/custom_token/login", token=token)).ok


async def test_the_page_signs_in_the_user_that_is_clicked(site_app: SiteApp) -> None:
    """It lists those with custom tokens, and sends the browser back with the token."""
    eve = {"sub": "eve", "disabled": True, "profile": {"name": "Eve"}}
    users = [{"sub": "a<b"}, {"sub": "bob"}, {"id": "none"}, eve]
    await site_app.admin("POST", "seed", users=users)
    address = f"{SPA}/login?next=%2Fhome#top"

    page = await site_app.client.get(
        f"/apps/{site_app.name}/{PATH}", params={"redirect_uri": address, "state": "s&1"}
    )
    text = await page.text()
    form = {"sub": "bob", "redirect_uri": address, "state": "s&1"}
    sent = await issue(site_app, data=form, headers={"Origin": str(page.url.origin())})

    assert page.status == HTTPStatus.OK
    assert 'value="bob"' in text
    assert 'value="a&lt;b"' in text
    assert 'value="none"' not in text
    assert re.findall(r"<bdi>(.*)</bdi>.*>(.*)</span></button>", text) == [("Eve", "disabled")]
    assert "form-action" not in page.headers["Content-Security-Policy"]
    assert sent.status == HTTPStatus.SEE_OTHER
    location = urlsplit(sent.headers["Location"])
    assert location._replace(query="").geturl() == f"{SPA}/login#top"
    query = parse_qs(location.query)
    assert (query["next"], query["state"]) == (["/home"], ["s&1"])
    assert (await site_app.call("sso/custom_token/login", token=query["token"][0])).ok


async def test_a_form_without_address_shows_the_token(site_app: SiteApp) -> None:
    """As JSON."""
    assert "token" in (await issue(site_app, data={"sub": "bob", "redirect_uri": ""})).json()


ADDRESSES = {
    "another host": "https://evil.example/",
    "a user name": "http://localhost@evil.example/",
    "a backslash": "http://evil.example\\@localhost/",
    "a backslash after": "http://localhost\\.evil.example/",
    "the same beginning": "http://localhost.evil.example/",
    "another scheme": "javascript://localhost/%0aalert(1)",
    "no scheme": "//localhost/",
    "a line": "http://localhost/\r\nSet-Cookie: a=b",
    "every address": "http://0.0.0.0/",
    "no host": "http:///x",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
async def test_a_token_is_sent_to_loopback_only(site_app: SiteApp, address: str) -> None:
    """Neither the page nor the form takes another address."""
    url = f"/apps/{site_app.name}/{PATH}"
    page = await site_app.client.get(url, params={"redirect_uri": address})
    sent = await issue(site_app, data={"sub": "alice", "redirect_uri": address})

    assert page.status == sent.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert "Location" not in sent.headers
    assert "token" not in sent.json()


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1/", "https://[::1]:3000", "http://a.localhost?x"]
)
async def test_loopback_has_several_names(site_app: SiteApp, address: str) -> None:
    """By name, and by both kinds of addresses."""
    sent = await issue(site_app, data={"sub": "alice", "redirect_uri": address})

    assert sent.headers["Location"].startswith(address.rstrip("/"))


FOREIGN: dict[str, dict[str, str]] = {
    "a page of another site": {"Origin": "https://evil.example"},
    "a hidden origin": {"Origin": "null"},
    "another host": {"Host": "evil.example"},
    "a forged origin": {"Origin": "http://localhost.evil.example"},
    "an origin with a user name": {"Origin": "http://evil.example@localhost"},
    "an origin with a backslash": {"Origin": "http://evil.example\\.localhost"},
    "a host with a user name": {"Host": "evil.example@localhost"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_another_site_gets_no_token(
    site_app: SiteApp, method: str, headers: dict[str, str]
) -> None:
    """And may not read the answer."""
    url = f"/apps/{site_app.name}/{PATH}"
    refused = await site_app.client.request(method, url, json={"sub": "alice"}, headers=headers)

    assert refused.status == HTTPStatus.FORBIDDEN
    assert "Access-Control-Allow-Origin" not in refused.headers
    assert "token" not in await refused.json()


async def test_a_page_on_loopback_reads_the_token(site_app: SiteApp) -> None:
    """Its origin alone is allowed, before the request and with it."""
    headers = {"Origin": SPA, "Access-Control-Request-Method": "POST"}
    before = await site_app.client.options(f"/apps/{site_app.name}/{PATH}", headers=headers)
    answered = await issue(site_app, json={"sub": "alice"}, headers={"Origin": SPA})

    for one in (before, answered):
        assert one.status == HTTPStatus.OK
        assert one.headers["Access-Control-Allow-Origin"] == SPA
        assert one.headers["Vary"] == "Origin"
    assert before.headers["Access-Control-Allow-Headers"] == "Content-Type"


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "no sub": ({"json": {}}, "send a sub that is a string"),
    "an empty one": ({"json": {"sub": ""}}, "sub not specified"),
    "a long one": ({"json": {"sub": "x" * 37}}, "sub is longer than 36 characters"),
    "a number": ({"json": {"sub": 1}}, "send a sub that is a string"),
    "JSON as a form": (
        {"data": b'{"sub": "alice"}', "headers": FORM},
        'send a sub that is a string: {"sub": "alice"} as application/json',
    ),
    "a list": ({"json": []}, "the body is not a JSON object"),
    "no JSON": ({"data": b"{"}, "the body is not JSON"),
    "a large one": ({"data": b" " * 70_000}, "the body is too large"),
}


@pytest.mark.parametrize(("body", "message"), INVALID.values(), ids=INVALID)
async def test_an_invalid_request_is_explained(
    site_app: SiteApp, body: dict[str, Any], message: str
) -> None:
    """In one line."""
    refused = await issue(site_app, **body)

    assert refused.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert refused.json()["error"].startswith(message)


async def test_other_methods_are_not_allowed(site_app: SiteApp) -> None:
    """With the names of those that are."""
    refused = await site_app.client.delete(f"/apps/{site_app.name}/{PATH}")

    assert (refused.status, refused.headers["Allow"]) == (405, "GET, POST")


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [PATH, f"apps/shop/{PATH}"])
async def test_serve_has_no_issuer(serve_site: Site, method: str, path: str) -> None:
    """It answers as to any action that does not exist."""
    refused = await serve_site.send(method, path, json={"sub": "alice"})

    assert refused.status == HTTPStatus.NOT_FOUND
    assert refused.json()["error"]["message"] == "route unmatched"
