"""Commands run in the test's own process, and what their tests share.

A real process is started only where the process is the subject: signals, the ready line, exit
codes, imports at the start.
"""

import contextlib
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from skylogin.cli import main
from skylogin.clock import system_now
from skylogin.testing import SkyloginServer
from skylogin.tokens import mint as minting

from tests.processes import ServerProcess, environment_with

StartServer = Callable[..., ServerProcess]

DEV = ("dev", "--port", "0")
# Where `skylogin dev` keeps its database.
DATABASE = ".skylogin/skylogin.db"
# What `skylogin serve` needs.
KEYS = {
    "API_KEY": "a key of our own",
    "MASTER_KEY": "a master key of our own",
    "CUSTOM_TOKEN_SECRET": "a custom token secret of our own",
}


class Output(io.TextIOWrapper):
    """Standard output or error of a command, as text over bytes, on a terminal or not."""

    def __init__(self, charset: str, *, is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=charset, newline="")
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        """Return whether a command takes this for a terminal."""
        return self._is_terminal

    def written(self) -> str:
        """Return what was written."""
        self.flush()
        data = self.buffer
        assert isinstance(data, io.BytesIO)
        return data.getvalue().decode(self.encoding)


def run_command(
    folder: Path,
    *arguments: str,
    given: str = "",
    on_terminal: bool = False,
    charset: str = "utf-8",
    **environment: str,
) -> "subprocess.CompletedProcess[str]":
    """Run a command in *folder* with *given* as its standard input, in this process.

    No environment variable but *environment* reaches it. Returns what a process would return.
    """
    stdin = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    stdout, stderr = Output(charset, is_terminal=on_terminal), Output(charset)
    with _as_a_process(folder, environment), contextlib.ExitStack() as stack:
        stack.callback(setattr, sys, "stdin", sys.stdin)
        sys.stdin = stdin
        stack.enter_context(contextlib.redirect_stdout(stdout))
        stack.enter_context(contextlib.redirect_stderr(stderr))
        code: Any = 0
        try:
            main.main(arguments)
        except SystemExit as ended:
            code = ended.code or 0
    return subprocess.CompletedProcess(arguments, code, stdout.written(), stderr.written())


@contextlib.contextmanager
def _as_a_process(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """Use a directory and an environment during the block. Restores logging after it."""
    logger = logging.getLogger("skylogin")
    logging_before = (logger.handlers, logger.level, logger.propagate)
    variables = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment_with(environment))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(variables)
        logger.handlers, logger.level, logger.propagate = logging_before


def dev_server(folder: Path, **environment: str) -> SkyloginServer:
    """Return a server in this process, on the database that `skylogin dev` keeps in *folder*."""
    return SkyloginServer(environment, database=f"sqlite:///{folder}/{DATABASE}")


def call(url: str, payload: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Return the status, the answer and the headers of a call."""
    answer = requests.post(url, json=payload, timeout=30)
    return answer.status_code, answer.json(), dict(answer.headers)


def login_payload(secret: str, subject: str = "alice", **options: Any) -> dict[str, Any]:
    """Return the payload of a login."""
    token = minting.mint(subject, secret, system_now(), **options)
    return {"action": "sso:custom_token:login", "api_key": "changeme", "token": token}


def log_in(server: ServerProcess, subject: str = "alice") -> Any:
    """Log in with the secret of the ready line, and return the result."""
    payload = login_payload(server.facts["custom_token_secret"], subject)
    status, answer, _ = call(server.url, {**payload, "api_key": server.facts["api_key"]})
    assert status == HTTPStatus.OK, answer
    return answer["result"]


def files_below(folder: Path) -> set[str]:
    """Return the paths of the files in *folder*, except for the log of these tests."""
    paths = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return paths - {"log"}


def rows_of(folder: Path, *arguments: str, **environment: str) -> Any:
    """Return the JSON that a command prints."""
    done = run_command(folder, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
