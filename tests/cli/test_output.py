"""What commands print on a terminal, and where nothing can be printed."""

import contextlib
import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.cli import output
from skylogin.testing import SkyloginServer

from tests.cli.commands import Output, call, login_payload, run_command
from tests.processes import environment_with

pytestmark = pytest.mark.slow

NARROW = 80


def test_a_terminal_shows_whole_secrets_and_no_control_characters(
    dev: SkyloginServer, tmp_path: Path
) -> None:
    """A narrow one too, so that a secret can be copied. Tokens cannot move the cursor."""
    secret = dev.custom_token_secret
    assert call(dev.url, login_payload(secret, "\x1b[2Jalice"))[0] == HTTPStatus.OK

    for columns in (60, 300):
        shown = on_a_terminal(tmp_path, columns, "secret", "show")
        assert secret in shown.split()
        shown = on_a_terminal(tmp_path, columns, "logins")
        assert "\x1b[2J" not in shown
        assert r"\x1b[2J" in shown
        assert on_a_terminal(tmp_path, columns, "audit") == "No audit entries.\n"


def test_a_narrow_terminal_breaks_no_id(dev: SkyloginServer, tmp_path: Path) -> None:
    """It gets a line for each value; a wide one a line for each row."""
    sub = "3f2a1b9c-1111-2222-3333-444455556666"
    user = dev.app().login(sub, {"email": "a@example.com"})
    dev.app("a-rather-long-name-of-an-app-for-the-integration-tests").login("alice")
    commands = (("users", "find"), ("secret", "show"), ("apps", "list"), ("logins",))
    for command in commands:
        narrow = on_a_terminal(tmp_path, NARROW, *command)
        assert [line for line in narrow.splitlines() if len(line) > NARROW] == []
        _, *rows = on_a_terminal(tmp_path, 300, *command).splitlines()
        assert set(" ".join(rows).split()) <= set(narrow.split())
    users = on_a_terminal(tmp_path, NARROW, "users", "find").splitlines()
    assert users[:3] == ["", f"ID         {user.user_id}", f"SUBJECT    {sub}"]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_line_that_is_followed_breaks_no_id(
    monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    """On a narrow terminal it is several lines, elsewhere one."""
    monkeypatch.setenv("COLUMNS", "40")
    attempt = {"verdict": "refused", "explanation": "x " * 12, "id": "i" * 36}
    with contextlib.redirect_stdout(Output("utf-8", is_terminal=is_terminal)) as stdout:
        output.print_line(attempt, as_json=False)

    lines = stdout.written().splitlines()
    assert len(lines) == (1 + len(attempt) if is_terminal else 1)
    assert lines[-1].split()[-1] == attempt["id"]


def on_a_terminal(folder: Path, columns: int, *arguments: str) -> str:
    """Return what a command prints on a terminal with that number of columns."""
    terminal = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    done = run_command(folder, *arguments, on_terminal=True, **terminal)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("command", [("export", "-"), ("users", "find")], ids=" ".join)
def test_a_full_disk_is_reported(
    command: tuple[str, ...], dev: SkyloginServer, tmp_path: Path
) -> None:
    """Standard output that cannot be written is an error."""
    dev.app().login("alice")
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "skylogin", *command, "--url", dev.url],
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
