"""A server behind HAProxy and nginx, as Debian has them."""

import html
import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest
import requests
from aiohttp import ClientSession

from tests.conftest import Require
from tests.docs.pages import SNIPPETS
from tests.local_proxies import Visitor, haproxy, haproxy_statistics, nginx
from tests.processes import ServerProcess, StartServer, run_skylogin
from tests.sites import ADMIN_TOKEN, KEYS
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

WRONG_MAX = 5
ATTEMPTS = 14
SECONDS_MAX = 20
BEARER = ("Authorization", f"Bearer {ADMIN_TOKEN}")
SIGNED_IN = HTTPStatus.SEE_OTHER
LOG_IN = "/sso/custom_token/login"
Lines = list[tuple[str, str]]


@pytest.fixture
def server(start_server: StartServer, require: Require, tmp_path: Path) -> ServerProcess:
    """A server that trusts the proxies on this machine."""
    require("haproxy", "nginx", "openssl")
    environment = {
        **KEYS,
        "DATABASE_URL": f"sqlite:///{tmp_path}/skylogin.db",
        "HOST": "127.0.0.1:0",
        "SKYLOGIN_TRUSTED_PROXIES": "127.0.0.1",
    }
    return start_server("serve", "--migrate", **environment)


def ask_admin(server: ServerProcess, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the admin API, without a proxy."""
    answer = requests.request(
        "GET" if body is None else "POST",
        f"{server.url}_admin/v1/{path}",
        json=body,
        headers={"Authorization": f"Bearer {ADMIN_TOKEN}"},
        timeout=30,
    )
    answer.raise_for_status()
    return answer.json()


# The false addresses that a client sends, by the number of the attempt.
LIES: dict[str, Callable[[int], Lines]] = {
    "X-Forwarded-For": lambda n: [("X-Forwarded-For", f"6.6.6.{n}")],
    "lists": lambda n: [
        ("X-Forwarded-For", f"6.6.6.{n}, _a:1"),
        ("X-Forwarded-For", "127.0.0.1:9"),
    ],
    "Forwarded": lambda n: [("Forwarded", f"for=6.6.6.{n}")],
    "malformed": lambda n: [("Forwarded", f'for="6.6.6.{n}'), ("X-Forwarded-For", f"_{n}")],
}
DOCUMENTED = {one.language: one.text for one in SNIPPETS if one.language in ("nginx", "haproxy")}
SITE = """location / {
    proxy_pass http://127.0.0.1:3000/;
    %s
}"""
APPENDED = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
FORWARDED_FOR = 'proxy_set_header Forwarded "$http_forwarded, for=$remote_addr";'
# How proxies tell the address, each in its own way.
PROXIES = {
    "HAProxy": (haproxy, DOCUMENTED["haproxy"].partition("\n")[2]),
    "nginx": (nginx, SITE % f"proxy_set_header Host $http_host; {APPENDED}"),
    "nginx with Forwarded": (nginx, SITE % f"proxy_set_header Host $http_host; {FORWARDED_FOR}"),
}


@pytest.fixture(params=PROXIES)
def front(request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path) -> Iterator[str]:
    """The URL of a proxy in front of the server."""
    run, lines = PROXIES[request.param]
    with run(tmp_path, to(server, lines)) as url:
        yield url


def to(server: ServerProcess, lines: str) -> str:
    """Return a proxy's *lines* with the port of the server."""
    return lines.replace(":3000", f":{server.facts['port']}")


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_liar_is_limited_and_nobody_else(
    lie: Callable[[int], Lines], front: str, server: ServerProcess
) -> None:
    """Whatever addresses it sends itself."""
    liar = Visitor(front, "127.0.0.2")

    statuses = [liar.sign_in("wrong password", lie(n)).status for n in range(ATTEMPTS)]
    liar.ask("POST", LOG_IN, [*lie(7), ("X-Skygear-API-Key", "an-api-key")])

    assert statuses == [401] * WRONG_MAX + [429] * (ATTEMPTS - WRONG_MAX)
    assert Visitor(front, "127.0.0.3").sign_in().status == SIGNED_IN
    # The logs show the client's own address, or none.
    [attempt] = ask_admin(server, "apps/myapp/logins")["attempts"]
    refused = [act for act in ask_admin(server, "audit")["acts"] if "refused" in act["name"]]
    assert {one["address"] for one in (attempt, *refused)} <= {"127.0.0.2", ""}


def test_nobody_is_locked_out_by_their_address(front: str, server: ServerProcess) -> None:
    """Neither behind the proxy nor without it."""
    liar = Visitor(front, "127.0.0.2")
    for address in ("127.0.0.3", "127.0.0.1"):
        for _ in range(WRONG_MAX + 1):
            liar.sign_in("wrong password", [("X-Forwarded-For", address)])
            liar.sign_in("wrong password", [("Forwarded", f"for={address}")])

    assert Visitor(front, "127.0.0.3").sign_in().status == SIGNED_IN
    assert Visitor(server.url, "127.0.0.1").sign_in().status == SIGNED_IN


PASSES_ON = "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;"
FORWARDS = f"""{APPENDED} proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $http_host;"""
FORWARDED = """proxy_set_header Forwarded
        "for=\\"$remote_addr\\";proto=$scheme;host=\\"$http_host\\"";"""


@pytest.mark.parametrize("lines", [PASSES_ON, FORWARDS, FORWARDED])
def test_the_portal_shows_the_address_that_the_browser_uses(
    lines: str, server: ServerProcess, tmp_path: Path
) -> None:
    """Behind TLS, and where the proxy rewrites Host."""
    with nginx(tmp_path, to(server, SITE % lines), tls=True) as url:
        visitor = Visitor(url)
        signed_in = visitor.sign_in()
        page = html.unescape(visitor.ask("GET", "/portal/").text)

    assert signed_in.status == SIGNED_IN
    assert "; Secure" in signed_in.headers["Set-Cookie"]
    assert f">{url}<" in page
    assert f"curl -s {url}sso/custom_token/login" in page
    assert f'endPoint: "{url}"' in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_behind_a_proxy_that_rewrites_host_the_refusal_says_what_to_set(
    server: ServerProcess, tmp_path: Path
) -> None:
    """nginx sends its own name for the server unless it is told otherwise."""
    with nginx(tmp_path, to(server, SITE % "")) as url:
        refused = Visitor(url).sign_in()

    assert refused.status == HTTPStatus.FORBIDDEN
    for name in ("Host", "X-Forwarded-Host", "SKYLOGIN_TRUSTED_PROXIES"):
        assert name in refused.text


ADDRESSES = re.compile(r'(?:href|src|action|data-stream)="([^"]*)"')
PREFIX = "/login"


def test_the_portal_works_below_a_path(server: ServerProcess, tmp_path: Path) -> None:
    """Every link, form, redirect, cookie, example and stream has the prefix."""
    with nginx(tmp_path, "merge_slashes off;", to(server, DOCUMENTED["nginx"])) as url:
        visitor = Visitor(url)
        first = visitor.ask("GET", f"{PREFIX}/portal")
        signed_out = visitor.ask("GET", f"{PREFIX}/portal/users")
        signed_in = visitor.sign_in(prefix=PREFIX)
        seen = crawl(visitor, f"{PREFIX}/portal/")
        made = visitor.ask(
            "POST", f"{PREFIX}/portal/apps", form_token=visitor.form_token, name="shop"
        )
        shop = visitor.ask("GET", f"{PREFIX}/portal/apps/shop/")
        login = visitor.ask("POST", f"{PREFIX}/apps/shop{LOG_IN}")
        api = visitor.ask("GET", f"{PREFIX}/_admin/v1/openapi.json", [BEARER])
        moved = visitor.ask("POST", f"{PREFIX}//me")
        attempt = follow(visitor, f"{PREFIX}/portal/apps/shop/logins/stream")
        out = visitor.ask("POST", f"{PREFIX}/portal/sign-out", form_token=visitor.form_token)

    root = f"{PREFIX}/portal/"
    assert first.headers["Location"] == root
    assert signed_out.headers["Location"] == f"{root}sign-in"
    assert (signed_in.status, signed_in.headers["Location"]) == (SIGNED_IN, root)
    assert f"Path={root};" in signed_in.headers["Set-Cookie"]
    assert len(seen) > len(("", "overview", "logins", "users", "secrets", "token", "app", "audit"))
    assert made.headers["Location"] == f"{root}apps/shop/?notice=created"
    assert f">{url}{PREFIX[1:]}/apps/shop/<" in shop.text
    assert login.status == HTTPStatus.UNAUTHORIZED
    assert json.loads(api.text)["servers"] == [{"url": f"{PREFIX}/_admin/v1"}]
    assert moved.headers["Location"] == f"{PREFIX}/me"
    assert f'href="{root}apps/shop/logins/' in attempt
    assert out.headers["Location"] == f"{root}sign-in"
    assert f"Path={root}" in out.headers["Set-Cookie"]


def test_commands_reach_a_server_below_a_path(server: ServerProcess, tmp_path: Path) -> None:
    """By the address that the portal shows, of the server or of an app."""
    token = ("--admin-token", ADMIN_TOKEN)
    with nginx(tmp_path, to(server, DOCUMENTED["nginx"])) as url:
        ready = run_skylogin(tmp_path, "wait", f"{url}login/")
        made = run_skylogin(tmp_path, "apps", "create", "shop", "--url", f"{url}login/", *token)
        at = ("--url", f"{url}login/apps/shop/", *token)
        shown = run_skylogin(tmp_path, "secret", "show", *at)
        exported = run_skylogin(tmp_path, "apps", "export", "shop.jsonl", *at)

    for done in (ready, made, shown, exported):
        assert done.returncode == 0, done.stderr


async def test_pubsub_goes_through_a_proxy(server: ServerProcess, tmp_path: Path) -> None:
    """The documented lines pass on what makes a request a websocket."""
    with nginx(tmp_path, to(server, DOCUMENTED["nginx"])) as url:
        address = f"{url}login/pubsub?api_key={KEYS['API_KEY']}"
        async with ClientSession() as session, session.ws_connect(address) as socket:
            await socket.send_json({"action": "sub", "channel": "news"})
            await socket.send_json({"action": "pub", "channel": "news", "data": {"n": 1}})
            heard = await socket.receive_json(timeout=SECONDS_MAX)

    assert heard == {"channel": "news", "data": {"n": 1}}


def crawl(visitor: Visitor, path: str) -> set[str]:
    """Open every address on every page from *path* on, and return the pages."""
    seen, left = set[str](), {path}
    while left:
        seen.add(path := left.pop())
        answer = visitor.ask("GET", path)
        assert answer.status == HTTPStatus.OK, path
        found = {html.unescape(one) for one in ADDRESSES.findall(answer.text)}
        links = {urljoin(path, one) for one in found if "#" not in one}
        assert all(link.startswith(f"{PREFIX}/portal/") for link in links), links
        left |= {link for link in links if not FORM_ONLY.search(link)} - seen
    return seen


# These take a form, or do not end.
FORM_ONLY = re.compile(r"sign-out|rotate|mint|explain|delete|try|stream|export|find")


def follow(visitor: Visitor, path: str) -> str:
    """Return the first event of a stream, about a refused login."""
    connection = visitor.connect()
    connection.request("GET", path, headers={"Cookie": visitor.cookie})
    with connection.getresponse() as response:
        assert response.status == HTTPStatus.OK
        line = ""
        while not line.startswith("data: "):
            visitor.ask("POST", f"{PREFIX}/apps/shop{LOG_IN}")
            line = response.readline().decode()
    connection.close()
    return line


def test_haproxy_checks_the_server(server: ServerProcess, tmp_path: Path) -> None:
    """With its own check, `OPTIONS *`, in both versions of HTTP."""
    for version in ("HTTP/1.0", "HTTP/1.1"):
        lines = (
            "option httpchk",
            f"http-check send meth OPTIONS uri * ver {version} hdr Host a.example",
            f"server one 127.0.0.1:{server.facts['port']} check inter 50ms rise 1 fall 1",
        )
        with haproxy(tmp_path, *lines):
            wait_until(lambda: "L7OK,200" in haproxy_statistics(tmp_path))
