"""`skylogin dev --exit-with-parent`: the server ends when its standard input does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import files_below, run_command
from tests.processes import SECONDS_MAX, ServerProcess, environment_with, processes_of, run
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

EPHEMERAL = ("dev", "--port", "0", "--ephemeral")
OPTION = "--exit-with-parent"
# Starts a server as a helper does, says that it is ready, and waits for its own end.
PARENT = f"""
import subprocess, sys
command = [sys.executable, "-m", "skylogin", *{EPHEMERAL!r}, {OPTION!r}, *sys.argv[1:]]
server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
server.stdout.readline()
print("ready", flush=True)
server.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_server_whose_parent_ends(
    number: signal.Signals, tmp_path: Path
) -> None:
    """Neither a process, nor the directory of its database, nor its ready file."""
    environment = {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, "--ready-file", str(tmp_path / "ready.json")],
        env=environment_with(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        assert (tmp_path / "ready.json").is_file()
        parent.send_signal(number)

    wait_until(lambda: not processes_of(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_server_stops_as_on_a_signal(tmp_path: Path) -> None:
    """With the code 0. What it is sent before is ignored."""
    server = ServerProcess(tmp_path, *EPHEMERAL)
    assert server.url
    assert server.process.stdin is not None
    server.process.stdin.write("ignored\n")
    server.process.stdin.flush()
    assert server.running

    server.process.stdin.close()

    assert server.wait() == 0
    assert "Traceback" not in server.log


def test_a_terminal_that_closes_ends_the_server(tmp_path: Path) -> None:
    """It is a standard input like a pipe."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "skylogin", *EPHEMERAL, OPTION],
        cwd=tmp_path,
        env=environment_with({}),
        stdin=theirs,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stdout is not None
    assert process.stdout.readline()

    os.close(ours)

    assert process.wait(SECONDS_MAX) == 0
    process.stdout.close()


NO_PIPES = {"file": f"<{os.devnull}", "closed": "<&-"}


@pytest.mark.parametrize("redirection", NO_PIPES.values(), ids=NO_PIPES)
def test_an_input_whose_end_says_nothing_is_refused(redirection: str, tmp_path: Path) -> None:
    """The server would stop at once, or never."""
    command = f'"$0" -m skylogin {" ".join(EPHEMERAL)} {OPTION} {redirection}'
    done = run(["sh", "-c", command, sys.executable], tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "--exit-with-parent needs a pipe as standard input, which the parent keeps open\n"
    )
    assert files_below(tmp_path) == set()


def test_only_dev_has_the_option(tmp_path: Path) -> None:
    """One in production is ended by who supervises it."""
    assert run_command(tmp_path, "serve", OPTION).returncode == 2  # noqa: PLR2004
