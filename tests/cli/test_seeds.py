"""Seeds by the commands: at the start of a server, into one that runs, and out of it."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from skylogin.seeds import reader

from tests.cli.test_servers import log_in
from tests.processes import ServerProcess, environment_with, run_skylogin

pytestmark = pytest.mark.slow
StartServer = Callable[..., ServerProcess]

DEV = ("dev", "--port", "0", "--ephemeral")
USERS = """\
default_roles: [reader]
users:
  - sub: alice
    id: a-1
    profile: {username: alice}
    roles: [editor]
"""
APPS = """\
{"apps": {"worker-1": {"users": [{"sub": "bert", "id": "b-1", "disabled": true}]}}}
"""
TAKEN = """\
users:
  - sub: other
    profile:
      username: ALICE
"""
NO_SEED = "users:\n  - sub: 1\n    rols: []\n"


@pytest.fixture
def users(tmp_path: Path) -> str:
    """The name of a seed."""
    (tmp_path / "users.yaml").write_text(USERS)
    (tmp_path / "apps.json").write_text(APPS)
    (tmp_path / "taken.yaml").write_text(TAKEN)
    (tmp_path / "no.yaml").write_text(NO_SEED)
    return "users.yaml"


def exported(text: str) -> Any:
    """Return the users of each app that an export has, by their subjects."""
    apps = reader.read(text.encode(), "-", "default")
    return {app.name: {user.subject: user for user in app.users} for app in apps}


def test_a_server_begins_with_its_seeds(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """By the time that it is ready; and it is asked for them while it runs."""
    server = start_server(*DEV, "--seed", users, "--seed", "apps.json")
    assert log_in(server, "alice")["user_id"] == "a-1"
    url = ("--url", server.url)

    one = run_skylogin(tmp_path, "export", "-", *url)
    assert (one.returncode, one.stderr) == (0, "exported 1 user of myapp\n")
    [alice] = exported(one.stdout)["default"].values()
    assert (alice.user_id, alice.roles) == ("a-1", ("editor",))
    every = run_skylogin(tmp_path, "export", "all.json", "--all", *url)
    assert every.returncode == 0, every.stderr
    file = tmp_path / "all.json"
    assert stat.filemode(file.stat().st_mode) == "-rw-------"
    assert list(json.loads(file.read_text())["apps"]) == ["myapp", "worker-1"]
    by_endpoint = run_skylogin(tmp_path, "export", "-", "--url", f"{server.url}apps/worker-1/")
    assert list(exported(by_endpoint.stdout)["default"]) == ["bert"]

    again = run_skylogin(tmp_path, "seed", "all.json", *url)
    assert again.stdout == "seeded 1 user of myapp\nseeded 1 user of worker-1\n"
    new = run_skylogin(tmp_path, "seed", users, "--app", "worker-2", *url)
    assert new.stdout == "seeded 1 user of worker-2\n"
    named = run_skylogin(tmp_path, "export", "-", "--app", "worker-2", *url)
    assert list(exported(named.stdout)) == ["worker-2"]


def test_what_goes_wrong_is_a_sentence(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """With file, line and field, whoever finds it."""
    server = start_server(*DEV, "--seed", users)
    url = ("--url", server.url)
    wrong = [
        (("seed", "taken.yaml", *url), "taken.yaml:4: users[0].profile.username: another user"),
        (("seed", "no.yaml", *url), "no.yaml:2: users[0].sub: must be a string"),
        (("seed", "nowhere.yaml", *url), "nowhere.yaml: No such file or directory"),
        (("seed", users, *url, "--master-key", "x"), f"{server.url}: send the admin token"),
        (("seed", users, "--url", "nowhere"), "nowhere is not the URL"),
        (("seed", users, "--url", f"{server.url}x"), f"{server.url}x is not the URL"),
        (("seed", users, "--url", "http://127.0.0.1:1"), "no server at "),
        (("seed", users, *url, "--database", "sqlite:///x"), "use either --url or --database"),
        (("seed", "apps.json", "--app", "zoo", *url), "apps.json names its apps: worker-1"),
        (("export", "users.txt", *url), "users.txt: the name must end with .yaml, .yml, .json"),
        (("export", "no/users.yaml", *url), "no/users.yaml: No such file or directory"),
        (("export", "-", "--all", "--app", "x", *url), "use either --all or --app"),
        (
            ("export", "-", "--database", "sqlite:///nowhere.db"),
            "the database nowhere.db does not exist",
        ),
    ]
    for arguments, said in wrong:
        done = run_skylogin(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith(said), done.stderr
    assert list(tmp_path.glob("*nowhere.db*")) == []


def test_what_cannot_be_printed_is_a_sentence(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """As an export onto a full disk."""
    server = start_server(*DEV, "--seed", users)
    for command in ("export", "-"), ("users", "find"):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run(
                [sys.executable, "-m", "skylogin", *command, "--url", server.url],
                cwd=tmp_path,
                env=environment_with({}),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                timeout=60,
            )
        assert done.returncode == 1
        assert done.stderr == "standard output: No space left on device\n"


@pytest.mark.parametrize("command", [(*DEV,), ("exec",)], ids=["dev", "exec"])
def test_no_server_starts_with_a_seed_that_is_wrong(
    command: tuple[str, ...], tmp_path: Path, users: str
) -> None:
    """All faults of all files are told; so is what only the database finds."""
    rest = ("--", "echo", "started") if command == ("exec",) else ()

    faults = run_skylogin(tmp_path, *command, "--seed", "no.yaml", "--seed", "nowhere", *rest)
    assert (faults.returncode, faults.stdout) == (1, "")
    assert faults.stderr.splitlines() == [
        "no.yaml:2: users[0].sub: must be a string: put it in quotes",
        "no.yaml:3: users[0].rols: is not a known field; did you mean roles?",
        "nowhere: No such file or directory",
    ]
    taken = run_skylogin(tmp_path, *command, "--seed", users, "--seed", "taken.yaml", *rest)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr.startswith("taken.yaml:4: users[0].profile.username: another user has")
    assert "Traceback" not in taken.stderr


def test_a_command_beside_a_server_needs_no_more_than_the_names(tmp_path: Path, users: str) -> None:
    """It finds the server in its environment, and the users there; an admin token counts."""
    script = (
        f"{sys.executable} -m skylogin seed apps.json && "
        f"{sys.executable} -m skylogin export all.yaml --all"
    )
    command = ("exec", "--seed", users, "--", "sh", "-c", script)
    for environment in ({}, {"SKYLOGIN_ADMIN_TOKEN": "an admin token"}):
        done = run_skylogin(tmp_path, *command, **environment)
        assert done.returncode == 0, done.stderr
        found = exported((tmp_path / "all.yaml").read_text())
        assert {name: list(users) for name, users in found.items()} == {
            "myapp": ["alice"],
            "worker-1": ["bert"],
        }
        (tmp_path / "all.yaml").unlink()


def test_a_token_beside_a_server_is_made_by_its_clock(tmp_path: Path) -> None:
    """Whatever a test has done to it; and its server is the one that explains it."""
    script = """
