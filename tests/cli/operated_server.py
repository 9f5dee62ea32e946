"""A server, and commands that operate it: by its database, or by its URL."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

from skylogin.testing import SkyloginApp, SkyloginServer

from tests.cli.commands import call, login_payload, run_command


class OperatedServer:
    """A server, and the commands on it. *where* are the options that name the server."""

    def __init__(
        self,
        server: SkyloginServer,
        folder: Path,
        where: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.url = f"{server.url}/"
        self.secret = server.custom_token_secret
        self.app: SkyloginApp = server.app()
        self.folder = folder
        self.where = where
        self.environment = environment or {}

    def run(
        self, *arguments: str, given: str = "", on_terminal: bool = False
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command."""
        return run_command(
            self.folder,
            *arguments,
            *self.where,
            given=given,
            on_terminal=on_terminal,
            **self.environment,
        )

    def do(self, *arguments: str) -> str:
        """Run a command that must succeed, and return what it prints."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, *arguments: str) -> Any:
        """Return the JSON that a command prints."""
        return json.loads(self.do(*arguments, "--json"))

    def error(self, *arguments: str) -> str:
        """Run a command that must fail, and return its message; it prints nothing else."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert "Traceback" not in done.stderr
        return done.stderr.rstrip("\n")

    def log_in(self, subject: str) -> str:
        """Log in, and return the user's id."""
        return self.app.login(subject).user_id

    def status_of_login(self, subject: str, seconds: int = 60) -> int:
        """Log in with a token of a lifetime in seconds, and return the status."""
        payload = login_payload(self.secret, subject, lifetime=timedelta(seconds=seconds))
        return call(f"{self.url}sso/custom_token/login", payload)[0]
