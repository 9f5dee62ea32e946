"""The admin API and its document."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
from skylogin.admin import document
from skylogin.admin.running import HANDLERS
from skylogin.testing import SkyloginServer

TOKEN = "an-admin-token"
ENVIRONMENT = {"SKYLOGIN_ADMIN_TOKEN": TOKEN}


@pytest.fixture
def server() -> Iterator[SkyloginServer]:
    """A server with an admin API."""
    with SkyloginServer(ENVIRONMENT) as running:
        yield running


def test_each_operation_of_the_document_is_there() -> None:
    """And none besides."""
    assert {operation.name for operation in document.operations()} == set(HANDLERS)


def test_an_app_goes_out_and_in_again(server: SkyloginServer) -> None:
    """By the admin API, as a file."""
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask(method: str, path: str, **more: Any) -> Any:
        url = f"{server.url}{document.BASE}/apps{path}"
        return requests.request(method, url, headers=headers, timeout=10, **more)

    ask("POST", "", json={"name": "going"})
    ask("POST", "", json={"name": "coming"})
    exported = ask("GET", "/going/export")
    assert exported.headers["Content-Type"] == "application/jsonl"
    assert exported.headers["Content-Disposition"] == 'attachment; filename="going.jsonl"'
    lines = {"data": exported.content}
    assert ask("POST", "/coming/import", **lines).status_code == HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    headers["Content-Type"] = "application/jsonl"
    imported = ask("POST", "/coming/import", **lines)
    assert imported.json()["rows"]["roles"] == 1
    again = ask("GET", "/coming/export")
    assert again.content.splitlines()[1:] == exported.content.splitlines()[1:]
    wrong = ask("POST", "/coming/import", data=b"no line")
    assert wrong.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert wrong.json()["detail"].startswith("line 1: ")
