"""`skylogin wait`."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import run_command
from tests.local_services import free_port
from tests.processes import StartServer, environment_with

pytestmark = pytest.mark.slow


def start_waiting(folder: Path, *arguments: str) -> "subprocess.Popen[str]":
    """Start the command in a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "skylogin", "wait", *arguments],
        cwd=folder,
        env=environment_with({}),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_wait_ends_when_the_server_is_ready(start_server: StartServer, tmp_path: Path) -> None:
    """Though it was started before the server."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}/"
    with start_waiting(tmp_path, url) as waiting:
        server = start_server("dev", "--ephemeral", "--port", port)
        assert server.url == url
        assert waiting.wait(30) == 0
        assert waiting.stderr is not None
        assert waiting.stderr.read() == ""


def test_wait_follows_the_ready_file(start_server: StartServer, tmp_path: Path) -> None:
    """To any port, and to the next one when the server is restarted."""
    file = tmp_path / "ready.json"
    file.write_text('{"url": "http://127.0.0.1:1/"}')
    with start_waiting(tmp_path, "--ready-file", str(file)) as waiting:
        start_server("dev", "--ephemeral", "--port", "0", "--ready-file", str(file))
        assert waiting.wait(30) == 0
        assert waiting.stderr is not None
        assert waiting.stderr.read() == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://"])
def test_wait_gives_up_after_its_time(url: str, tmp_path: Path) -> None:
    """The message names the last problem."""
    begun = time.monotonic()
    done = run_command(tmp_path, "wait", url, "--timeout", "0.3")

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{url} is not ready after 0.3 s: " in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 10  # noqa: PLR2004


# `dev` does not take its default key beyond loopback otherwise.
DEFAULT_KEY = {"SKYLOGIN_DEFAULT_KEY_ON_NETWORK": "yes"}
# The variables of a server, and how else the command may get its address.
ADDRESSES = {
    "port": ({"PORT": "{port}"}, {"PORT": "{port}"}),
    "port in host": ({"HOST": "127.0.0.1:{port}"}, {"HOST": "127.0.0.1:{port}", "PORT": "1"}),
    "all addresses": ({"HOST": "0.0.0.0", "PORT": "{port}"}, {"HOST": "0.0.0.0:{port}"}),
    "no host": ({"HOST": ":{port}"}, {"HOST": ":{port}"}),
    "IPv6": ({"HOST": "[::1]:{port}"}, {"HOST": "::1", "PORT": "{port}"}),
    "all IPv6 addresses": ({"HOST": "[::]:{port}"}, {"HOST": "[::]:{port}"}),
}


@pytest.mark.parametrize(("of_server", "of_command"), ADDRESSES.values(), ids=ADDRESSES)
def test_wait_without_a_url_uses_the_environment(
    of_server: dict[str, str], of_command: dict[str, str], tmp_path: Path
) -> None:
    """As a health check does, which has the server's variables and nothing else."""
    port = str(free_port())
    variables = {name: value.format(port=port) for name, value in of_server.items()}
    with SkyloginServer({"HOST": "", **DEFAULT_KEY, **variables}) as server:
        assert server.url.endswith(f":{port}")
        environment = {name: value.format(port=port) for name, value in of_command.items()}
        done = run_command(tmp_path, "wait", "--timeout", "5", **environment)

    assert (done.returncode, done.stderr) == (0, "")


def test_wait_does_not_wait_for_an_invalid_url(tmp_path: Path) -> None:
    """It will never be ready."""
    done = run_command(tmp_path, "wait", "nonsense", "--timeout", "1000")

    assert done.returncode == 1
    assert done.stderr.startswith("nonsense is not the URL of a server")


def test_wait_gives_up_on_a_missing_ready_file(tmp_path: Path) -> None:
    """The message names it."""
    done = run_command(tmp_path, "wait", "--ready-file", "ready.json", "--timeout", "0.1")

    assert done.returncode == 1
    assert done.stderr == "ready.json is not ready after 0.1 s: no ready line\n"


INVALID: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "both": (("http://127.0.0.1:1/", "--ready-file", "x"), {}, "not both"),
    "any port": ((), {"PORT": "0"}, "PORT is 0"),
    "invalid port": ((), {"PORT": "x"}, "PORT"),
}


@pytest.mark.parametrize(("arguments", "environment", "message"), INVALID.values(), ids=INVALID)
def test_wait_reports_what_can_never_be_ready(
    arguments: tuple[str, ...], environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    """At once, without waiting."""
    done = run_command(tmp_path, "wait", *arguments, **environment)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
