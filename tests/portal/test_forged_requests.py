"""Requests for pages that another site forges, or that spell their paths differently."""

from collections.abc import Iterator
from http import HTTPStatus

import pytest
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import apps, secrets, users
from skylogin.operations.operator import list_acts
from skylogin.portal.routes import ROUTES
from skylogin.store.user_search import Search

from tests.sites import (
    ADMIN_TOKEN,
    FOREIGN_HEADERS,
    FOREIGN_HOSTS,
    FORMS,
    METHODS,
    Site,
    fill,
    filled,
)

REDIRECTED_OR_REFUSED = (HTTPStatus.SEE_OTHER, HTTPStatus.UNAUTHORIZED)


def spellings(page: str) -> Iterator[str]:
    """Yield other spellings of the path of a page."""
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


def paths(page: str) -> tuple[str, str]:
    """Return the path of a page of the default app, and of the app `shop`."""
    return f"portal/{page}", f"portal/apps/shop/{page}"


@pytest.mark.slow
async def test_no_method_key_or_spelling_goes_around_the_session(serve_site: Site) -> None:
    """Not even the app's keys and the admin token; nothing changes."""
    ids = await fill(serve_site)
    await serve_site.sign_in()
    shop = await apps.get(serve_site.operator, "shop")
    keys = {"X-Skygear-API-Key": str(shop.master_key), "Authorization": f"Bearer {ADMIN_TOKEN}"}
    before = serve_site.state()

    for route in ROUTES:
        page = filled(route.path, ids)
        form = {**FORMS.get(page, {}), "form_token": serve_site.form_token}
        for path in paths(page):
            for method in METHODS:
                answer = await serve_site.send(method, path, data=form)
                assert answer.status >= HTTPStatus.MULTIPLE_CHOICES, (method, path)
                answer = await serve_site.send(method, path, headers={"Origin": "null"}, data=form)
                assert answer.status == HTTPStatus.FORBIDDEN, (method, path)
            # A load balancer may ask so whether the server is well.
            answer = await serve_site.send("OPTIONS", path, headers={"Origin": "null"}, data=form)
            assert (answer.status, answer.text) == (HTTPStatus.OK, "")
            answer = await serve_site.send(route.method, path, headers=keys, data=form)
            assert answer.status in REDIRECTED_OR_REFUSED, path
        for path in spellings(page):
            answer = await serve_site.send(route.method, path, data=form)
            assert not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES, path

    assert serve_site.state() == before


@pytest.mark.slow
async def test_requests_from_other_sites_are_refused(serve_site: Site) -> None:
    """Even with the operator's cookie and a form token; nothing changes."""
    ids = await fill(serve_site)
    await serve_site.sign_in()
    key = serve_site.session_key
    before = serve_site.state()

    for route in ROUTES:
        page = filled(route.path, ids)
        form = {**FORMS.get(page, {}), "form_token": serve_site.form_token}
        for path in paths(page):
            for name, headers in FOREIGN_HEADERS.items():
                answer = await serve_site.send(
                    route.method, path, session=key, headers=headers, data=form
                )
                assert answer.status == HTTPStatus.FORBIDDEN, (name, path)

    assert serve_site.state() == before


async def test_a_form_token_counts_only_in_a_form(serve_site: Site) -> None:
    """Not in the URL, where a link could set it, nor in a body of another type."""
    ids = await fill(serve_site)
    await serve_site.sign_in()
    key = serve_site.session_key
    before = serve_site.state()

    for route in ROUTES:
        if route.method != "POST":
            continue
        # `skylogin serve` does not have the page at all.
        missing = HTTPStatus.NOT_FOUND if route.dev_only else None
        for path in paths(filled(route.path, ids)):
            linked = f"{path}?form_token={serve_site.form_token}"
            plain = await serve_site.send(
                "POST", path, session=key, headers={"Content-Type": "text/plain"}
            )
            assert plain.status == (missing or HTTPStatus.UNSUPPORTED_MEDIA_TYPE), path
            posted = await serve_site.send("POST", linked, session=key, data={"a": "b"})
            assert posted.status == (missing or HTTPStatus.FORBIDDEN), path
            opened = await serve_site.send("GET", linked, session=key)
            assert opened.status in {200, 404, 405}, path

    assert serve_site.state() == before


async def test_dev_answers_to_its_own_host_names_only(dev_site: Site) -> None:
    """A foreign name may resolve to this machine (DNS rebinding)."""
    await apps.create(dev_site.operator, "shop")
    await secrets.rotate(dev_site.operator, "shop")
    ids = await fill(dev_site)
    await dev_site.get()
    before = dev_site.state()

    for host in FOREIGN_HOSTS:
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        for route in ROUTES:
            path = f"portal/apps/shop/{filled(route.path, ids)}"
            form = {**FORMS.get(route.path, {}), "form_token": dev_site.form_token}
            answer = await dev_site.send(
                route.method, path, session=dev_site.session_key, headers=headers, data=form
            )
            assert answer.status == HTTPStatus.FORBIDDEN, (host, path)

    assert dev_site.state() == before


async def test_a_link_on_another_site_opens_pages_but_exports_nothing(dev_site: Site) -> None:
    """An export is in the audit list, so it is more than opening a page."""
    link = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }

    page = await dev_site.send("GET", "portal/users", headers=link)
    export = await dev_site.send("GET", "portal/app/export", headers=link)
    prefetch = await dev_site.send("HEAD", "portal/app/export")

    assert page.status == HTTPStatus.OK
    assert export.status == HTTPStatus.FORBIDDEN
    assert prefetch.status != HTTPStatus.OK
    assert await list_acts(dev_site.operator, "myapp") == []
    assert await list_acts(dev_site.operator, EVERY_APP) == []
    assert (await users.find(dev_site.operator, "myapp", Search())).users == []
