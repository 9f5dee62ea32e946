"""`skylogin seed`, `skylogin export` and the option --seed."""

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from skylogin.seeds import reader
from skylogin.testing import SkyloginServer

from tests.cli.commands import DEV, call, log_in, run_command
from tests.processes import StartServer, run_skylogin

pytestmark = pytest.mark.slow

USERS = """\
default_roles: [reader]
users:
  - sub: alice
    id: a-1
    profile: {username: alice}
    roles: [editor]
stubs:
  - {action: hello:world, result: hi}
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
INVALID = "users:\n  - sub: 1\n    rols: []\n"


@pytest.fixture
def users(tmp_path: Path) -> str:
    """The name of a seed file, next to others."""
    (tmp_path / "users.yaml").write_text(USERS)
    (tmp_path / "apps.json").write_text(APPS)
    (tmp_path / "taken.yaml").write_text(TAKEN)
    (tmp_path / "invalid.yaml").write_text(INVALID)
    return "users.yaml"


def users_in(text: str) -> Any:
    """Return the users of each app of an export, by subject."""
    apps = reader.read(text.encode(), "-", "default")
    return {app.name: {user.subject: user for user in app.users} for app in apps}


def subjects_in(file: Path) -> dict[str, list[str]]:
    """Return the subjects of each app of an exported file."""
    return {name: list(users) for name, users in users_in(file.read_text()).items()}


def test_a_server_starts_with_its_seeds(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """They are in the database when it is ready, and can be exported while it runs."""
    server = start_server(*DEV, "--ephemeral", "--seed", users, "--seed", "apps.json")
    assert log_in(server, "alice")["user_id"] == "a-1"
    assert call(server.url, {"action": "hello:world"})[1] == {"result": "hi"}
    url = ("--url", server.url)

    one = run_command(tmp_path, "export", "-", *url)
    assert (one.returncode, one.stderr) == (0, "exported 1 user of myapp\n")
    [alice] = users_in(one.stdout)["default"].values()
    assert (alice.user_id, alice.roles) == ("a-1", ("editor",))
    every = run_command(tmp_path, "export", "all.json", "--all", *url)
    assert every.returncode == 0, every.stderr
    file = tmp_path / "all.json"
    assert stat.filemode(file.stat().st_mode) == "-rw-------"
    assert list(json.loads(file.read_text())["apps"]) == ["myapp", "worker-1"]
    by_endpoint = run_command(tmp_path, "export", "-", "--url", f"{server.url}apps/worker-1/")
    assert list(users_in(by_endpoint.stdout)["default"]) == ["bert"]

    again = run_command(tmp_path, "seed", "all.json", *url)
    assert again.stdout == "seeded 1 user of myapp\nseeded 1 user of worker-1\n"
    new = run_command(tmp_path, "seed", users, "--app", "worker-2", *url)
    assert new.stdout == "seeded 1 user of worker-2\n"
    named = run_command(tmp_path, "export", "-", "--app", "worker-2", *url)
    assert list(users_in(named.stdout)) == ["worker-2"]


def test_problems_are_reported_in_one_line(
    skylogin_server: SkyloginServer, tmp_path: Path, users: str
) -> None:
    """With file, line and field, whether the command or the server finds them."""
    server = skylogin_server.url
    app = skylogin_server.app("seeded")
    app.reset()
    app.seed(tmp_path / users)
    url = ("--url", f"{server}/apps/seeded/")
    invalid = [
        (("seed", "taken.yaml", *url), "taken.yaml:4: users[0].profile.username: another user"),
        (("seed", "invalid.yaml", *url), "invalid.yaml:2: users[0].sub: must be a string"),
        (("seed", "nowhere.yaml", *url), "nowhere.yaml: No such file or directory"),
        (("seed", users, "--url", server, "--master-key", "x"), f"{server}: "),
        (("seed", users, "--url", "nowhere"), "nowhere is not the URL"),
        (("seed", users, "--url", f"{server}/x"), f"{server}/x is not the URL"),
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
    for arguments, message in invalid:
        done = run_command(tmp_path, *arguments)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith(message), done.stderr
    assert list(tmp_path.glob("*nowhere.db*")) == []


@pytest.mark.parametrize("command", [(*DEV, "--ephemeral"), ("exec",)], ids=["dev", "exec"])
def test_no_server_starts_with_an_invalid_seed(
    command: tuple[str, ...], tmp_path: Path, users: str
) -> None:
    """All problems of all files are reported, and those that only the database finds."""
    rest = ("--", "echo", "started") if command == ("exec",) else ()

    invalid = run_command(tmp_path, *command, "--seed", "invalid.yaml", "--seed", "nowhere", *rest)
    assert (invalid.returncode, invalid.stdout) == (1, "")
    assert invalid.stderr.splitlines() == [
        "invalid.yaml:2: users[0].sub: must be a string: put it in quotes",
        "invalid.yaml:3: users[0].rols: is not a known field; did you mean roles?",
        "nowhere: No such file or directory",
    ]
    taken = run_command(tmp_path, *command, "--seed", users, "--seed", "taken.yaml", *rest)
    assert (taken.returncode, taken.stdout) == (1, "")
    assert taken.stderr.startswith("taken.yaml:4: users[0].profile.username: another user has")
    assert "Traceback" not in taken.stderr
    users = [
        {"sub": sub, "profile": {"age": age}} for sub, age in (("a", 1), ("b", "1"), ("c", ""))
    ]
    (tmp_path / "ages.json").write_text(json.dumps({"users": users}, indent=1))
    ages = run_command(tmp_path, *command, "--seed", "ages.json", *rest)
    places = [line.partition(": the field")[0] for line in ages.stderr.splitlines()]
    assert places == [
        "ages.json:12: users[1].profile.age",
        "ages.json:18: users[2].profile.age",
    ]


def test_commands_of_exec_find_its_server(tmp_path: Path, users: str) -> None:
    """By its environment, and its admin token if it has one."""
    script = (
        f"{sys.executable} -m skylogin seed apps.json && "
        f"{sys.executable} -m skylogin export all.yaml --all"
    )
    command = ("exec", "--seed", users, "--", "sh", "-c", script)
    for environment in ({}, {"SKYLOGIN_ADMIN_TOKEN": "an admin token"}):
        done = run_skylogin(tmp_path, *command, **environment)
        assert done.returncode == 0, done.stderr
        file = tmp_path / "all.yaml"
        assert subjects_in(file) == {"myapp": ["alice"], "worker-1": ["bert"]}
        file.unlink()


def test_a_database_is_seeded_and_exported(
    start_server: StartServer, tmp_path: Path, users: str
) -> None:
    """The one of `skylogin dev` in this directory, while its server runs."""
    command = (*DEV, "--seed", users)
    first = start_server(*command)
    assert log_in(first, "alice")["user_id"] == "a-1"
    first.stop()
    server = start_server(*command)
    assert server.url

    seeded = run_command(tmp_path, "seed", "-", given=APPS)
    assert (seeded.returncode, seeded.stdout) == (0, "seeded 1 user of worker-1\n")
    stubs = run_command(tmp_path, "seed", users)
    assert stubs.stderr == "only a running server can do that: use --url\n"
    taken = run_command(tmp_path, "seed", "taken.yaml")
    assert taken.stderr.startswith("taken.yaml:4: users[0].profile.username: another user")
    done = run_command(tmp_path, "export", "all.yaml", "--all")
    assert done.returncode == 0, done.stderr
    assert subjects_in(tmp_path / "all.yaml") == {"myapp": ["alice"], "worker-1": ["bert"]}
    assert log_in(server, "alice")["user_id"] == "a-1"
    missing = run_command(tmp_path, "export", "x.yaml", "--app", "nowhere")
    assert (missing.returncode, missing.stderr) == (1, "there is no app called nowhere\n")
    assert not (tmp_path / "x.yaml").exists()
