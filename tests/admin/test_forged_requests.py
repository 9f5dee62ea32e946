"""What somebody may try to get past who is asked and from where: nothing is changed by it."""

import asyncio
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from aiohttp import ClientSession, CookieJar
from skylogin.admin import openapi
from skylogin.client.admin_api import BASE
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import apps, secrets, users
from skylogin.operations.operator import list_acts
from skylogin.portal.routes import ROUTES
from skylogin.store.user_search import Search
from yarl import URL

from tests.admin.test_who_may import FORMS, fill, filled, settled
from tests.sites import ADMIN_TOKEN, KEYS, Site

pytestmark = pytest.mark.slow

RIGHT = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
# What a browser says of a request that a page of another site makes.
FOREIGN = {
    "a page of another site": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "a page of another port": {"Sec-Fetch-Site": "same-site"},
    "an origin that hides": {"Origin": "null"},
    "an origin that is none": {"Origin": "x"},
    "an origin that begins alike": {"Origin": "http://127.0.0.1.evil.example"},
    "no origin at all": {"Origin": ""},
}
METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def tricks(page: str) -> Iterator[str]:
    """Give other spellings of the path of a page."""
    yield f"portal//{page}"
    yield f"portal/./{page}"
    yield f"portal/%2e/{page}"
    yield f"portal/apps/x/../shop/{page}"
    yield f"portal/apps/x/%2e%2e/shop/{page}"
    yield f"portal/static/../{page}"
    yield f"portal/static/%2e%2e/{page}"
    yield f"portal/sign-in/../{page}"
    yield f"portal%2f{page}"
    yield f"/portal/{page}"
    yield f"PORTAL/{page}"
    yield f"apps/shop/portal/{page}"
    yield f"portal/{page}/"
    yield f"portal/{page};x"


async def send(  # noqa: PLR0913, PLR0917
    site: Site,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    fields: dict[str, str] | None = None,
    cookies: dict[str, str] | None = None,
) -> int:
    """Send a request whose path stays as it is written; return the status."""
    url = URL(site.url.rstrip("/") + f"/{path}", encoded=True)
    async with (
        ClientSession(cookies=cookies, cookie_jar=CookieJar(unsafe=True)) as session,
        session.request(method, url, headers=headers, data=fields, allow_redirects=False) as got,
    ):
        return got.status


async def test_the_portal_is_not_tricked(endpoint: Site) -> None:
    """By other methods, other spellings, or what an app's clients know."""
    ids = await fill(endpoint)
    await endpoint.sign_in()
    token = endpoint.form_token
    good = {cookie.key: cookie.value for cookie in endpoint.session.cookie_jar}
    shop = await apps.get(endpoint.operator, "shop")
    await settled(endpoint)
    before = endpoint.state()

    keys = {"X-Skygear-API-Key": str(shop.master_key), "Authorization": f"Bearer {ADMIN_TOKEN}"}
    for route in ROUTES:
        page = filled(route.path, ids)
        fields = {**FORMS.get(page, {}), "form_token": token}
        for path in (f"portal/{page}", f"portal/apps/shop/{page}"):
            for method in METHODS:
                status = await send(endpoint, method, path, fields=fields)
                assert status >= HTTPStatus.MULTIPLE_CHOICES, (method, path)
                status = await send(endpoint, method, path, FOREIGN["an origin that hides"], fields)
                assert status == HTTPStatus.FORBIDDEN, (method, path)
            status = await send(endpoint, route.method, path, keys, fields)
            assert status in {HTTPStatus.SEE_OTHER, HTTPStatus.UNAUTHORIZED}, path
            for name, headers in FOREIGN.items():
                status = await send(endpoint, route.method, path, headers, fields, good)
                assert status == HTTPStatus.FORBIDDEN, (name, path)
            if route.method == "POST":
                # Nor does a form that is none, or one whose token a page could put into a link.
                plain = {"Content-Type": "text/plain"}
                # What a stand-in alone has is not there at all.
                gone = HTTPStatus.NOT_FOUND if route.dev_only else None
                status = await send(endpoint, "POST", path, plain, cookies=good)
                assert status == (gone or HTTPStatus.UNSUPPORTED_MEDIA_TYPE), path
                linked = f"{path}?form_token={token}"
                status = await send(endpoint, "POST", linked, {}, {"a": "b"}, good)
                assert status == (gone or HTTPStatus.FORBIDDEN), path
                assert await send(endpoint, "GET", linked, {}, None, good) in {200, 404, 405}, path
        for path in tricks(page):
            status = await send(endpoint, route.method, path, {}, fields)
            assert status not in range(200, 300), (route.method, path)

    assert endpoint.state() == before


