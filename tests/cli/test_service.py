"""`skylogin serve` as a service: its socket, its readiness, and its reload."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin.cli import service_manager
from skylogin.config import ConfigurationError

from tests.cli.commands import call, login_payload
from tests.processes import ServerProcess, environment_with

SECONDS_MAX = 60
API_KEY, SECRET = "a key of our own", "a custom token secret of our own"
FILES = {
    "API_KEY": API_KEY,
    "MASTER_KEY": "a master key of our own",
    "CUSTOM_TOKEN_SECRET": SECRET,
    "SKYLOGIN_ADMIN_TOKEN": "an admin token of our own",
}
# What systemd does between its fork and the start of the program.
LAUNCH = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])"""


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket on which systemd hears from its services."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(SECONDS_MAX)
        yield one


class Service(ServerProcess):
    """A server that finds the socket to listen on as its descriptor 3, as systemd has it."""

    def __init__(self, folder: Path, given: socket.socket, **environment: str) -> None:
        self._log_path = folder / "log"
        self._facts = {}
        command = [sys.executable, "-m", "skylogin", "serve"]
        with self._log_path.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", LAUNCH, str(given.fileno()), *command],
                cwd=folder,
                env=environment_with({**environment, "LISTEN_FDS": "1"}),
                pass_fds=[given.fileno()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )


def told(manager: socket.socket) -> str:
    """Return what a service says next, but for signs of life."""
    while True:
        text = manager.recv(4096).decode()
        if text != service_manager.ALIVE:
            return text


def write_secrets(folder: Path, **values: str) -> dict[str, str]:
    """Write secrets into files, and return the variables that name them."""
    for name, value in {**FILES, **values}.items():
        (folder / name).write_text(f"{value}\n")
        (folder / name).chmod(0o600)
    return {f"{name}_FILE": name for name in FILES}


def log_in(url: str, secret: str, api_key: str) -> int:
    """Return the status of a login."""
    return call(url, {**login_payload(secret), "api_key": api_key})[0]


@pytest.mark.slow
def test_a_service_is_told_where_to_listen_and_reloads_its_secrets(
    tmp_path: Path, manager: socket.socket
) -> None:
    """A reload that fails changes nothing, and says in one line why."""
    environment = write_secrets(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as given:
        server = Service(
            tmp_path,
            given,
            NOTIFY_SOCKET=str(tmp_path / "notify"),
            WATCHDOG_USEC="100000",
            DATABASE_URL="sqlite:///x.db",
            **environment,
        )
        port = given.getsockname()[1]
    try:
        assert told(manager) == "READY=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        assert server.url == f"http://127.0.0.1:{port}/"
        assert log_in(server.url, SECRET, API_KEY) == HTTPStatus.OK

        new = {"API_KEY": "another key", "CUSTOM_TOKEN_SECRET": "another secret of 32 characters."}
        write_secrets(tmp_path, **new)
        (tmp_path / ".env").write_text("LOG_FORMATTER=json\n")
        reload(server, manager)
        assert "changed: API_KEY, CUSTOM_TOKEN_SECRET\n" in server.log
        assert "needs a restart to change: LOG_FORMATTER\n" in server.log
        assert log_in(server.url, new["CUSTOM_TOKEN_SECRET"], new["API_KEY"]) == HTTPStatus.OK
        assert log_in(server.url, SECRET, new["API_KEY"]) == HTTPStatus.BAD_REQUEST
        assert log_in(server.url, SECRET, API_KEY) == HTTPStatus.UNAUTHORIZED

        write_secrets(tmp_path, API_KEY="a third key", MASTER_KEY="short")
        reload(server, manager)
        problem = (
            "cannot reload, so nothing has changed: MASTER_KEY is shorter than 16 characters\n"
        )
        assert problem in server.log
        (tmp_path / "MASTER_KEY").unlink()
        reload(server, manager)
        assert "nothing has changed: MASTER_KEY_FILE MASTER_KEY: No such file" in server.log
        assert log_in(server.url, new["CUSTOM_TOKEN_SECRET"], new["API_KEY"]) == HTTPStatus.OK

        server.process.send_signal(signal.SIGTERM)
        assert told(manager) == "STOPPING=1"
        assert server.wait() == 0
    finally:
        server.kill()


def reload(server: ServerProcess, manager: socket.socket) -> None:
    """Send the signal, and wait for the end of the reload."""
    server.process.send_signal(signal.SIGHUP)
    assert told(manager).startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert told(manager) == "READY=1"


async def test_the_watchdog_is_fed_in_time(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice in the time that the unit gives; not for another process, and not without it."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    await service_manager.feed_watchdog()
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    await service_manager.feed_watchdog()
    monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
    feeding = asyncio.create_task(service_manager.feed_watchdog())
    for _ in range(2):
        assert await asyncio.to_thread(manager.recv, 4096) == b"WATCHDOG=1"
    feeding.cancel()


@pytest.mark.parametrize("address", ["", "nonsense", "/nowhere/at/all", "@nobody listens here"])
def test_a_service_manager_that_does_not_listen_is_ignored(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server runs on."""
    monkeypatch.setenv("NOTIFY_SOCKET", address)

    service_manager.notify(service_manager.READY)


@pytest.mark.parametrize(
    ("number", "process", "problem"),
    [
        ("1", "1", ""),
        ("", "own", ""),
        ("2", "own", "systemd gave 2 sockets, but the server uses only one"),
    ],
)
def test_the_socket_of_another_process_is_left_alone(
    number: str, process: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variables go to everything that a service starts."""
    monkeypatch.setenv("LISTEN_FDS", number)
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()) if process == "own" else process)
    if not problem:
        assert service_manager.given_socket() is None
        return
    with pytest.raises(ConfigurationError, match=problem):
        service_manager.given_socket()
