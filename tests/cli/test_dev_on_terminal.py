"""`skylogin dev` on a terminal shows what a person needs."""

import json
import os
import pty
import signal
import sys
from pathlib import Path

import pytest
from skylogin.client import readiness

from tests.cli.commands import call
from tests.processes import environment_with, read_terminal
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STARTED_SECONDS_MAX, COLUMNS = 30, 80


@pytest.mark.parametrize("options", [[], ["--json"]], ids=" ".join)
def test_dev_shows_its_keys_and_a_line_a_call(options: list[str], tmp_path: Path) -> None:
    """With --json, only the ready line, as a program reads it from a pipe."""
    ready = tmp_path / "ready"
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        command = ["-m", "skylogin", "dev", "--port", "0", "--ephemeral", "--ready-file", "ready"]
        os.execve(sys.executable, [sys.executable, *command, *options], environment_with({}))
    wait_until(ready.exists, STARTED_SECONDS_MAX)
    url, line = readiness.url_in(ready), ready.read_text()
    call(url, {"action": "auth:login", "api_key": "wrong"})
    os.kill(pid, signal.SIGTERM)
    lines = read_terminal(terminal).decode().splitlines()
    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    if options:
        assert lines == line.splitlines()
        return
    facts = json.loads(line)
    shown = [fact.split() for fact in lines if fact.startswith("  ")]
    names = ("url", "api_key", "master_key", "custom_token_secret", "portal")
    assert [fact[-1] for fact in shown] == [
        *(facts[name] for name in names),
        f"{facts['url']}_issuer/token",
    ]
    [told] = [one for one in lines if "api_key_wrong" in one]
    assert "  401  auth:login  api_key_wrong: the API key is neither" in told
    assert len(told) <= COLUMNS
