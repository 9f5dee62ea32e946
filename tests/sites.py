"""Servers of operators: a stand-in and an endpoint, each on a database of its own."""

import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse, ClientSession, CookieJar
from skylogin import config
from skylogin.operations import apps, secrets
from skylogin.operations.operator import Operator
from skylogin.web import server

ADMIN_TOKEN = "an-admin-token-of-this-test"
PASSWORD = "correct horse battery"
KEYS = {
    "API_KEY": "an-api-key",
    "MASTER_KEY": "a-master-key-of-this-test",
    "SKYLOGIN_ADMIN_TOKEN": ADMIN_TOKEN,
    "SKYLOGIN_ADMIN_PASSWORD": PASSWORD,
    "HOST": "127.0.0.1:0",
}
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


@dataclass
class Site:
    """A server of an operator, and a browser without JavaScript."""

    url: str
    path: Path
    operator: Operator
    session: ClientSession
    form_token: str = ""

    async def get(self, page: str = "", **more: Any) -> tuple[ClientResponse, str]:
        """Ask for a page of the portal, and remember its form token."""
        url = f"{self.url}portal/{page}"
        async with self.session.get(url, allow_redirects=False, **more) as response:
            text = await response.text()
        found = FORM_TOKEN.search(text)
        if found:
            self.form_token = found[1]
        return response, text

    async def post(self, page: str, **fields: str) -> tuple[ClientResponse, str]:
        """Send a form, and return the answer."""
        fields = {"form_token": self.form_token, **fields}
        url = f"{self.url}portal/{page}"
        async with self.session.post(url, data=fields, allow_redirects=False) as response:
            return response, await response.text()

    async def sign_in(self, password: str = PASSWORD) -> ClientResponse:
        """Sign in, and get a form token of that session."""
        await self.get("sign-in")
        response, _ = await self.post("sign-in", password=password)
        await self.get()
        return response

    def state(self) -> list[str]:
        """Return everything that is stored, but for who was turned away."""
        with sqlite3.connect(self.path) as connection:
            return [line for line in connection.iterdump() if "sign_in_refused" not in line]


@asynccontextmanager
async def running_site(path: Path, mode: str, **environment: str) -> AsyncIterator[Site]:
    """Run a server for the block."""
    values = {**KEYS, "DATABASE_URL": f"sqlite:///{path}", **environment}
    settings = config.read(values, mode)
    jar = CookieJar(unsafe=True)
    async with server.running(settings) as running, ClientSession(cookie_jar=jar) as session:
        yield Site(running.url, path, Operator(running.store, settings), session)


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Site]:
    """A server as `skylogin serve` runs it, with an app besides the one of the environment."""
    async with running_site(tmp_path / "endpoint.db", config.SERVE) as site:
        await apps.create(site.operator, "shop")
        await secrets.rotate(site.operator, "myapp")
        yield site


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[Site]:
    """A server as `skylogin dev` runs it."""
    async with running_site(tmp_path / "stand-in.db", config.DEV) as site:
        yield site
