"""Secrets in every field of every request: none is in anything that `skylogin serve` writes."""

import asyncio
import http.client
import json
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin.clock import system_now
from skylogin.operations import portal_sessions
from skylogin.tokens import mint as minting

from tests.cli.commands import rows_of
from tests.processes import ServerProcess, StartServer

pytestmark = pytest.mark.slow

EXAMPLES = 150
KEYS = {
    "API_KEY": "a key that every client has",
    "MASTER_KEY": "3f0c-master-key-0f9a77b1e2",
    "CUSTOM_TOKEN_SECRET": "77d1-custom-token-secret-5c",
    "TOKEN_STORE_SECRET": "b01e-token-store-secret-9e2",
    "SKYLOGIN_ADMIN_TOKEN": "e55a-admin-token-41d0c8f7a",
    "SKYLOGIN_ADMIN_PASSWORD": "c9d2-admin-password-7e",
    "SKYLOGIN_METRICS_TOKEN": "04ab-metrics-token-d31f6e9",
    "DATABASE_URL": "sqlite:///x.db",
}
# It logs what it can, and refuses nothing because there is much of it.
LOUD = {
    "LOG_LEVEL": "debug",
    "LOG_FORMATTER": "json",
    "SKYLOGIN_LOG_CALLS": "yes",
    "SKYLOGIN_LIMITS": "off",
}
PASSWORD = "ad63-password-of-a-user-58f0"
HEADERS = (
    "X-Skygear-API-Key",
    "X-Skygear-Access-Token",
    "Authorization",
    "Cookie",
    "Origin",
    "Referer",
    "User-Agent",
    "Host",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "Access-Control-Request-Headers",
    "Content-Type",
    "X-Anything",
)
PATHS = (
    "/",
    "/me",
    "/sso/custom_token/login",
    "/auth/login",
    "/auth/signup",
    "/record/query",
    "/record/save",
    "/push/user",
    "/pubsub",
    "/apps/{}/me",
    "/{}",
    "/{}/me",
    "/x//{}",
    "/_issuer/token",
    "/healthz",
    "/metrics",
    "/_admin/{}",
    "/_admin/apps",
    "/_admin/apps/{}/users",
    "/_admin/apps/myapp/users/{}",
    "/_admin/apps/myapp/logins/{}",
    "/portal/",
    "/portal/{}",
    "/portal/sign-in",
    "/portal/users/{}",
    "/portal/logins/{}",
    "/portal/static/{}",
)
MEMBERS = (
    "action",
    "api_key",
    "access_token",
    "token",
    "auth_data",
    "password",
    "profile",
    "provider",
    "ids",
    "record_type",
    "predicate",
    "records",
    "database_id",
    "{}",
)


@dataclass(slots=True)
class WatchedServer:
    """A server, and what nobody may find in what it writes."""

    server: ServerProcess
    secrets: list[str]
    cookie: str = ""
    answers: dict[int, int] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Send any request, and return the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.facts["port"], timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            status = answer.status
            self.answers[status] = self.answers.get(status, 0) + 1
            return status, answer.headers, answer.read() if status != SWITCHED else b""
        finally:
            connection.close()


SWITCHED = 101
COMMANDS = (
    ("logins", "--limit", "200"),
    ("audit", "--limit", "200"),
    ("audit", "--on-apps", "--limit", "200"),
    ("settings",),
    ("overview",),
    ("users", "find"),
    ("doctor",),
)
ODD = st.sampled_from(["{}", '{"a":"{}"', '["{}"]', "api_key={}", "\xff{}", '{"token":"{}"}x', ""])


def forged(secret: str) -> str:
    """Return a token that nobody signed, with a secret wherever one fits.

    Operators see what a token claims; a user's password there cannot be told from a name.
    """
    if secret not in KEYS.values() and "." not in secret:
        secret = "nothing secret"
    claims = {"sub": secret, "iss": secret, "exp": secret, secret: secret}
    return jwt.encode(claims, "a key of somebody who attacks us", "HS256", {"kid": secret})


def bodies(secret: str) -> st.SearchStrategy[bytes]:
    """Bodies with a secret, as JSON or not."""
    values = st.recursive(
        st.sampled_from([secret, forged(secret)]),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["a", "id", "password", "$ref", secret]), inner, max_size=3
            ),
        ),
        max_leaves=4,
    )
    members = st.sampled_from([name.format(secret) for name in MEMBERS])
    fixed = st.sampled_from([{}, {"api_key": KEYS["API_KEY"]}])
    whole = st.builds(
        lambda one, two: {**one, **two}, st.dictionaries(members, values, max_size=5), fixed
    )
    odd = ODD.map(lambda text: text.replace("{}", secret).encode("latin-1"))
    return st.one_of(whole.map(lambda value: json.dumps(value).encode()), odd)


