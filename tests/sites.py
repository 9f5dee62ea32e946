"""The application as operators use it: its portal, its admin API, and an app of it."""

import itertools
import json
import re
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import ClientResponse, DummyCookieJar
from multidict import CIMultiDict
from pytest_aiohttp.plugin import AiohttpClient
from skylogin import config
from skylogin.actions.services import Services
from skylogin.client.admin_api import BASE
from skylogin.clock import system_now
from skylogin.operations import apps, secrets, users
from skylogin.operations.operator import Operator, operator_of
from skylogin.store.user_search import Search
from skylogin.tokens import mint
from skylogin.web.keys import SERVICES
from yarl import URL

from tests.applications import Client, MakeClient

ADMIN_TOKEN = "an-admin-token-of-this-test"
PASSWORD = "correct horse battery"
KEYS = {
    "API_KEY": "an-api-key",
    "MASTER_KEY": "a-master-key-of-this-test",
    "SKYLOGIN_ADMIN_TOKEN": ADMIN_TOKEN,
    "SKYLOGIN_ADMIN_PASSWORD": PASSWORD,
}
LOG_IN = "sso/custom_token/login"
COOKIE = "skylogin_session"
FORM_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Answer:
    """A response that was read to its end."""

    url: URL
    status: int
    headers: Mapping[str, str]
    text: str

    @classmethod
    async def of(cls, response: ClientResponse) -> "Answer":
        """Read *response*."""
        return cls(response.url, response.status, response.headers, await response.text())

    @property
    def ok(self) -> bool:
        """Return whether the status is not an error's."""
        return self.status < 400  # noqa: PLR2004

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.text)


@dataclass
class Site:
    """The application with an operator's settings, and a browser without JavaScript."""

    browser: Client
    without_cookies: Client
    form_token: str = ""

    @property
    def services(self) -> Services:
        """Return what the application holds."""
        services: Services = self.browser.app[SERVICES]
        return services

    @property
    def operator(self) -> Operator:
        """Return an operator of the application."""
        return operator_of(self.services, "test", "")

    @property
    def session_key(self) -> str:
        """Return the key in the browser's cookie."""
        [key] = [one.value for one in self.browser.session.cookie_jar if one.key == COOKIE]
        return key

    async def get(self, page: str = "", **more: Any) -> Answer:
        """Open a page of the portal in the browser, and remember its form token."""
        answer = await Answer.of(
            await self.browser.get(f"/portal/{page}", allow_redirects=False, **more)
        )
        if found := FORM_TOKEN.search(answer.text):
            self.form_token = found[1]
        return answer

    async def post(self, page: str, **fields: str) -> Answer:
        """Submit a form of the portal in the browser."""
        fields = {"form_token": self.form_token, **fields}
        return await Answer.of(
            await self.browser.post(f"/portal/{page}", data=fields, allow_redirects=False)
        )

    async def sign_in(self, password: str = PASSWORD) -> Answer:
        """Sign in, and open a page, for the session's form token."""
        await self.get("sign-in")
        answer = await self.post("sign-in", password=password)
        await self.get()
        return answer

    async def send(self, method: str, path: str, *, session: str = "", **more: Any) -> Answer:
        """Send a request whose *path* stays as it is written, with no cookie but *session*."""
        url = URL(f"{self.without_cookies.make_url('/')}{path}", encoded=True)
        headers = CIMultiDict(more.pop("headers", {}))
        if session:
            headers["Cookie"] = f"{COOKIE}={session}"
        return await Answer.of(
            await self.without_cookies.session.request(
                method, url, headers=headers, allow_redirects=False, **more
            )
        )

    async def admin(self, method: str, path: str, token: str = ADMIN_TOKEN, **more: Any) -> Answer:
        """Send a request to the admin API."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        return await self.send(method, f"{BASE}{path}".lstrip("/"), headers=headers, **more)

    def state(self) -> list[str]:
        """Return everything that is stored, except refused attempts of operators."""
        path = self.services.settings.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path)) as connection:
            return [line for line in connection.iterdump() if "_refused" not in line]


MakeSite = Callable[..., Awaitable[Site]]


@pytest.fixture
def make_site(make_client: MakeClient, aiohttp_client: AiohttpClient) -> MakeSite:
    """Serve the application with an operator's settings: *mode*, and others by their variables."""

    async def make(mode: str, **environment: str) -> Site:
        client = await make_client(mode, **{**KEYS, **environment})
        return Site(client, await aiohttp_client(client.server, cookie_jar=DummyCookieJar()))

    return make


