"""Every route of the admin API and of the portal, for those who may not."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import argon2
import bcrypt
import pytest
from aiohttp import ClientSession
from skylogin import config
from skylogin.admin import openapi
from skylogin.admin.openapi import Operation
from skylogin.client.admin_api import BASE
from skylogin.clock import system_now
from skylogin.database import Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import apps, secrets, users
from skylogin.operations.operator import list_acts
from skylogin.portal.routes import ROUTES
from skylogin.store import login_counts
from skylogin.store.user_search import Search
from skylogin.tokens import mint

from tests.sites import ADMIN_TOKEN, KEYS, PASSWORD, Site, running_site

pytestmark = pytest.mark.slow

ORIGIN = {"Origin": "http://evil.example"}
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
    """Make a user, and return the ids that stand in paths."""
    [secret, *_] = await secrets.list_accepted(site.operator, "shop")
    token = mint.mint(
        "alice", secret.secret, system_now(), claims={"skyprofile": {"username": "alice"}}
    )
    shop = await apps.get(site.operator, "shop")
    async with site.session.post(
        f"{site.url}apps/shop/sso/custom_token/login",
        json={"api_key": shop.api_key, "token": token},
    ) as response:
        assert response.ok
    [user] = (await users.find(site.operator, "shop", Search())).users
    return {
        "app": "shop",
        "secret_id": secret.id,
        "user_id": user.id,
        "attempt_id": "none",
        "fault_id": "none",
        "name": "none",
    }


def filled(path: str, ids: dict[str, str]) -> str:
    """Return a path with the ids in it."""
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value)
    return path


async def ask(site: Site, operation: Operation, ids: dict[str, str], **headers: str) -> int:
    """Ask for an operation as somebody would who may, but for *headers*; return the status."""
    url = f"{site.url.rstrip('/')}{BASE}{filled(operation.path, ids)}"
    body = BODIES.get(operation.name, {}) if operation.body else None
    async with (
        ClientSession(headers=headers) as session,
        session.request(operation.method, url, json=body) as response,
    ):
        if response.status >= HTTPStatus.BAD_REQUEST:
            assert response.content_type == "application/problem+json"
        return response.status


async def test_the_admin_api_turns_away_who_may_not(endpoint: Site) -> None:
    """Before anything happens: nothing is changed by any of them."""
    ids = await fill(endpoint)
    shop = await apps.get(endpoint.operator, "shop")
    wrong = ("", "Bearer", "Bearer wrong", f"Basic {ADMIN_TOKEN}", f"Bearer {KEYS['MASTER_KEY']}")
    await settled(endpoint)
    before = endpoint.state()

    for operation in openapi.operations():
        for authorization in (*wrong, f"Bearer {shop.master_key}", f"Bearer {ADMIN_TOKEN}x"):
            headers = {"Authorization": authorization} if authorization else {}
            assert await ask(endpoint, operation, ids, **headers) == HTTPStatus.UNAUTHORIZED, (
                operation.name
            )
        right = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        assert await ask(endpoint, operation, ids, **right, **ORIGIN) == HTTPStatus.FORBIDDEN, (
            operation.name
        )

    assert endpoint.state() == before


async def settled(site: Site) -> None:
    """Wait until counts of what was done are written."""
    while not await site.operator.store.run(_count, write=False):  # noqa: ASYNC110
        await asyncio.sleep(0.1)


async def listed(site: Site) -> list[str]:
    """Return the names of what is in the audit list that concerns all apps."""
    return [act.name for act in await list_acts(site.operator, EVERY_APP)]


async def _count(tx: Transaction) -> int:
    return len(await login_counts.load_last_uses(tx, "shop"))


async def test_the_admin_api_is_off_unless_it_has_a_token(stand_in: Site, tmp_path: Path) -> None:
    """For an endpoint; a stand-in takes the master key."""
    [about] = [one for one in openapi.operations() if one.name == "getSettings"]
    right = {"Authorization": f"Bearer {KEYS['MASTER_KEY']}"}
    async with running_site(tmp_path / "1.db", config.SERVE, SKYLOGIN_ADMIN_TOKEN="") as site:
        assert await ask(site, about, {}, **right) == HTTPStatus.NOT_FOUND
    async with running_site(tmp_path / "2.db", config.DEV, SKYLOGIN_ADMIN_TOKEN="") as site:
        assert await ask(site, about, {}, **right) == HTTPStatus.OK
        evil = {**right, "Host": "evil.example"}
        assert await ask(site, about, {}, **evil) == HTTPStatus.FORBIDDEN


async def test_the_portal_turns_away_who_may_not(endpoint: Site) -> None:
    """Before anything happens, whoever asks for whatever."""
    ids = await fill(endpoint)
    await endpoint.sign_in()
    good, token = endpoint.session.cookie_jar, endpoint.form_token
    cookies = {cookie.key: cookie.value for cookie in good}
    await settled(endpoint)
    before = endpoint.state()
    base = f"{endpoint.url}portal/apps/shop/"

    async def send(
        method: str, page: str, headers: dict[str, str], cookies: dict[str, str], token: str
    ) -> tuple[int, str]:
        fields = {**FORMS.get(page, {}), **({"form_token": token} if token else {})}
        async with (
            ClientSession(headers=headers, cookies=cookies) as session,
            session.request(
                method,
                base + page,
                data=fields if method == "POST" else None,
                allow_redirects=False,
            ) as response,
        ):
            return response.status, response.headers.get("Location", "")

    for route in ROUTES:
        page = filled(route.path, ids)
        for wrong in ({}, {"skylogin_session": "wrong"}, {"skylogin_session": "x" * 43}):
            status, location = await send(route.method, page, {}, wrong, token)
            if route.method == "GET":
                assert (status, location) == (303, "/portal/sign-in"), page
            else:
                assert status == HTTPStatus.UNAUTHORIZED, page
        status, _ = await send(route.method, page, ORIGIN, cookies, token)
        assert status == HTTPStatus.FORBIDDEN, page
        if route.method == "POST":
            for other in ("", "0" * 64):
                status, _ = await send("POST", page, {}, cookies, other)
                # What a stand-in alone has is not there at all.
                no = HTTPStatus.NOT_FOUND if route.dev_only else HTTPStatus.FORBIDDEN
                assert status == no, page

    assert endpoint.state() == before


async def test_there_is_no_portal_without_a_password(tmp_path: Path) -> None:
    """It says what to set."""
    path = tmp_path / "off.db"
    async with running_site(path, config.SERVE, SKYLOGIN_ADMIN_PASSWORD="") as site:
        response, text = await site.get("users")
    assert response.status == HTTPStatus.NOT_FOUND
    assert "SKYLOGIN_ADMIN_PASSWORD" in text


async def test_too_many_wrong_passwords_are_refused(endpoint: Site) -> None:
    """The right one too, for a while."""
    for _ in range(5):
        assert (await endpoint.sign_in("wrong password")).status == HTTPStatus.UNAUTHORIZED
    assert (await endpoint.sign_in("wrong password")).status == HTTPStatus.TOO_MANY_REQUESTS
    assert (await endpoint.sign_in()).status == HTTPStatus.TOO_MANY_REQUESTS


async def test_many_wrong_passwords_at_once_count_too(endpoint: Site) -> None:
    """No more of them are looked at than of as many one after the other."""
    await endpoint.get("sign-in")
    tries = [endpoint.post("sign-in", password=f"wrong {number}") for number in range(20)]
    statuses = [response.status for response, _ in await asyncio.gather(*tries)]
    assert sorted(statuses) == [401] * 5 + [429] * 15


async def test_right_passwords_are_not_counted(endpoint: Site) -> None:
    """However often somebody signs in."""
    for _ in range(7):
        assert (await endpoint.sign_in()).status == HTTPStatus.SEE_OTHER
    assert "sign_in_refused" not in "\n".join(await listed(endpoint))


@pytest.mark.parametrize("kind", ["bcrypt", "argon2"])
async def test_the_password_may_be_a_hash(kind: str, tmp_path: Path) -> None:
    """So that the environment does not have it."""
    hashed = {
        "bcrypt": lambda: bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        "argon2": lambda: argon2.PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD),
    }[kind]()
    path = tmp_path / "hash.db"
    async with running_site(path, config.SERVE, SKYLOGIN_ADMIN_PASSWORD=hashed) as site:
        assert (await site.sign_in(hashed)).status == HTTPStatus.UNAUTHORIZED
        assert (await site.sign_in()).status == HTTPStatus.SEE_OTHER
        assert (await site.get("users"))[0].status == HTTPStatus.OK


async def test_a_session_is_kept_from_scripts_and_other_sites(endpoint: Site) -> None:
    """And it ends when it is told to."""
    response = await endpoint.sign_in()
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/portal/" in cookie

    page, _ = await endpoint.get("users")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy

    [key] = [one.value for one in endpoint.session.cookie_jar if one.key == "skylogin_session"]
    assert key not in "\n".join(endpoint.state())
    ended, _ = await endpoint.post("sign-out")
    assert ended.status == HTTPStatus.SEE_OTHER
    async with (
        ClientSession(cookies={"skylogin_session": key}) as session,
        session.get(f"{endpoint.url}portal/users", allow_redirects=False) as again,
    ):
        assert again.status == HTTPStatus.SEE_OTHER
