"""The controls for tests, which `skylogin serve` does not have."""

from http import HTTPStatus
from typing import Any

import pytest
from skylogin.admin import openapi
from skylogin.portal.routes import ROUTES

from tests.sites import Site, fill, filled

DEV_ONLY = [one for one in openapi.operations() if one.dev_only]


async def shown_paths(site: Site) -> dict[str, Any]:
    """Return the paths of the document that a server shows."""
    return dict((await site.admin("GET", "/openapi.json")).json()["paths"])


async def test_serve_has_no_operation_for_tests(serve_site: Site) -> None:
    """Each is 404 like an unknown path, changes nothing, and is not in the document."""
    ids = {**await fill(serve_site), "fault_id": "x", "name": "x"}
    paths = await shown_paths(serve_site)
    before = serve_site.state()

    for operation in DEV_ONLY:
        body = {} if operation.body else None
        path = filled(operation.path, ids)
        answer = await serve_site.admin(operation.method, path, json=body)
        assert answer.status == HTTPStatus.NOT_FOUND, operation.name
        assert operation.method.lower() not in paths.get(operation.path, {})

    assert serve_site.state() == before


async def test_serve_has_no_page_for_tests(serve_site: Site) -> None:
    """Not even for an operator who is signed in; no page links to it."""
    await fill(serve_site)
    await serve_site.sign_in()
    pages = [one for one in ROUTES if one.dev_only]
    before = serve_site.state()

    assert pages
    for one in pages:
        page = f"apps/shop/{filled(one.path, {'name': 'x'})}"
        answer = await (serve_site.get(page) if one.method == "GET" else serve_site.post(page))
        assert answer.status == HTTPStatus.NOT_FOUND
    assert "portal/tests" not in (await serve_site.get()).text
    assert serve_site.state() == before


async def test_dev_has_the_operations_for_tests(dev_site: Site) -> None:
    """They are in its document."""
    names = {one.name for one in DEV_ONLY}

    paths = await shown_paths(dev_site)

    shown = {
        one["operationId"]
        for item in paths.values()
        for one in item.values()
        if "operationId" in one
    }
    assert {"resetApp", "setClock", "addFault", "takeSnapshot", "mintToken"} <= names <= shown


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_unknown_path_says_by_its_code_that_the_operation_is_missing(
    dev_site: Site, method: str
) -> None:
    """Programs need not parse the sentence."""
    answer = await dev_site.admin(method, "/apps/myapp/nothing")

    assert answer.status == HTTPStatus.NOT_FOUND
    assert answer.json()["code"] == "no_operation"
