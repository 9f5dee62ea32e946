"""The admin API and its document."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
from skylogin.admin import openapi
from skylogin.admin.routes import HANDLERS
from skylogin.client.admin_api import BASE
from skylogin.testing import SkyloginServer
from skylogin.tokens.bad_tokens import KINDS

TOKEN = "an-admin-token"
ENVIRONMENT = {"SKYLOGIN_ADMIN_TOKEN": TOKEN}


@pytest.fixture
def server() -> Iterator[SkyloginServer]:
    """A server with an admin API."""
    with SkyloginServer(ENVIRONMENT) as running:
        yield running


def test_each_operation_of_the_document_is_there() -> None:
    """And none besides."""
    assert {operation.name for operation in openapi.operations()} == set(HANDLERS)


@pytest.mark.parametrize("path", ["journal", "journal/follow", "journal/wait", "journal/x"])
def test_the_former_path_of_the_login_log_is_unknown(server: SkyloginServer, path: str) -> None:
    """The login log is at `/logins`; the path it had before is not found, like any other."""
    url = f"{server.url}{BASE}/apps/myapp"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{url}/{path}", headers=headers, timeout=10)

    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert requests.get(f"{url}/logins", headers=headers, timeout=10).json()["attempts"] == []


def test_every_kind_of_bad_token_can_be_asked_for(server: SkyloginServer) -> None:
    """And the login that it makes has its reason."""
    url = f"{server.url}{BASE}/apps/myapp/tokens"
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask(path: str, **body: Any) -> Any:
        answer = requests.post(f"{url}{path}", json=body, headers=headers, timeout=10)
        assert answer.ok, answer.text
        return answer.json()

    for kind, row in KINDS.items():
        token = ask("", sub="alice", bad=kind)["token"]
        assert ask("/explain", token=token)["reason"] == row.reason
    [mint] = [one for one in openapi.operations() if one.name == "mintToken"]
    assert mint.body is not None
    assert mint.body.schema["properties"]["bad"]["enum"] == list(KINDS)


def test_each_user_is_shown_with_their_subject(server: SkyloginServer) -> None:
    """In a list, alone and after an edit; with null where they have none."""
    app = server.app()
    alice = app.login("alice").user_id
    dora = app.call("auth:signup", auth_data={"username": "dora"}, password="a password")
    ids = {"alice": alice, None: dora["user_id"]}
    url = f"{server.url}{BASE}/apps/myapp/users"

    def ask(method: str, path: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.request(method, f"{url}{path}", headers=headers, timeout=10, **more)
        assert answer.ok, answer.text
        return answer.json()

    assert {one["subject"]: one["id"] for one in ask("GET")["users"]} == ids
    for subject, user_id in ids.items():
        assert ask("GET", f"/{user_id}")["subject"] == subject
        edited = ask("PATCH", f"/{user_id}", json={"profile": {"motto": "new"}})
        assert edited["subject"] == subject


def test_an_app_goes_out_and_in_again(server: SkyloginServer) -> None:
    """By the admin API, as a file."""
    headers = {"Authorization": f"Bearer {TOKEN}"}

    def ask(method: str, path: str, **more: Any) -> Any:
        url = f"{server.url}{BASE}/apps{path}"
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
