"""Requests to the admin API that another site forges, or that spell its paths differently."""

from http import HTTPStatus

from skylogin.admin import openapi
from skylogin.client.admin_api import BASE
from skylogin.operations import apps, secrets

from tests.sites import (
    ADMIN_TOKEN,
    FOREIGN_HEADERS,
    FOREIGN_HOSTS,
    KEYS,
    METHODS,
    Site,
    fill,
    filled,
)


async def test_requests_from_other_sites_are_refused(serve_site: Site) -> None:
    """Even with the admin token; nothing changes."""
    ids = await fill(serve_site)
    before = serve_site.state()

    for operation in openapi.operations():
        for headers in FOREIGN_HEADERS.values():
            answer = await serve_site.admin(
                operation.method, filled(operation.path, ids), headers=headers
            )
            assert answer.status == HTTPStatus.FORBIDDEN, (operation.name, headers)

    assert serve_site.state() == before


async def test_no_method_spelling_or_query_goes_around_the_admin_token(serve_site: Site) -> None:
    """Nothing changes without the header."""
    ids = await fill(serve_site)
    before = serve_site.state()

    for operation in openapi.operations():
        path = f"{BASE}{filled(operation.path, ids)}".lstrip("/")
        for method in (*METHODS, "OPTIONS", "GET", "POST"):
            answer = await serve_site.send(method, path)
            assert answer.status == HTTPStatus.UNAUTHORIZED, (method, path)
        for other in (path.replace("v1/", "v1//"), path.replace("v1/", "v1/%2e/"), f"/{path}"):
            assert (await serve_site.send(operation.method, other)).status >= 300, other  # noqa: PLR2004
        for query in (f"token={ADMIN_TOKEN}", f"access_token={ADMIN_TOKEN}"):
            answer = await serve_site.send(operation.method, f"{path}?{query}")
            assert answer.status == HTTPStatus.UNAUTHORIZED, path

    assert serve_site.state() == before


async def test_dev_answers_to_its_own_host_names_only(dev_site: Site) -> None:
    """A foreign name may resolve to this machine (DNS rebinding)."""
    await apps.create(dev_site.operator, "shop")
    await secrets.rotate(dev_site.operator, "shop")
    ids = await fill(dev_site)
    before = dev_site.state()

    for host in FOREIGN_HOSTS:
        for operation in openapi.operations():
            path = filled(operation.path, ids)
            answer = await dev_site.admin(
                operation.method, path, KEYS["MASTER_KEY"], headers={"Host": host}
            )
            assert answer.status == HTTPStatus.FORBIDDEN, (host, path)

    assert dev_site.state() == before