@st.composite
def requests(
    draw: st.DrawFn, secrets: list[str], cookie: str
) -> tuple[str, str, dict[str, str], bytes]:
    """A request with a secret in any of its fields, sometimes with credentials that are right."""
    secret = draw(st.sampled_from(secrets))
    written = draw(st.sampled_from([secret, quote(secret, safe=""), secret.replace("-", "%2D")]))
    path = draw(st.sampled_from(PATHS)).replace("{}", quote(written, safe="%"))
    if draw(st.booleans()):
        path += "?" + urlencode({draw(st.sampled_from(["token", "api_key", "q", secret])): secret})
    headers = {
        name: draw(st.sampled_from([secret, f"Bearer {secret}", f"x={secret}; y"]))
        for name in draw(st.lists(st.sampled_from(HEADERS), unique=True, max_size=3))
    }
    headers |= draw(
        st.sampled_from(
            [
                {},
                {"X-Skygear-API-Key": KEYS["API_KEY"]},
                {"X-Skygear-API-Key": KEYS["MASTER_KEY"]},
                {"Cookie": cookie},
                {"Authorization": f"Bearer {KEYS['SKYLOGIN_ADMIN_TOKEN']}"},
                {
                    "Upgrade": "websocket",
                    "Connection": "Upgrade",
                    "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "AQIDBAUGBwgJCgsMDQ4PEA==",
                },
            ]
        )
    )
    method = draw(
        st.sampled_from(
            [
                "POST",
                "POST",
                "GET",
                "PUT",
                "DELETE",
                "OPTIONS",
                secret.replace("_", "-").partition(".")[0][:20].upper(),
            ]
        )
    )
    return method, path, headers, draw(bodies(secret))


@pytest.fixture
def watched(start_server: StartServer, tmp_path: Path) -> WatchedServer:
    """A server that writes as much as it can, with a user, a token and a session."""
    server = start_server("serve", "--port", "0", **KEYS, **LOUD)
    watched = WatchedServer(server, [])
    token = minting.mint("alice", KEYS["CUSTOM_TOKEN_SECRET"], system_now())
    bad = minting.mint("mallory", "a secret of somebody else who signs", system_now())
    login = {"api_key": KEYS["API_KEY"], "token": token}
    status, _, answer = watched.ask(
        "POST", "/sso/custom_token/login", {}, json.dumps(login).encode()
    )
    assert status == HTTPStatus.OK, answer
    access = json.loads(answer)["result"]["access_token"]
    watched.cookie = sign_in(watched)
    own = [value for name, value in KEYS.items() if name not in ("API_KEY", "DATABASE_URL")]
    watched.secrets = [*own, PASSWORD, token, bad, access, watched.cookie.partition("=")[2]]
    return watched


def sign_in(watched: WatchedServer) -> str:
    """Return the cookie of a session of the portal."""
    _, headers, _ = watched.ask("GET", "/portal/sign-in", {}, b"")
    cookie = headers["Set-Cookie"].partition(";")[0]
    token = portal_sessions.form_token(cookie.partition("=")[2])
    form = urlencode({"password": KEYS["SKYLOGIN_ADMIN_PASSWORD"], "form_token": token})
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    status, headers, answer = watched.ask("POST", "/portal/sign-in", kind, form.encode())
    assert status == HTTPStatus.SEE_OTHER, answer
    return headers["Set-Cookie"].partition(";")[0]


def test_no_secret_is_in_what_a_server_writes(watched: WatchedServer, tmp_path: Path) -> None:
    """Whatever field of whatever request a secret is in."""

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(requests(watched.secrets, watched.cookie))
    def send(request: tuple[str, str, dict[str, str], bytes]) -> None:
        watched.ask(*request)

    send()
    for secret in watched.secrets:
        for token in (secret, forged(secret), {"token": secret}):
            body = json.dumps({"api_key": KEYS["API_KEY"], "token": token}).encode()
            watched.ask("POST", "/sso/custom_token/login", {}, body)
    asyncio.run(send_messages(watched))
    assert {HTTPStatus.OK, 400, 401, 404} <= watched.answers.keys()
    written = written_by(watched, tmp_path)
    needles = [one.rpartition(".")[2] for one in watched.secrets]
    for name, text in written.items():
        shown = [line[:1000] for line in text.splitlines() if any(one in line for one in needles)]
        assert shown == [], name
    assert "signature_wrong" in written[" ".join(COMMANDS[0])]


async def send_messages(watched: WatchedServer) -> None:
    """Send secrets by a websocket: as channels, as what is published, and as no message at all."""
    url = f"{watched.server.url}pubsub?api_key={quote(KEYS['API_KEY'])}"
    async with aiohttp.ClientSession() as session:
        for secret in watched.secrets:
            async with session.ws_connect(f"{url}&token={quote(secret)}") as socket:
                for action in ("sub", "pub", "unsub", secret):
                    message = {"action": action, "channel": secret, "data": {secret: secret}}
                    await socket.send_json(message)
                await socket.send_str(f'{{"action": "{secret}')
                await socket.send_bytes(secret.encode())


def written_by(watched: WatchedServer, folder: Path) -> dict[str, str]:
    """Return everything that people can read: the log, the login log, the audit, the pages."""
    texts: dict[str, Any] = {
        "stderr": watched.server.log,
        "stdout": json.dumps(watched.server.facts),
    }
    at = ("--url", watched.server.url, "--admin-token", KEYS["SKYLOGIN_ADMIN_TOKEN"])
    for command in COMMANDS:
        texts[" ".join(command)] = json.dumps(rows_of(folder, *command, *at))
    for page in ("", "overview", "logins", "users", "settings", "audit", "token"):
        _, _, body = watched.ask("GET", f"/portal/{page}", {"Cookie": watched.cookie}, b"")
        texts[f"/portal/{page}"] = body.decode()
    return texts
