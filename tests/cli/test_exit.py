"""Every command closes its database: no thread or process is left when it exits."""

import socket
from pathlib import Path

import pytest

from tests.processes import SERVER, StartServer, run_skylogin

pytestmark = pytest.mark.slow

KEYS = {"API_KEY": "a key of our own", "MASTER_KEY": "a master key of our own"}
# Python imports it at its start. What is left is reported at its exit, after the threads that
# Python waits for have ended.
REPORT = """
import atexit, os, sys, threading

def report():
    threads = [one for one in threading.enumerate() if one is not threading.main_thread()]
    for thread in threads:
        # The thread of a failed connection may still be ending.
        thread.join(1)
    threads = [thread.name for thread in threads if thread.is_alive()]
    try:
        os.waitpid(-1, os.WNOHANG)
        children = "a child process"
    except ChildProcessError:
        children = "no child process"
    print(f"left at exit: {threads}, {children}", file=sys.stderr)

atexit.register(report)
"""
NOTHING_LEFT = "left at exit: [], no child process"


@pytest.fixture
def reporting(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that reports what is left at its exit."""
    folder = tmp_path / "reporting"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(REPORT)
    return {**KEYS, "PYTHONPATH": f"{folder}:{SERVER}"}


SERVERS = {
    "dev": ("dev", "--port", "0", "--database", "sqlite:///it.db"),
    "dev, ephemeral": ("dev", "--port", "0", "--ephemeral"),
    "serve": ("serve", "--port", "0", "--database", "sqlite:///it.db"),
}


@pytest.mark.parametrize("arguments", SERVERS.values(), ids=SERVERS)
def test_a_stopped_server_leaves_nothing(
    arguments: tuple[str, ...], start_server: StartServer, reporting: dict[str, str]
) -> None:
    """Neither the threads of its database nor the process that keeps its directory."""
    server = start_server(*arguments, **reporting)
    assert server.url

    assert server.stop() == 0

    assert NOTHING_LEFT in server.log


@pytest.mark.parametrize("arguments", SERVERS.values(), ids=SERVERS)
def test_a_server_that_cannot_listen_leaves_nothing(
    arguments: tuple[str, ...], tmp_path: Path, reporting: dict[str, str]
) -> None:
    """Its database was open by then."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        more = ("--host", "127.0.0.1", "--port", port)
        failed = run_skylogin(tmp_path, *arguments, *more, **reporting)

    assert failed.returncode == 1
    assert "cannot listen" in failed.stderr
    assert NOTHING_LEFT in failed.stderr


OTHERS = {
    "exec": ("exec", "--", "true"),
    "exec, not found": ("exec", "--", "no-such-command"),
    "migrate": ("migrate", "--database", "sqlite:///it.db"),
    "secret": ("secret", "show", "--database", "sqlite:///it.db"),
    "users": ("users", "list", "--database", "sqlite:///it.db"),
    "export": ("export", "--database", "sqlite:///it.db"),
    "unknown user": ("users", "show", "nobody", "--database", "sqlite:///it.db"),
}


@pytest.mark.parametrize("arguments", OTHERS.values(), ids=OTHERS)
def test_a_command_leaves_nothing(
    arguments: tuple[str, ...], tmp_path: Path, reporting: dict[str, str]
) -> None:
    """Whether it succeeds or not."""
    run_skylogin(tmp_path, "migrate", "--database", "sqlite:///it.db")

    done = run_skylogin(tmp_path, *arguments, **reporting)

    assert NOTHING_LEFT in done.stderr
    assert "Traceback" not in done.stderr


UNUSABLE = {
    "dev": ("dev", "--port", "0"),
    "serve": ("serve", "--port", "0"),
    "exec": ("exec", "--", "true"),
    "migrate": ("migrate",),
    "secret": ("secret", "show"),
}


@pytest.mark.parametrize("command", UNUSABLE)
@pytest.mark.parametrize("database", ["text.db", "folder"])
def test_a_database_that_cannot_be_opened_leaves_nothing(
    command: str, database: str, tmp_path: Path, reporting: dict[str, str]
) -> None:
    """Whether the file cannot be opened, or is not a database."""
    (tmp_path / "text.db").write_text("this is not a database, but long enough to be read" * 99)
    (tmp_path / "folder").mkdir()
    url = f"sqlite:///{database}"

    failed = run_skylogin(tmp_path, *UNUSABLE[command], SKYLOGIN_DATABASE_URL=url, **reporting)

    assert failed.returncode == 1
    assert NOTHING_LEFT in failed.stderr
    assert "Traceback" not in failed.stderr
