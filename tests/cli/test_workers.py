"""`skylogin serve --workers`: several processes on one port."""

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from aiohttp import ClientSession, ClientWebSocketResponse
from skylogin import config
from skylogin.cli import workers as worker_processes
from skylogin.cli.workers import WorkerEndedError, Workers

from tests.cli.commands import KEYS, call, login_payload, run_command
from tests.processes import ServerProcess, StartServer
from tests.waiting import wait_until, wait_until_async

COUNT, SECONDS_MAX = 2, 60
WORKERS = ("serve", "--workers", str(COUNT), "--host", "127.0.0.1", "--port", "0")
SECRET = KEYS["CUSTOM_TOKEN_SECRET"]


def log_in(server: ServerProcess, subject: str) -> int:
    """Log in over a new connection, and return the status."""
    payload = {**login_payload(SECRET, subject), "api_key": KEYS["API_KEY"]}
    return call(server.url, payload)[0]


def numbers(server: ServerProcess, name: str) -> dict[str, float]:
    """Return the numbers called *name*, by their labels."""
    lines = requests.get(f"{server.url}metrics", timeout=10).text.splitlines()
    found = [line.rpartition(" ") for line in lines if line.startswith((name + "{", name + " "))]
    return {labels.removeprefix(name): float(value) for labels, _, value in found}


def test_a_database_of_sqlite_belongs_to_one_process(tmp_path: Path) -> None:
    """The message is the only one."""
    url = f"sqlite:///{tmp_path}/skylogin.db"
    done = run_command(tmp_path, *WORKERS, **KEYS, DATABASE_URL=url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "  - --workers needs PostgreSQL: an SQLite database belongs to one process"
    )


@pytest.mark.parametrize("text", ["x", "1", "1,2,3"])
def test_the_option_of_a_worker_is_for_the_parent_alone(text: str, tmp_path: Path) -> None:
    """Who tries it reads why it does not work."""
    done = run_command(tmp_path, *WORKERS, "--worker", text, **KEYS, DATABASE_URL="sqlite:///a.db")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("  - --worker is only for processes that --workers starts\n")


@pytest.mark.slow
def test_what_every_worker_would_say_is_said_once(
    start_server: StartServer, postgresql_url: str
) -> None:
    """An empty database, for one. The parent ends with the worker's code."""
    server = start_server(*WORKERS, **KEYS, DATABASE_URL=postgresql_url)

    assert server.wait() == 1
    assert server.log.count("the database is empty: run `skylogin migrate`") == 1
    assert "Traceback" not in server.log


def workers_of(server: ServerProcess) -> set[int]:
    """Return the process ids of the workers."""
    children = Path(f"/proc/{server.facts['pid']}/task/{server.facts['pid']}/children")
    return {int(one) for one in children.read_text().split()}


