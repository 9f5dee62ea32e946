"""The credentials that every operation of the admin API needs."""

from http import HTTPStatus

import pytest
from skylogin import config
from skylogin.admin import openapi
from skylogin.admin.endpoint import TOKEN_REFUSED
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import apps
from skylogin.operations.operator import list_acts

from tests.sites import ADMIN_TOKEN, BODIES, KEYS, Answer, MakeSite, Site, fill, filled


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
        # The right token ends the limit on wrong ones.
        assert (await serve_site.admin("GET", "/settings")).status == HTTPStatus.OK
        foreign = {"Origin": "http://evil.example"}
        answer = await serve_site.admin(operation.method, path, json=body, headers=foreign)
        assert answer.status == HTTPStatus.FORBIDDEN, operation.name

    assert serve_site.state() == before


async def test_serve_has_no_admin_api_without_an_admin_token(make_site: MakeSite) -> None:
    """The master key does not open it."""
    site = await make_site(config.SERVE, SKYLOGIN_ADMIN_TOKEN="")

    answer = await site.admin("GET", "/settings", KEYS["MASTER_KEY"])

    assert answer.status == HTTPStatus.NOT_FOUND


@pytest.mark.core
async def test_dev_takes_the_master_key_as_admin_token(make_site: MakeSite) -> None:
    """Unless the request names another host."""
    site = await make_site(config.DEV, SKYLOGIN_ADMIN_TOKEN="")

    answer = await site.admin("GET", "/settings", KEYS["MASTER_KEY"])
    foreign = await site.admin(
        "GET", "/settings", KEYS["MASTER_KEY"], headers={"Host": "evil.example"}
    )

    assert answer.status == HTTPStatus.OK
    assert foreign.status == HTTPStatus.FORBIDDEN


@pytest.mark.slow
async def test_wrong_admin_tokens_are_limited_and_audited(make_site: MakeSite) -> None:
    """Those of one address, under `serve`; a call without a token is not an attempt."""
    site = await make_site(config.SERVE, SKYLOGIN_TRUSTED_PROXIES="127.0.0.1")

    async def ask(token: str, address: str = "192.0.2.1") -> Answer:
        headers = {"X-Forwarded-For": address}
        return await site.admin("GET", "/settings", token, headers=headers)

    statuses = [(await ask(token)).status for token in [""] * 9 + ["wrong"] * 7]
    refused = await ask(ADMIN_TOKEN)

    assert statuses == [401] * 14 + [429] * 2
    assert refused.status == HTTPStatus.TOO_MANY_REQUESTS
    assert int(refused.headers["Retry-After"]) > 0
    assert (await ask(ADMIN_TOKEN, "192.0.2.2")).status == HTTPStatus.OK
    acts = await list_acts(site.operator, EVERY_APP)
    assert [(act.name, act.address, act.details["attempts"]) for act in acts] == [
        (TOKEN_REFUSED, "192.0.2.1", number) for number in (5, 4, 3, 2, 1)
    ]


async def test_dev_limits_no_wrong_keys(make_site: MakeSite) -> None:
    """Tests send them on purpose; the audit list still names no more than it would."""
    site = await make_site(config.DEV, SKYLOGIN_ADMIN_TOKEN="")

    for token in ["wrong"] * 9:
        assert (await site.admin("GET", "/settings", token)).status == HTTPStatus.UNAUTHORIZED

    assert (await site.admin("GET", "/settings", KEYS["MASTER_KEY"])).status == HTTPStatus.OK
    acts = await list_acts(site.operator, EVERY_APP)
    assert [act.name for act in acts] == [TOKEN_REFUSED] * 5
