"""The commands that look into a server's database and change it, as the portal does."""

import json
import stat
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
from processes import ServerProcess, run_skylogin
from test_cli import DEV, StartServer, call, log_in, login_payload

pytestmark = pytest.mark.slow


def ids_of(folder: Path, *arguments: str) -> list[str]:
    """Return the ids of users that are found."""
    found = run_skylogin(folder, "users", "find", *arguments, "--json")
    assert found.returncode == 0, found.stderr
    return [row["id"] for row in json.loads(found.stdout)]


def status_of_login(server: ServerProcess, subject: str, seconds: int = 60) -> int:
    """Log in with a token of so many seconds and return the status."""
    lifetime = timedelta(seconds=seconds)
    payload = login_payload(server.facts["custom_token_secret"], subject, lifetime=lifetime)
    return call(server.url + "sso/custom_token/login", payload)[0]


def test_users_are_found_and_changed(start_server: StartServer, tmp_path: Path) -> None:
    """While their server runs."""
    server = start_server(*DEV)
    alice = log_in(server, "alice")["user_id"]
    bert = log_in(server, "bert")["user_id"]
    assert set(ids_of(tmp_path)) == {alice, bert}
    assert ids_of(tmp_path, "bert") == [bert]

    def act(*arguments: str) -> str:
        done = run_skylogin(tmp_path, "users", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    act("edit", alice, '{"nickname": "Al"}')
    act("roles", alice, "reader", "writer")
    shown = json.loads(act("show", alice))
    assert shown["profile"]["nickname"] == "Al"
    assert shown["roles"] == ["reader", "writer"]
    assert shown["principals"] == [{"kind": "custom_token", "id": "alice"}]
    act("disable", alice, "--message", "Call us")
    assert status_of_login(server, "alice") == HTTPStatus.FORBIDDEN
    assert ids_of(tmp_path, "--disabled") == [alice]
    assert ids_of(tmp_path, "--enabled") == [bert]
    assert ids_of(tmp_path, "--sort", "created_at", "--limit", "1") == [alice]
    assert ids_of(tmp_path, "--limit", "1000") == [bert, alice]
    wrong = run_skylogin(tmp_path, "users", "find", "--sort", "age")
    assert (wrong.returncode, wrong.stderr[:11]) == (1, "age is none")
    act("enable", alice)
    assert status_of_login(server, "alice") == HTTPStatus.OK
    act("sign-out", alice)
    act("delete", bert, "--yes")
    assert ids_of(tmp_path) == [alice]

    missing = run_skylogin(tmp_path, "users", "delete", bert, "--yes")
    assert (missing.returncode, missing.stderr) == (1, f"there is no user {bert}\n")
    asked = run_skylogin(tmp_path, "users", "delete", alice, given="n\n")
    assert asked.returncode == 1
    assert ids_of(tmp_path) == [alice]


def test_attempts_are_listed(start_server: StartServer, tmp_path: Path) -> None:
    """With the reason of a refusal."""
    server = start_server(*DEV)
    log_in(server, "alice")
    assert status_of_login(server, "mallory", -30) == HTTPStatus.BAD_REQUEST
    server.stop()

    listed = run_skylogin(tmp_path, "logins", "--json")
    rows = json.loads(listed.stdout)
    assert [(row["subject"], row["verdict"]) for row in rows] == [
        ("alice", "accepted"),
        ("mallory", "refused"),
    ]
    assert "expired" in rows[1]["explanation"]
    only = run_skylogin(tmp_path, "logins", "--refused")
    assert only.stdout.count("\n") == 1


def test_apps_get_new_keys_and_go(start_server: StartServer, tmp_path: Path) -> None:
    """With what is in them."""
    server = start_server(*DEV)
    log_in(server)
    server.stop()
    created = run_skylogin(tmp_path, "apps", "create", "shop", "--json")
    made = json.loads(created.stdout)
    changed = json.loads(run_skylogin(tmp_path, "apps", "rotate-keys", "shop", "--json").stdout)
    assert changed[0]["api_key"] != made[0]["api_key"]
    assert run_skylogin(tmp_path, "apps", "delete", "shop", "--yes").returncode == 0
    assert json.loads(run_skylogin(tmp_path, "apps", "list", "--json").stdout) == []
    again = run_skylogin(tmp_path, "apps", "delete", "shop", "--yes")
    assert (again.returncode, again.stderr) == (1, "there is no app called shop\n")


def test_an_app_is_exported_and_imported(start_server: StartServer, tmp_path: Path) -> None:
    """While its server runs: into another app, and the same one once more."""
    server = start_server(*DEV)
    log_in(server, "alice")
    file = tmp_path / "myapp.jsonl"
    exported = run_skylogin(tmp_path, "apps", "export", str(file))
    assert exported.returncode == 0, exported.stderr
    assert stat.filemode(file.stat().st_mode) == "-rw-------"
    assert list(tmp_path.glob(".myapp*")) == []
    assert run_skylogin(tmp_path, "apps", "create", "copy").returncode == 0

    copied = run_skylogin(tmp_path, "apps", "import", str(file), "--app", "copy", "--json")
    assert copied.returncode == 0, copied.stderr
    assert json.loads(copied.stdout)["users"] == 1
    assert ids_of(tmp_path, "--app", "copy") == ids_of(tmp_path)

    twice = run_skylogin(tmp_path, "apps", "import", "-", given=file.read_text())
    assert twice.returncode == 1
    assert "users: there is one already" in twice.stderr
    again = run_skylogin(tmp_path, "apps", "import", str(file), "--replace")
    assert again.returncode == 0, again.stderr
    assert "1 of users" in again.stdout
    assert status_of_login(server, "alice") == HTTPStatus.OK

    missing = run_skylogin(tmp_path, "apps", "export", str(file), "--app", "nowhere")
    assert (missing.returncode, missing.stderr) == (1, "there is no app called nowhere\n")
    # What was there is there still.
    assert len(file.read_text().splitlines()) > 1
    assert run_skylogin(tmp_path, "apps", "import", "nowhere.jsonl").returncode == 1
