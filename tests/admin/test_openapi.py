"""The operations of the admin API, as its document describes them."""

from http import HTTPStatus

import pytest
from skylogin.admin import openapi
from skylogin.admin.routes import HANDLERS
from skylogin.client.admin_api import BASE
from skylogin.errors import Reason
from skylogin.tokens.bad_tokens import KINDS

from tests.sites import Site, SiteApp


def test_the_document_and_the_route_table_have_the_same_operations() -> None:
    """Below the path that clients use."""
    assert {operation.name for operation in openapi.operations()} == set(HANDLERS)
    assert openapi.load()["servers"] == [{"url": BASE}]


@pytest.mark.parametrize("path", ["journal", "journal/follow", "journal/wait", "journal/x"])
async def test_the_former_path_of_the_login_log_is_unknown(site_app: SiteApp, path: str) -> None:
    """The login log is at `/logins`."""
    former = await site_app.admin("GET", path)

    assert former.status == HTTPStatus.NOT_FOUND
    assert (await site_app.admin("GET", "logins")).json()["attempts"] == []


def test_the_document_lists_the_kinds_of_bad_tokens() -> None:
    """In the body of the operation that makes them."""
    [mint] = [one for one in openapi.operations() if one.name == "mintToken"]
    assert mint.body is not None
    assert mint.body.schema["properties"]["bad"]["enum"] == list(KINDS)


def test_the_document_lists_the_reasons() -> None:
    """In the parameter that filters the login log by one."""
    assert openapi.load()["components"]["parameters"]["reason"]["schema"]["enum"] == list(Reason)


@pytest.mark.core
async def test_every_answer_with_a_user_has_the_subject(site_app: SiteApp) -> None:
    """In a list, alone and after an edit; null for a user without custom tokens."""
    alice = (await site_app.log_in("alice")).json()["result"]["user_id"]
    auth = {"auth_data": {"username": "dora"}, "password": "a password"}
    dora = (await site_app.call("auth/signup", **auth)).json()["result"]["user_id"]
    subjects = {alice: "alice", dora: None}

    listed = (await site_app.admin("GET", "users")).json()["users"]
    assert {one["id"]: one["subject"] for one in listed} == subjects
    for user_id, subject in subjects.items():
        shown = (await site_app.admin("GET", f"users/{user_id}")).json()
        edited = (
            await site_app.admin("PATCH", f"users/{user_id}", profile={"motto": "new"})
        ).json()
        assert shown["subject"] == edited["subject"] == subject


async def test_an_export_is_imported_into_another_app(dev_site: Site) -> None:
    """A body of another type, or with an invalid line, is refused."""
    lines = {"Content-Type": "application/jsonl"}
    for name in ("one", "other"):
        await dev_site.admin("POST", "/apps", json={"name": name})

    exported = await dev_site.admin("GET", "/apps/one/export")
    untyped = await dev_site.admin("POST", "/apps/other/import", data=exported.text.encode())
    imported = await dev_site.admin(
        "POST", "/apps/other/import", data=exported.text.encode(), headers=lines
    )
    again = await dev_site.admin("GET", "/apps/other/export")
    invalid = await dev_site.admin("POST", "/apps/other/import", data=b"no line", headers=lines)

    assert exported.headers["Content-Type"] == "application/jsonl"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="one.jsonl"'
    assert untyped.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    assert imported.json()["rows"]["roles"] == 1
    assert again.text.splitlines()[1:] == exported.text.splitlines()[1:]
    assert invalid.status == HTTPStatus.UNPROCESSABLE_ENTITY
    assert invalid.json()["detail"].startswith("line 1: ")
