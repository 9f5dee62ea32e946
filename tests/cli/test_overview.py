"""`skylogin overview`, `settings`, `audit` and `doctor`."""

import json
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cli.commands import KEYS, run_command
from tests.cli.operated import Operated
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_logins_settings_and_acts_are_shown(operated: Operated) -> None:
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


def test_doctor_warns_of_an_app_without_a_secret(operated: Operated) -> None:
    """Nothing else is wrong with the server."""
    found = operated.rows("doctor")
    assert {row["kind"] for row in found} == {"fine"}
    operated.do("secret", "revoke", operated.rows("secret", "show")[0]["id"])
    assert "warning\tmyapp\tcustom token logins to myapp fail" in operated.do("doctor")


def test_doctor_finds_what_keeps_a_server_from_running(tmp_path: Path) -> None:
    """First all problems of the settings, then those of the database."""
    file = {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    weak = run_command(tmp_path, "doctor", "--json", **file)
    assert weak.returncode == 1
    texts = [(row["kind"], row["text"]) for row in json.loads(weak.stdout)]
    assert ("fault", "API_KEY is not set") in texts
    assert ("fault", "MASTER_KEY is not set") in texts

    new = run_command(tmp_path, "doctor", **KEYS, **file)
    assert (new.returncode, new.stderr) == (1, "")
    fine, problem = new.stdout.splitlines()
    assert fine == "fine\tsettings\t`skylogin serve` can start with them"
    assert (
        problem
        == f"problem\tdatabase\tthe database {tmp_path}/x.db does not exist: start a server first"
    )

    assert run_command(tmp_path, "migrate", **KEYS, **file).returncode == 0
    well = run_command(tmp_path, "doctor", **KEYS, **file)
    assert (well.returncode, well.stdout.count("fine\t")) == (0, 2), well.stdout