@pytest.fixture
async def serve_site(make_site: MakeSite) -> Site:
    """The application as `skylogin serve` runs it, with a secret and with the app `shop`."""
    site = await make_site(config.SERVE)
    await apps.create(site.operator, "shop")
    await secrets.rotate(site.operator, "myapp")
    return site


@pytest.fixture
async def dev_site(make_site: MakeSite) -> Site:
    """The application as `skylogin dev` runs it."""
    return await make_site(config.DEV)


# --- every operation and every page ---------------------------------------------------

# Valid bodies by operation, and valid forms by page.
BODIES: dict[str, dict[str, Any]] = {
    "createApp": {"name": "new"},
    "rotateSecret": {"overlap_hours": 1},
    "editUser": {"profile": {"username": "changed"}},
    "disableUser": {"message": "no"},
    "setUserRoles": {"roles": ["Admin"]},
    "mintToken": {"sub": "alice"},
    "seedApp": {"users": [{"sub": "mallory"}]},
    "explainToken": {"token": "x"},
}
FORMS: dict[str, dict[str, str]] = {
    "token/mint": {"subject": "alice", "expires_in": "60"},
    "apps": {"name": "new"},
    "app/delete": {"name": "shop"},
}


async def fill(site: Site) -> dict[str, str]:
    """Log alice in to the app `shop`, and return the ids for paths."""
    [secret, *_] = await secrets.list_accepted(site.operator, "shop")
    token = mint.mint(
        "alice", secret.secret, system_now(), claims={"skyprofile": {"username": "alice"}}
    )
    shop = await apps.get(site.operator, "shop")
    payload = {"api_key": shop.api_key, "token": token}
    assert (await site.send("POST", f"apps/shop/{LOG_IN}", json=payload)).ok
    # Until the counts of the login are written, the state changes by itself.
    app = await site.services.apps.find("shop")
    assert app is not None
    await app.login_log.flush()
    [user] = (await users.find(site.operator, "shop", Search())).users
    return {
        "app": "shop",
        "secret_id": secret.id,
        "user_id": user.id,
        "attempt_id": "none",
        "fault_id": "none",
        "stub_id": "none",
        "name": "none",
    }


def filled(path: str, ids: Mapping[str, str]) -> str:
    """Return a path template with its ids filled in."""
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


# --- requests that another site forges ------------------------------------------------

# What a browser says about a request from a page of another site.
FOREIGN_HEADERS = {
    "a page of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a page of another port": {"Sec-Fetch-Site": "same-site"},
    "a hidden origin": {"Origin": "null"},
    "an invalid origin": {"Origin": "x"},
    "an origin with the same beginning": {"Origin": "http://127.0.0.1.evil.example"},
    "an empty origin": {"Origin": ""},
}
FOREIGN_HOSTS = (
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:80",
)
METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "TRACE")


# --- one app ----------------------------------------------------------------------------


@dataclass
class SiteApp:
    """An app of `skylogin dev` with default keys, and every answer about it."""

    client: Client
    name: str = field(default_factory=lambda: f"app-{next(_NUMBERS)}")
    answers: list[Answer] = field(default_factory=list)

    async def admin(self, method: str, path: str, **body: Any) -> Answer:
        """Send a request to the admin API of the app."""
        headers = {"Authorization": "Bearer secret"}
        url = f"{BASE}/apps/{self.name}/{path}"
        return await self._note(
            await self.client.request(method, url, json=body or None, headers=headers)
        )

    async def mint(self, subject: str, **more: Any) -> str:
        """Return a custom token that the app makes."""
        answer = await self.admin("POST", "tokens", sub=subject, **more)
        assert answer.ok, answer.text
        return str(answer.json()["token"])

    async def call(self, action: str, /, **payload: Any) -> Answer:
        """Call an action."""
        body = {"api_key": "changeme", **payload}
        return await self._note(await self.client.post(f"/apps/{self.name}/{action}", json=body))

    async def log_in(self, subject: str, **profile: Any) -> Answer:
        """Log in with a custom token."""
        return await self.call(LOG_IN, token=await self.mint(subject, skyprofile=profile))

    async def page(self, page: str) -> Answer:
        """Open a page of the portal."""
        answer = await self._note(await self.client.get(f"/portal/apps/{self.name}/{page}"))
        assert answer.ok, (page, answer.text)
        return answer

    async def _note(self, response: ClientResponse) -> Answer:
        self.answers.append(await Answer.of(response))
        return self.answers[-1]


@pytest.fixture
async def site_app(client: Client) -> SiteApp:
    """An app of `skylogin dev` with default keys."""
    app = SiteApp(client)
    assert (await app.admin("GET", "clock")).ok
    return app
