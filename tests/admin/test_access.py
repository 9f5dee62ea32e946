"""The credentials that every operation of the admin API needs."""

from http import HTTPStatus

import pytest
from skylogin import config
from skylogin.admin import openapi
from skylogin.operations import apps

from tests.sites import ADMIN_TOKEN, BODIES, KEYS, MakeSite, Site, fill, filled


@pytest.mark.slow
async def test_every_operation_refuses_requests_without_the_admin_token(serve_site: Site) -> None:
    """A wrong token and a request from another origin change nothing."""
    ids = await fill(serve_site)
    shop = await apps.get(serve_site.operator, "shop")
    wrong = (
        "",
        "Bearer",
        "Bearer wrong",
        f"Basic {ADMIN_TOKEN}",
        f"Bearer {KEYS['MASTER_KEY']}",
        f"Bearer {shop.master_key}",
        f"Bearer {ADMIN_TOKEN}x",
    )
    before = serve_site.state()

    for operation in openapi.operations():
        path = filled(operation.path, ids)
        body = BODIES.get(operation.name, {}) if operation.body else None
        for authorization in wrong:
            headers = {"Authorization": authorization} if authorization else {}
            answer = await serve_site.send(
                operation.method, f"_admin/v1{path}", json=body, headers=headers
            )
            assert answer.status == HTTPStatus.UNAUTHORIZED, operation.name
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        foreign = {"Origin": "http://evil.example"}
        answer = await serve_site.admin(operation.method, path, json=body, headers=foreign)
        assert answer.status == HTTPStatus.FORBIDDEN, operation.name

    assert serve_site.state() == before


async def test_serve_has_no_admin_api_without_an_admin_token(make_site: MakeSite) -> None:
    """The master key does not open it."""
    site = await make_site(config.SERVE, SKYLOGIN_ADMIN_TOKEN="")

    answer = await site.admin("GET", "/settings", KEYS["MASTER_KEY"])

    assert answer.status == HTTPStatus.NOT_FOUND


async def test_dev_takes_the_master_key_as_admin_token(make_site: MakeSite) -> None:
    """Unless the request names another host."""
    site = await make_site(config.DEV, SKYLOGIN_ADMIN_TOKEN="")

    answer = await site.admin("GET", "/settings", KEYS["MASTER_KEY"])
    foreign = await site.admin(
        "GET", "/settings", KEYS["MASTER_KEY"], headers={"Host": "evil.example"}
    )

    assert answer.status == HTTPStatus.OK
    assert foreign.status == HTTPStatus.FORBIDDEN
