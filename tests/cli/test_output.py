"""What commands print on a terminal, and where nothing can be printed."""

import subprocess
import sys
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import call, login_payload, run_command
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
    user = dev.app().login("3f2a1b9c-1111-2222-3333-444455556666", {"email": "a@example.com"})
    dev.app("a-rather-long-name-of-an-app-for-the-integration-tests").login("alice")
    commands = (("users", "find"), ("secret", "show"), ("apps", "list"), ("logins",))
    for command in commands:
        narrow = on_a_terminal(tmp_path, NARROW, *command)
        assert [line for line in narrow.splitlines() if len(line) > NARROW] == []
        _, *rows = on_a_terminal(tmp_path, 300, *command).splitlines()
        assert set(" ".join(rows).split()) <= set(narrow.split())
    users = on_a_terminal(tmp_path, NARROW, "users", "find").splitlines()
    assert users[:3] == ["", f"ID         {user.user_id}", f"SUBJECT    {user.sub}"]


def on_a_terminal(folder: Path, columns: int, *arguments: str) -> str:
    """Return what a command prints on a terminal of so many columns."""
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
