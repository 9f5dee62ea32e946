"""Targets of requests that are neither an action's path nor a page."""

import logging
from http import HTTPStatus

import pytest
from skylogin import config
from skylogin.web.keys import SERVICES
from yarl import URL

from tests.applications import Client, MakeClient, send_lines
from tests.sites import KEYS

HOME = {"result": {"status": "OK"}}


OPTIONS = {
    "the server": ["OPTIONS * HTTP/1.1", "Host: a"],
    "the server, as HAProxy asks": ["OPTIONS * HTTP/1.0"],
    "a path": ["OPTIONS /any HTTP/1.1", "Host: a"],
    "a URL": ["OPTIONS http://a/any HTTP/1.1", "Host: a"],
    "a URL without a path": ["OPTIONS http://a HTTP/1.1", "Host: a"],
    "an action": ["OPTIONS /me HTTP/1.1", "Host: a"],
    "readiness": ["OPTIONS /readyz HTTP/1.1", "Host: a"],
    "the portal without its slash": ["OPTIONS /portal HTTP/1.1", "Host: a"],
    "the portal": ["OPTIONS /portal/ HTTP/1.1", "Host: a"],
    "a page": ["OPTIONS /portal/users?q=a HTTP/1.1", "Host: a"],
    "a page that does not exist": ["OPTIONS /portal/nothing HTTP/1.1", "Host: a"],
    "the admin API": ["OPTIONS /admin/v1/users HTTP/1.1", "Host: a"],
    "the numbers": ["OPTIONS /metrics HTTP/1.1", "Host: a"],
}


@pytest.mark.parametrize("lines", OPTIONS.values(), ids=OPTIONS)
async def test_options_is_answered_on_every_target(lines: list[str], client: Client) -> None:
    """With 200, as by the original."""
    status, _ = await send_lines(client, *lines)

    assert status == HTTPStatus.OK


@pytest.mark.parametrize("line", ["GET *", "CONNECT *", "CONNECT a.example:80"])
async def test_only_options_asks_about_the_server_itself(line: str, client: Client) -> None:
    """Nor does the server connect to others."""
    status, _ = await send_lines(client, f"{line} HTTP/1.1", "Host: a")

    assert status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)


CHECKS = ["", "/", "?x=1", "/?x=1"]


@pytest.mark.parametrize("end", CHECKS)
@pytest.mark.parametrize("path", ["/healthz", "/Healthz", "/readyz", "/READYZ", "/%72eadyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_a_check_has_its_answer_in_every_spelling(
    method: str, path: str, end: str, client: Client
) -> None:
    """Never that of the home action, which says that all is well."""
    answer = await client.request(method, URL(path + end, encoded=True))

    assert answer.status == HTTPStatus.OK
    assert await answer.text() == ("" if method == "HEAD" else "ok\n")


@pytest.mark.parametrize("path", ["/readyz", "/readyz/", "/ReadyZ/"])
async def test_a_server_that_is_not_ready_says_so_in_every_spelling(
    path: str, client: Client
) -> None:
    """A load balancer may write it in any."""
    await client.app[SERVICES].store.close()

    assert (await client.get(path)).status == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("path", ["/livez", "/healthz/x", "/x/readyz", "/metrics2", "/healthzz"])
async def test_other_paths_are_those_of_actions(path: str, client: Client) -> None:
    """As in the original, an unknown one is the home action."""
    answer = await client.get(path)

    assert await answer.json() == HOME


NOT_CLEAN = {
    "//sso/custom_token/login": "/sso/custom_token/login",
    "/sso//custom_token/login?a=//b": "/sso/custom_token/login?a=//b",
    "/./me": "/me",
    "/a/../me/": "/me/",
    "/apps/shop//me": "/apps/shop/me",
    "//%0Ax%1B[31m": "/%0Ax%1B%5B31m",
}


@pytest.mark.parametrize(("path", "location"), NOT_CLEAN.items(), ids=NOT_CLEAN)
async def test_a_path_that_is_not_clean_is_redirected_with_a_reason(
    path: str, location: str, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The redirect is the original's; a client that follows it loses its body."""
    caplog.set_level(logging.WARNING, "skylogin.web")

    status, answer = await send_lines(client, f"POST {path} HTTP/1.1", "Host: a")

    assert status == HTTPStatus.MOVED_PERMANENTLY
    assert f"\r\nLocation: {location}\r\n" in answer
    why, path = "the path has an empty part, . or ..; use", location.partition("?")[0]
    assert f"\r\nX-Skylogin-Reason: path_not_clean: {why} {path}\r\n" in answer
    [record] = caplog.records
    assert record.getMessage().endswith(f' is answered with a redirect: {why} "{path}"')


async def test_serve_gives_no_reason_for_a_redirect(
    make_client: MakeClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor a log line, of which strangers could write any number."""
    client = await make_client(config.SERVE, **KEYS)

    status, answer = await send_lines(client, "POST //me HTTP/1.1", "Host: a")

    assert status == HTTPStatus.MOVED_PERMANENTLY
    assert "X-Skylogin-Reason" not in answer
    assert not caplog.records
