"""Servers that are started and stopped many times, with calls in flight."""

import http.client
import json
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from skylogin.clock import system_now
from skylogin.tokens import mint

from tests.processes import StartServer
from tests.waiting import wait_until

CALLERS = 4
SECONDS_MAX = 20
# From the signal until the process is gone, with calls in flight.
STOP_SECONDS_MAX = 1.0
# The last one gives the server no time to clean up.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
HEADERS = {"Content-Type": "application/json"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]


class Caller(threading.Thread):
    """Logs in on one connection after the other, until the server refuses the next."""

    def __init__(self, facts: dict[str, Any], name: str) -> None:
        super().__init__()
        token = mint.mint(name, facts["custom_token_secret"], system_now())
        self.body = json.dumps({"api_key": facts["api_key"], "token": token})
        self.port = facts["port"]
        self.answered = 0
        self.lost: list[str] = []

    def run(self) -> None:
        """Call until the server refuses connections."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_MAX)
            try:
                connection.connect()
            except ConnectionRefusedError:
                return
            except OSError:
                # Its listener was closed meanwhile: no call was sent.
                return
            try:
                if not self._call(connection):
                    return
            finally:
                connection.close()

    def _call(self, connection: http.client.HTTPConnection) -> bool:
        """Call until the connection ends; return False if a call got no answer."""
        while True:
            answered_before = self.answered
            try:
                connection.request("POST", "/sso/custom_token/login", self.body, HEADERS)
                answer = connection.getresponse()
                body = json.loads(answer.read())
            except (ConnectionError, http.client.HTTPException) as error:
                # A call in flight must not be lost.
                self.lost.append(f"{type(error).__name__} after {answered_before}")
                return False
            if answer.status != http.HTTPStatus.OK:
                self.lost.append(f"{answer.status}: {body}")
            self.answered += 1
            if answer.headers.get("Connection") == "close":
                return True


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(one) for one in task.read_text().split()]
    return found


def is_running(pid: int) -> bool:
    """Return whether a process runs."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("cycles", [4, pytest.param(50, marks=pytest.mark.long)])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda one: one.name)
def test_a_server_starts_ready_and_stops_without_a_trace(
    number: signal.Signals, cycles: int, start_server: StartServer, tmp_path: Path
) -> None:
    """A stop loses no call in flight; even a kill leaves no process, file or listening port."""
    answered, slowest = 0, 0.0
    temporary, ready_file = tmp_path / "temporary", tmp_path / "ready"
    temporary.mkdir()
    arguments = ("dev", "--port", "0", "--ephemeral", "--ready-file", str(ready_file))
    for _ in range(cycles):
        server = start_server(*arguments, TMPDIR=str(temporary))
        facts = server.facts
        assert json.loads(ready_file.read_text()) == facts
        with socket.create_connection(("127.0.0.1", facts["port"]), SECONDS_MAX):
            pass
        callers = [Caller(facts, f"user{one}") for one in range(CALLERS)]
        for caller in callers:
            caller.start()
        wait_until(lambda callers=callers: all(caller.answered for caller in callers), SECONDS_MAX)
        children = children_of(facts["pid"])

        stopped_at = time.monotonic()
        code = server.stop(number)
        slowest = max(slowest, time.monotonic() - stopped_at)
        for caller in callers:
            caller.join(SECONDS_MAX)

        assert code == (-number if number is signal.SIGKILL else 0)
        answered += sum(caller.answered for caller in callers)
        if number is not signal.SIGKILL:
            assert [one for caller in callers for one in caller.lost] == []
            assert not ready_file.exists()
        wait_until(lambda children=children: not any(map(is_running, children)), STOP_SECONDS_MAX)
        assert list(temporary.iterdir()) == []
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", facts["port"]), SECONDS_MAX)
    print(f"{cycles} cycles, {answered} logins, the slowest stop took {slowest:.2f} s")
    assert slowest < STOP_SECONDS_MAX
