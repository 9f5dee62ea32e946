"""An auth server with its own users, which gives a signed-in user a custom token.

The app passes that token to Skygear's SDK.

    POST   /session       {"username": …, "password": …}   signs in, sets a cookie
    DELETE /session                                         signs out
    POST   /custom-token                                    {"token": …}
"""

import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
from passwords import hash_password, is_password

BODY_BYTES_MAX = 10_000
SESSION_SECONDS = 8 * 3600
TOKEN_SECONDS = 3600
USERS = Path(__file__).parent / "users.json"
# Checked for unknown users, so that a refusal takes as long as for a known one.
UNKNOWN_USER = hash_password(secrets.token_hex())

User = Mapping[str, str]


class RefusedError(Exception):
    """A refused request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class AuthServer(ThreadingHTTPServer):
    """The server. *secret* signs the custom tokens."""

    daemon_threads = True

    def __init__(
        self,
        users: list[User],
        secret: str,
        port: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.users = {user["username"]: user for user in users}
        self.secret = secret
        self.now = now
        self.sessions: dict[str, tuple[User, float]] = {}

    @property
    def url(self) -> str:
        """Return the server's URL, with a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: AuthServer

    def do_POST(self) -> None:
        """Answer a POST."""
        self._answer({"/session": self._sign_in, "/custom-token": self._custom_token})

    def do_DELETE(self) -> None:
        """Answer a DELETE."""
        self._answer({"/session": self._sign_out})

    def _sign_in(self) -> dict[str, Any]:
        given = self._read_json()
        user = self.server.users.get(str(given.get("username")))
        stored = user["password"] if user else UNKNOWN_USER
        if not is_password(str(given.get("password")), stored) or not user:
            raise RefusedError(401, "wrong user name or password")
        session = secrets.token_urlsafe(32)
        self.server.sessions[session] = (user, self.server.now() + SESSION_SECONDS)
        self.cookie = f"session={session}; HttpOnly; SameSite=Strict; Path=/"
        return {"username": user["username"]}

    def _sign_out(self) -> dict[str, Any]:
        self.server.sessions.pop(self._session(), None)
        return {}

    def _custom_token(self) -> dict[str, Any]:
        user, ends_at = self.server.sessions.get(self._session(), ({}, 0.0))
        if ends_at <= self.server.now():
            raise RefusedError(401, "sign in first")
        return {"token": issue_custom_token(user, self.server.secret)}

    def _answer(self, routes: Mapping[str, Callable[[], dict[str, Any]]]) -> None:
        self.cookie = ""
        try:
            if self.path not in routes:
                raise RefusedError(404, "not found")
            status, body = 200, routes[self.path]()
        except RefusedError as refused:
            status, body = refused.status, {"error": str(refused)}
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        if self.cookie:
            self.send_header("Set-Cookie", self.cookie)
        self.end_headers()
        self.wfile.write(content)

    def _read_json(self) -> dict[str, Any]:
        # A form on another site cannot send this content type.
        if self.headers["Content-Type"] != "application/json":
            raise RefusedError(415, "send JSON")
        length = self.headers["Content-Length"] or ""
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            raise RefusedError(413, "too long")
        try:
            given = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON") from None
        return given if isinstance(given, dict) else {}

    def _session(self) -> str:
        try:
            cookies = SimpleCookie(self.headers["Cookie"] or "")
        except CookieError:
            return ""
        return cookies["session"].value if "session" in cookies else ""

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing."""


def issue_custom_token(user: User, secret: str) -> str:
    """Return a custom token, which skylogin or Skygear accepts as proof of who the user is."""
    now = int(time.time())
    claims = {
        "sub": user["id"],
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "skyprofile": {"username": user["username"], "email": user["email"]},
    }
    return jwt.encode(claims, secret, algorithm="HS256")


def main() -> None:
    """Run the server until Ctrl-C."""
    secret = os.environ.get("CUSTOM_TOKEN_SECRET")
    if not secret:
        sys.exit("CUSTOM_TOKEN_SECRET is not set")
    users = json.loads(USERS.read_text(encoding="utf-8"))
    with AuthServer(users, secret, int(os.environ.get("PORT", "4000"))) as server:
        print(server.url, flush=True)
        with suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
