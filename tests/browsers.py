"""Chromium, and a server with some users."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright import sync_api
from skylogin.clock import system_now
from skylogin.testing import SkyloginServer
from skylogin.tokens import mint as minting

SECONDS_MAX = 30
OPTIONS = ["--no-sandbox", "--disable-background-networking"]


@dataclass
class Client:
    """An app's authentication server, and clients that log in."""

    server: SkyloginServer
    database: str
    statuses: list[int] = field(default_factory=list)

    def log_in(self, subject: str, secret: str = "", expires_in: int = 60, **profile: Any) -> int:
        """Log in with a new custom token, and return the status."""
        token = self.mint(subject, secret, expires_in, **profile)
        body = {"api_key": "changeme", "token": token}
        url = f"{self.server.url}/sso/custom_token/login"
        return requests.post(url, json=body, timeout=SECONDS_MAX).status_code

    def mint(self, subject: str, secret: str = "", expires_in: int = 60, **profile: Any) -> str:
        """Return a custom token."""
        secret = secret or self.server.custom_token_secret
        lifetime, claims = timedelta(seconds=expires_in), {"skyprofile": profile}
        return minting.mint(subject, secret, system_now(), lifetime, claims=claims)

    def write_counts(self) -> None:
        """Make the server write its counts and refused logins, as reading its login log does."""
        list(self.server.app().logins)

    def control(self, path: str, **body: Any) -> None:
        """Use a control for tests of the admin API."""
        url = f"{self.server.url}/_admin/v1/apps/myapp/{path}"
        headers = {"Authorization": "Bearer secret"}
        requests.post(url, json=body, headers=headers, timeout=SECONDS_MAX).raise_for_status()


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A server with three users who have logged in."""
    database = f"sqlite:///{tmp_path / 'portal.db'}"
    with SkyloginServer(database=database) as server:
        client = Client(server, database)
        for name in ("anna", "bert", "zoe"):
            assert client.log_in(name, username=name, email=f"{name}@example.com") == HTTPStatus.OK
        yield client


@pytest.fixture(scope="module")
def browser(require: Any) -> Iterator[Any]:
    """The system's Chromium."""
    require("chromium")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()