async def test_the_admin_api_is_not_tricked(endpoint: Site) -> None:
    """By a page of somebody else's, and by other methods and spellings without the token."""
    ids = await fill(endpoint)
    await settled(endpoint)
    before = endpoint.state()

    for operation in openapi.operations():
        path = f"{BASE}{filled(operation.path, ids)}".lstrip("/")
        for headers in FOREIGN.values():
            status = await send(endpoint, operation.method, path, {**RIGHT, **headers})
            assert status == HTTPStatus.FORBIDDEN, (path, headers)
        for method in (*METHODS, "GET", "POST"):
            assert await send(endpoint, method, path) == HTTPStatus.UNAUTHORIZED, (method, path)
        for other in (path.replace("v1/", "v1//"), path.replace("v1/", "v1/%2e/"), f"/{path}"):
            assert await send(endpoint, operation.method, other) not in range(200, 300), other
        for query in (f"token={ADMIN_TOKEN}", f"access_token={ADMIN_TOKEN}"):
            status = await send(endpoint, operation.method, f"{path}?{query}")
            assert status == HTTPStatus.UNAUTHORIZED, path

    assert endpoint.state() == before


async def test_a_stand_in_answers_to_no_name_of_somebody_elses(stand_in: Site) -> None:
    """Which may lead to this machine (DNS rebinding)."""
    await apps.create(stand_in.operator, "shop")
    await secrets.rotate(stand_in.operator, "shop")
    ids = await fill(stand_in)
    await stand_in.get()
    token = stand_in.form_token
    good = {cookie.key: cookie.value for cookie in stand_in.session.cookie_jar}
    # What an act is done to later has its own line.
    await asyncio.sleep(1.5)
    before = stand_in.state()

    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:80",
    ):
        for route in ROUTES:
            path = f"portal/apps/shop/{filled(route.path, ids)}"
            fields = {**FORMS.get(route.path, {}), "form_token": token}
            sent = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
            status = await send(stand_in, route.method, path, sent, fields, good)
            assert status == HTTPStatus.FORBIDDEN, path
        for operation in openapi.operations():
            path = f"{BASE}{filled(operation.path, ids)}".lstrip("/")
            right = {"Authorization": f"Bearer {KEYS['MASTER_KEY']}", "Host": host}
            assert await send(stand_in, operation.method, path, right) == HTTPStatus.FORBIDDEN

    assert stand_in.state() == before


async def test_a_link_on_another_site_exports_nothing(stand_in: Site) -> None:
    """An export is in the audit list, so it is more than a page that is looked at."""
    link = {
        "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document",
    }  # fmt: skip
    assert await send(stand_in, "GET", "portal/users", link) == HTTPStatus.OK
    assert await send(stand_in, "GET", "portal/app/export", link) == HTTPStatus.FORBIDDEN
    assert await send(stand_in, "HEAD", "portal/app/export") != HTTPStatus.OK
    acts = [act.name for act in await list_acts(stand_in.operator, "myapp")]
    assert "app.export" not in acts
    assert await list_acts(stand_in.operator, EVERY_APP) == []
    assert (await users.find(stand_in.operator, "myapp", Search())).users == []
