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


def test_a_terminal_shows_whole_secrets_and_no_control_characters(
    dev: SkyloginServer, tmp_path: Path
) -> None:
    """A narrow one too, so that a secret can be copied. Tokens cannot move the cursor."""
    secret = dev.custom_token_secret
    assert call(dev.url, login_payload(secret, "\x1b[2Jalice"))[0] == HTTPStatus.OK

    shown = on_a_terminal(tmp_path, "secret", "show")
    assert shown.splitlines()[1].split()[1] == secret
    shown = on_a_terminal(tmp_path, "logins")
    assert "\x1b[2J" not in shown
    assert r"\x1b[2J" in shown.splitlines()[1]
    assert on_a_terminal(tmp_path, "audit") == "No audit entries.\n"


def on_a_terminal(folder: Path, *arguments: str) -> str:
    """Return what a command prints on a terminal of 60 columns."""
    terminal = {"COLUMNS": "60", "NO_COLOR": "1", "TERM": "dumb"}
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
