"""`skylogin apps`."""

import os
import stat
import threading
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.cli.commands import KEYS, call, login_payload, rows_of, run_command
from tests.cli.operated_server import OperatedServer
from tests.processes import StartServer

pytestmark = pytest.mark.slow

READING_SECONDS_MAX = 10
ON_A_FILE = {"DATABASE_URL": "sqlite:///skylogin.db"}


def test_apps_are_created_changed_and_deleted(operated: OperatedServer) -> None:
    """Each change is in the audit log."""
    made = operated.rows("apps", "create", "shop")
    assert operated.rows("apps", "show", "shop") == made
    changed = operated.rows("apps", "rotate-keys", "shop")
    assert changed["api_key"] != made["api_key"]
    assert changed["master_key"] in operated.do("apps", "show", "shop")
    assert changed["master_key"] not in operated.do("apps", "list")
    assert [one["name"] for one in operated.rows("apps", "list")] == ["myapp", "shop"]
    operated.do("apps", "delete", "shop", "--yes")
    assert [one["name"] for one in operated.rows("apps", "list")] == ["myapp"]
    missing = operated.error("apps", "delete", "shop", "--yes")
    assert missing == "there is no app called shop"
    assert "myapp is the default app" in operated.error("apps", "rotate-keys", "myapp")

    acts = operated.rows("audit", "--on-apps")
    assert [act["name"] for act in acts] == ["app.create", "app.rotate_keys", "app.delete"]
    via = "admin API" if operated.where else "command"
    assert {(act["target"], act["via"]) for act in acts} == {("shop", via)}


def test_a_new_app_has_its_own_keys_and_secret(start_server: StartServer, tmp_path: Path) -> None:
    """A running server knows them at once, and an app's keys do not work for another app."""
    server = start_server("serve", "--port", "0", **KEYS, **ON_A_FILE)
    assert server.url
    app = rows_of(tmp_path, "apps", "create", "shop", **ON_A_FILE)
    assert app.items() > rows_of(tmp_path, "apps", "list", **ON_A_FILE)[1].items()
    [secret] = rows_of(tmp_path, "secret", "show", "--app", "shop", **ON_A_FILE)
    payload = login_payload(secret["secret"])
    url = f"{server.url}apps/shop/"

    assert call(url, {**payload, "api_key": app["api_key"]})[0] == HTTPStatus.OK
    assert call(url, {**payload, "api_key": KEYS["API_KEY"]})[0] == HTTPStatus.UNAUTHORIZED
    at_root = call(server.url, {**payload, "api_key": app["api_key"]})
    assert at_root[0] == HTTPStatus.UNAUTHORIZED
    assert call(f"{server.url}apps/other/", payload)[:2] == (
        HTTPStatus.NOT_FOUND,
        {"error": {"name": "UndefinedOperation", "code": 117, "message": "route unmatched"}},
    )
    for name, message in (("shop", "shop"), ("No", "name: 'No'")):
        refused = run_command(tmp_path, "apps", "create", name, **ON_A_FILE)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert message in refused.stderr


def test_an_app_is_exported_and_imported(operated: OperatedServer) -> None:
    """Into another app, and into the same one again."""
    operated.log_in("alice")
    file = operated.folder / "myapp.jsonl"
    exported = operated.run("apps", "export", str(file))
    assert exported.returncode == 0, exported.stderr
    rows = len(file.read_text().splitlines()) - 1
    assert exported.stderr == f"exported {rows} rows of myapp\n"
    assert stat.filemode(file.stat().st_mode) == "-rw-------"
    assert list(operated.folder.glob(".myapp*")) == []
    printed = operated.do("apps", "export", "-").splitlines()
    assert sorted(printed[1:]) == sorted(file.read_text().splitlines()[1:])
    operated.do("apps", "create", "copy")

    copied = operated.rows("apps", "import", str(file), "--app", "copy")
    assert copied["users"] == 1
    assert operated.rows("users", "find", "--app", "copy") == operated.rows("users", "find")

    twice = operated.run("apps", "import", "-", given=file.read_text())
    assert twice.returncode == 1
    assert twice.stderr.startswith("users: a row with the ")
    assert "1 users" in operated.do("apps", "import", str(file), "--replace")
    assert operated.status_of_login("alice") == HTTPStatus.OK

    missing = operated.error("apps", "export", str(file), "--app", "nowhere")
    assert missing == "there is no app called nowhere"
    # The file keeps its content.
    assert len(file.read_text().splitlines()) == rows + 1
    assert "No such file" in operated.error("apps", "import", "nowhere.jsonl")
    assert "line 1" in operated.run("apps", "import", "-", given="{}").stderr


def test_an_export_is_written_into_a_pipe(operated: OperatedServer) -> None:
    """A pipe is not replaced by a file."""
    operated.log_in("alice")
    pipe = operated.folder / "pipe"
    os.mkfifo(pipe)
    exported: list[str] = []
    reading = threading.Thread(target=lambda: exported.append(pipe.read_text()), daemon=True)
    reading.start()
    operated.do("apps", "export", str(pipe))
    reading.join(READING_SECONDS_MAX)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert '"alice"' in exported[0]