import os, subprocess, sys
from skylogin.testing import RunningServer
skylogin = [sys.executable, "-m", "skylogin", "token"]
app = RunningServer(os.environ["SKYGEAR_ENDPOINT"].rstrip("/")).app()
app.clock.advance(days=2)
minted = subprocess.run([*skylogin, "mint", "alice"], check=True, capture_output=True, text=True)
app.login_with(minted.stdout.strip())
subprocess.run([*skylogin, "explain", minted.stdout.strip()], check=True)
"""
    done = run_skylogin(tmp_path, "exec", "--", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    assert "accepted: signed with the secret" in done.stdout


def test_a_database_is_seeded_and_exported_without_a_server(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """One that `skylogin dev` keeps here, though a server runs on it."""
    command = ("dev", "--port", "0", "--seed", users)
    first = start_server(*command)
    assert log_in(first, "alice")["user_id"] == "a-1"
    first.stop()
    server = start_server(*command)
    assert server.url

    seeded = run_skylogin(tmp_path, "seed", "-", given=APPS)
    assert (seeded.returncode, seeded.stdout) == (0, "seeded 1 user of worker-1\n")
    taken = run_skylogin(tmp_path, "seed", "taken.yaml")
    assert taken.stderr.startswith("taken.yaml:4: users[0].profile.username: another user")
    done = run_skylogin(tmp_path, "export", "all.yaml", "--all")
    assert done.returncode == 0, done.stderr
    found = exported((tmp_path / "all.yaml").read_text())
    assert {name: list(users) for name, users in found.items()} == {
        "myapp": ["alice"],
        "worker-1": ["bert"],
    }
    assert log_in(server, "alice")["user_id"] == "a-1"
    missing = run_skylogin(tmp_path, "export", "x.yaml", "--app", "nowhere")
    assert (missing.returncode, missing.stderr) == (1, "there is no app called nowhere\n")
    assert not (tmp_path / "x.yaml").exists()
