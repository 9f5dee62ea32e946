"""Servers and commands as people start them: processes of `python -m skylogin`."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parent.parent / "server"
SECONDS_MAX = 60


def environment_with(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which no setting of the developer's own reaches the server."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    plain = {name: os.environ[name] for name in kept if name in os.environ}
    return {**plain, "PYTHONPATH": str(SERVER), **more}


def run_skylogin(
    folder: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in *folder*, with *given* as its standard input, and wait for its end."""
    return run_python(folder, "-m", "skylogin", *arguments, given=given, **environment)


def run_python(
    folder: Path, *arguments: str, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in *folder*, with *given* as its standard input, and wait for its end."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment_with(environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


class ServerProcess:
    """A server that runs in *folder*, from its start until it is stopped or killed."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        # A file, because a pipe that nobody reads would stop the server in the end.
        self._log_path = folder / "log"
        with self._log_path.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "skylogin", *arguments],
                cwd=folder,
                env=environment_with(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._facts: dict[str, Any] = {}

    @property
    def facts(self) -> dict[str, Any]:
        """Return what the ready line says, once it is there."""
        if not self._facts:
            line = self._first_line()
            assert line, f"the server was not ready:\n{self.log}"
            self._facts = json.loads(line)
        return self._facts

    @property
    def url(self) -> str:
        """Return the server's URL, which ends with a slash, once it is ready."""
        return str(self.facts["url"])

    @property
    def log(self) -> str:
        """Return what all servers that ran in the folder have logged."""
        return self._log_path.read_text()

    @property
    def running(self) -> bool:
        """Return whether the process is there."""
        return self.process.poll() is None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask the server to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End the server at once, whatever it does."""
        self.process.kill()
        self.wait()

    def wait(self) -> int:
        """Return the exit code, once there is one."""
        code = self.process.wait(SECONDS_MAX)
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
