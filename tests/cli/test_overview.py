"""`skylogin overview`, `settings` and `audit`."""

from http import HTTPStatus

import pytest

from tests.cli.operated_server import OperatedServer
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_logins_settings_and_acts_are_shown(operated: OperatedServer) -> None:
    """With secrets masked."""
    operated.log_in("alice")
    assert operated.status_of_login("mallory", -30) == HTTPStatus.BAD_REQUEST
    operated.do("users", "edit", operated.rows("users", "find")[0]["id"], '{"nickname": "Al"}')

    # A server writes its counts about once a second.
    wait_until(lambda: "1 accepted, 1 refused: expired 1" in operated.do("overview"))
    assert "users\t1" in operated.do("overview").splitlines()
    assert operated.rows("overview")["users"] == 1

    rows = {row["variable"]: row["value"] for row in operated.rows("settings")["settings"]}
    assert rows["APP_NAME"] == "myapp"
    assert "secret" not in (rows["MASTER_KEY"], rows["CUSTOM_TOKEN_SECRET"])
    assert "APP_NAME\tmyapp" in operated.do("settings")
    assert [act["name"] for act in operated.rows("audit")] == ["user.edit"]
    assert "user.edit" in operated.do("audit")
