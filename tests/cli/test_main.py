"""`skylogin --help` and `skylogin version`."""

from pathlib import Path

import pytest
import skylogin

from tests.cli.commands import run_command


def test_the_help_lists_every_command(tmp_path: Path) -> None:
    """So does the command without arguments."""
    done = run_command(tmp_path, "--help", COLUMNS="100", TERM="dumb")

    assert done.returncode == 0
    for command in ("dev", "serve", "wait", "exec", "migrate", "token", "secret", "version"):
        assert f" {command} " in done.stdout
    bare = run_command(tmp_path, COLUMNS="100", TERM="dumb")
    assert bare.stdout.strip() == done.stdout.strip()


def test_the_version_is_printed(tmp_path: Path) -> None:
    """Alone."""
    for command in ("version", "--version"):
        done = run_command(tmp_path, command)
        assert (done.returncode, done.stdout) == (0, f"{skylogin.__version__}\n")
        assert done.stderr == ""


@pytest.mark.heavy
def test_every_command_explains_itself_briefly(tmp_path: Path) -> None:
    """With -h, as with --help."""
    for command in ("", "dev", "exec", "users edit"):
        short = run_command(tmp_path, *command.split(), "-h", TERM="dumb")
        assert short.stdout == run_command(tmp_path, *command.split(), "--help", TERM="dumb").stdout
