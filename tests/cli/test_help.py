"""The help of every command."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from skylogin.cli.main import make_app

from tests.cli.commands import run_command

# Wide enough for a line per option.
WIDE = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}


def commands(app: Any, *names: str) -> Iterator[tuple[str, ...]]:
    """Give the names of every group and command."""
    yield names
    for name, command in getattr(app, "commands", {}).items():
        yield from commands(command, *names, name)


COMMANDS = list(commands(typer.main.get_command(make_app())))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_command(command: tuple[str, ...], tmp_path: Path) -> None:
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
