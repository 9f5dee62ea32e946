"""The help of every command."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from skylogin.cli.main import make_app
from skylogin.database import tables
from skylogin.testing import SkyloginServer

from tests.cli.commands import run_command

pytestmark = pytest.mark.heavy

# Wide enough for a line per option.
WIDE = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}


def commands(app: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Give the names of every group and command."""
    yield names
    for name, command in getattr(app, "commands", {}).items():
        yield from commands(command, *names, name)


COMMANDS = list(commands(typer.main.get_command(make_app())))
WITHOUT_JSON = {
    ("serve",): "prints its ready line as JSON anyway",
    ("exec",): "prints nothing: standard output is its command's",
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_command_says_what_each_part_is_for(command: tuple[str, ...], tmp_path: Path) -> None:
    """It says what each part is for, and shows no values of Python."""
    done = run_command(tmp_path, *command, "--help", **WIDE)

    assert (done.returncode, done.stderr) == (0, "")
    defaults = re.findall(r"\[default: (.*?)\]", done.stdout)
    assert [one for one in defaults if not re.fullmatch(r"-?[\w.-]+", one)] == []
    assert [one for one in defaults if one in ("None", "True", "False", "UNSET")] == []
    assert not re.search(r"\bNone\b|<function|object at 0x|Sentinel|\(\)|\[\]", done.stdout)
    rows = re.findall(r"^│ (.*?) +│$", done.stdout, re.MULTILINE)
    assert rows
    # The last column is a sentence; a default may follow it.
    shown = [re.sub(r" *\[(default|required).*", "", row).rstrip() for row in rows]
    assert [row for row in shown if not row.endswith((".", "]"))] == []


def test_every_option_with_fixed_values_refuses_others(tmp_path: Path) -> None:
    """In a message that names them; nothing is shown or done."""
    database = ("--database", "sqlite:///x.db")
    assert run_command(tmp_path, "migrate", *database).returncode == 0
    wrong = {
        ("logins", "--reason"): ("expired", "crashed"),
        ("logins", "--follow", "--reason"): ("expired", "crashed"),
        ("logins", "--wait", "1", "--reason"): ("expired", "crashed"),
        ("users", "find", "--sort"): ("-created_at", "-last_seen_at"),
        ("token", "mint", "alice", "--bad"): ("expired", "malformed"),
        ("token", "mint", "alice", "--algorithm"): ("HS256", "HS512"),
        ("doctor", "--mode"): ("dev", "serve"),
        ("settings", "--mode"): ("dev", "serve"),
    }
    for command, known in wrong.items():
        done = run_command(tmp_path, *command, "foo", *database, **WIDE)

        assert done.returncode != 0, command
        assert done.stdout == ""
        assert "foo" in done.stderr
        assert [name for name in known if name not in done.stderr] == []


def test_every_command_has_a_docstring() -> None:
    """Which is its help, and its row in docs/commands.md."""
    for command in make_app().registered_commands:
        assert inspect.getdoc(command.callback)


def test_every_command_prints_json(tmp_path: Path) -> None:
    """With --json, but for the exceptions that have a reason."""
    groups = {command[:length] for command in COMMANDS for length in range(len(command))}
    without = {
        command
        for command in COMMANDS
        if command not in groups
        and "--json" not in run_command(tmp_path, *command, "--help", **WIDE).stdout
    }

    assert without == set(WITHOUT_JSON)


def test_commands_without_a_list_print_json(dev: SkyloginServer, tmp_path: Path) -> None:
    """It says what they did. Exported data itself is on standard output, and JSON."""
    dev.app().seed({"users": [{"sub": "alice"}]})
    ready = tmp_path / "ready.json"
    ready.write_text(json.dumps({"url": dev.url}))
    printed: dict[tuple[str, ...], object] = {
        ("init",): {"done": "wrote", "id": "skylogin.yaml"},
        ("migrate", "--database", "sqlite:///x.db"): {"schema_version": tables.VERSION},
        ("wait", dev.url): {"ready": True, "url": dev.url},
        ("wait", "--ready-file", str(ready)): {"ready": True, "url": dev.url},
        ("export", "users.yaml"): [{"app": "myapp", "users": 1}],
    }
    for command, expected in printed.items():
        done = run_command(tmp_path, *command, "--json")

        assert (done.returncode, done.stderr) == (0, ""), command
        assert json.loads(done.stdout) == expected
    file = run_command(tmp_path, "apps", "export", "rows.jsonl", "--json")
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(file.stdout) == {"app": "myapp", "rows": len(lines) - 1}
    seed = run_command(tmp_path, "export", "-", "--json")
    assert [user["sub"] for user in json.loads(seed.stdout)["users"]] == ["alice"]
    assert seed.stderr == "exported 1 user of myapp\n"
    rows = run_command(tmp_path, "apps", "export", "-", "--json")
    assert rows.stdout.splitlines()[1:] == lines[1:]
