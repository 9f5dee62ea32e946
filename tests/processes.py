"""Servers and commands as users start them: processes of `python -m skylogin`."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent.parent / "server"
SECONDS_MAX = 60
# Of a program that is run to its end. Maven and a virtual environment take their time.
RUN_SECONDS_MAX = 240


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the developer's own settings."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    plain = {name: os.environ[name] for name in kept if name in os.environ}
    return {**plain, "PYTHONPATH": str(SERVER), **more}


def run_skylogin(
    folder: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in *folder* with *given* as its standard input, and wait for its end."""
    return run_python(folder, "-m", "skylogin", *arguments, given=given, **environment)


def run_python(
    folder: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in *folder* with *given* as its standard input, and wait for its end."""
    return run([sys.executable, *arguments], folder, given=given, **environment)


def run(
    command: Sequence[str | Path], folder: Path, *, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program in *folder* with *given* as its standard input, and wait for its end."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment_with(environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )


def output_of(command: Sequence[str | Path], folder: Path, **environment: str) -> str:
    """Run a program that must succeed in *folder*, and return what it prints."""
    done = run(command, folder, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def processes_of(folder: Path) -> dict[int, str]:
    """Return the command lines of the processes whose TMPDIR is *folder*, by process id."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        # A process may end, or be somebody else's.
        with suppress(OSError):
            if f"TMPDIR={folder}".encode() in (path / "environ").read_bytes().split(b"\0"):
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(path.name)] = command.decode()
    return found


class ServerProcess:
    """A server that runs in *folder* until it is stopped or killed."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        # A file: a pipe that is not read would fill up and block the server.
        self._log_path = folder / "log"
        with self._log_path.open("a") as log:
            # A server must not outlive a test run that is killed.
            ends = ("--exit-with-parent",) if arguments[0] == "dev" else ()
            self.process = subprocess.Popen(
                [sys.executable, "-m", "skylogin", *arguments, *ends],
                cwd=folder,
                env=environment_with(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._facts: dict[str, Any] = {}

    @property
    def facts(self) -> dict[str, Any]:
        """Return the members of the ready line; wait for it first."""
        if not self._facts:
            line = self._first_line()
            assert line, f"the server was not ready:\n{self.log}"
            self._facts = json.loads(line)
        return self._facts

    @property
    def url(self) -> str:
        """Return the server's URL, which ends with a slash; wait until it is ready."""
        return str(self.facts["url"])

    @property
    def log(self) -> str:
        """Return the log of all servers that ran in the directory."""
        return self._log_path.read_text()

    @property
    def running(self) -> bool:
        """Return whether the process runs."""
        return self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send the signal *number*, wait, and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the server."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait for the end of the process, and return its exit code."""
        code = self.process.wait(SECONDS_MAX)
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        too_long = threading.Timer(SECONDS_MAX, self.process.kill)
        too_long.start()
        try:
            return self.process.stdout.readline()
        finally:
            too_long.cancel()


# What the fixture `start_server` gives.
StartServer = Callable[..., ServerProcess]


def read_terminal(terminal: int) -> bytes:
    """Return what is written to a terminal until its process ends, and close it."""
    output = b""
    # Linux reports the end of a terminal as an error.
    with suppress(OSError):
        while data := os.read(terminal, 1024):
            output += data
    os.close(terminal)
    return output