def is_running(process: int) -> bool:
    """Return whether there is a process, other than one that ended and is not waited for."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
def test_workers_share_a_port_and_are_replaced(
    start_server: StartServer, postgresql_url: str, tmp_path: Path
) -> None:
    """Calls are answered meanwhile, metrics cover all workers, and nothing is left at the end."""
    ready_file = tmp_path / "ready.json"
    options = (*WORKERS, "--migrate", "--ready-file", str(ready_file))
    server = start_server(*options, **KEYS, DATABASE_URL=postgresql_url)
    assert server.facts["pid"] == server.process.pid
    assert json.loads(ready_file.read_text()) == server.facts
    before = workers_of(server)
    assert len(before) == COUNT
    for process in before:
        # The other one serves.
        os.kill(process, signal.SIGSTOP)
        assert log_in(server, "alice") == HTTPStatus.OK
        os.kill(process, signal.SIGCONT)

    asyncio.run(_publish_between(server, *sorted(before)))
    made = len(before)
    assert sum(numbers(server, "skylogin_logins_total").values()) == made
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: not is_running(min(before)))
    assert [log_in(server, f"user-{i}") for i in range(20)] == [HTTPStatus.OK] * 20
    wait_until(lambda: len(workers_of(server) - {min(before)}) == COUNT)
    # The new worker is still starting, with the values from before.
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("reloaded; changed: nothing") == COUNT)
    wait_until(lambda: len(numbers(server, "process_open_fds")) == COUNT)
    assert [log_in(server, f"user-{i}") for i in range(20)] == [HTTPStatus.OK] * 20
    assert sum(numbers(server, "skylogin_logins_total").values()) == made + 40
    assert sum(numbers(server, "skylogin_worker_restarts_total").values()) == 1
    assert "ended by SIGKILL" in server.log

    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("reloaded; changed: nothing") == 2 * COUNT)
    left = workers_of(server)
    assert server.stop() == 0
    assert not [process for process in left if is_running(process)]
    assert not ready_file.exists()
    assert "Traceback" not in server.log


async def _publish_between(server: ServerProcess, one: int, other: int) -> None:
    """Check that a client of *one* hears what a client of *other* publishes."""
    url = f"{server.url}pubsub?api_key={KEYS['API_KEY']}"
    async with asyncio.timeout(SECONDS_MAX), ClientSession() as session:
        listening = await _connect_without(other, session, url)
        await listening.send_json({"action": "sub", "channel": "a"})
        # The answer to it tells that the subscription was read.
        await listening.send_json({"action": "pub", "channel": "a", "data": {"from": "itself"}})
        assert (await listening.receive_json())["data"] == {"from": "itself"}
        speaking = await _connect_without(one, session, url)
        await speaking.send_json({"action": "pub", "channel": "a", "data": {"from": "another"}})
        assert (await listening.receive_json())["data"] == {"from": "another"}


async def _connect_without(
    stopped: int, session: ClientSession, url: str
) -> ClientWebSocketResponse:
    """Connect to a worker other than *stopped*."""
    os.kill(stopped, signal.SIGSTOP)
    try:
        return await session.ws_connect(url)
    finally:
        os.kill(stopped, signal.SIGCONT)


@pytest.mark.slow
def test_workers_end_with_a_parent_that_is_killed(
    start_server: StartServer, postgresql_url: str, tmp_path: Path
) -> None:
    """Its port is free again. Until then it reloads what it uses itself."""
    token = tmp_path / "token"
    token.write_text("the first token of the metrics")
    settings = {"SKYLOGIN_METRICS_PORT": "0", "SKYLOGIN_METRICS_TOKEN_FILE": str(token)}
    options = (*WORKERS, "--migrate")
    server = start_server(*options, **KEYS, **settings, DATABASE_URL=postgresql_url)
    left = workers_of(server)
    assert _status_of_metrics(server, "the second token of the metrics") == HTTPStatus.FORBIDDEN
    token.write_text("the second token of the metrics")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: server.log.count("changed: SKYLOGIN_METRICS_TOKEN") == COUNT + 1)
    assert _status_of_metrics(server, "the second token of the metrics") == HTTPStatus.OK
    port = server.facts["port"]
    server.kill()

    wait_until(lambda: not [process for process in left if is_running(process)])
    with socket.create_server(("127.0.0.1", port)):
        assert len(left) == COUNT
    assert "Traceback" not in server.log


def _status_of_metrics(server: ServerProcess, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(str(server.facts["metrics"]), headers=headers, timeout=10).status_code


async def test_a_worker_that_cannot_start_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For a time, the machine may have no memory or no process to give."""
    monkeypatch.setattr(worker_processes, "PAUSE_SECONDS_MAX", 0)
    with socket.create_server(("127.0.0.1", 0)) as one, tempfile.TemporaryFile() as memory:
        workers = Workers(config.read(KEYS, config.DEV), COUNT, one, memory.fileno())
        monkeypatch.setattr(sys, "executable", "/bin/true")
        with pytest.raises(WorkerEndedError):
            await workers.start(0)
        monkeypatch.setattr(sys, "executable", "/nowhere")
        keeper = asyncio.create_task(workers.keep(0))
        await wait_until_async(lambda: caplog.text.count("worker 1 cannot start: No such") > 1)
        keeper.cancel()
        await workers.stop()
