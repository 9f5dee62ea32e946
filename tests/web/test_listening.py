"""The addresses that a server listens on."""

import errno
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from skylogin import config
from skylogin.config import ConfigurationError, Settings
from skylogin.web import server

pytestmark = pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
SECONDS_MAX = 10
FOUR, SIX = "127.0.0.1", "::1"
OTHER_FOUR = "127.0.0.9"

# HOST, and the addresses of this machine at which the server answers.
HOSTS: dict[str, tuple[str, set[str]]] = {
    "a port": (":0", {FOUR, OTHER_FOUR, SIX}),
    "every address, as Go has it": ("[::]:0", {FOUR, OTHER_FOUR, SIX}),
    "without brackets": ("::", {FOUR, OTHER_FOUR, SIX}),
    "in full": ("[0:0:0:0:0:0:0:0]:0", {FOUR, OTHER_FOUR, SIX}),
    "every IPv4 address": ("0.0.0.0:0", {FOUR, OTHER_FOUR}),
    "one IPv4 address": ("127.0.0.1:0", {FOUR}),
    "one IPv6 address": ("[::1]:0", {SIX}),
}


MakeSettings = Callable[[str], Settings]


@pytest.fixture
def make_settings(file_with_tables: Path, tmp_path: Path) -> MakeSettings:
    """Return the settings of a server with its own HOST."""
    path = shutil.copyfile(file_with_tables, tmp_path / "skylogin.db")
    # `skylogin dev` would listen on loopback for an empty host.
    own = {"API_KEY": "an-api-key", "MASTER_KEY": "a-master-key-of-this-test", "PORT": "0"}
    return lambda host: config.read(
        {**own, "DATABASE_URL": f"sqlite:///{path}", "HOST": host}, config.SERVE
    )


def answers(address: str, port: int) -> bool:
    """Return whether something listens there."""
    try:
        socket.create_connection((address, port), SECONDS_MAX).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.parametrize(("host", "addresses"), HOSTS.values(), ids=HOSTS)
async def test_a_server_listens_where_host_says(
    host: str, addresses: set[str], make_settings: MakeSettings
) -> None:
    """On one port, which its URL has."""
    async with server.running(make_settings(host)) as running:
        found = {one for one in (FOUR, OTHER_FOUR, SIX) if answers(one, running.port)}
        url = running.url

    assert found == addresses
    own = f"[{SIX}]" if addresses == {SIX} else FOUR
    assert url == f"http://{own}:{running.port}/"


async def test_a_machine_without_ipv6_listens_on_ipv4(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kernel without IPv6 has it: no socket of that family can be made."""

    class Socket(socket.socket):
        def __init__(self, family: int = socket.AF_INET, *more: int, **named: int) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *more, **named)

    monkeypatch.setattr(socket, "socket", Socket)
    async with server.running(make_settings(":0")) as running:
        assert answers(FOUR, running.port)
        assert running.url == f"http://{FOUR}:{running.port}/"


@pytest.mark.parametrize(("host", "shown"), [("", "*"), ("[::]", "[::]"), (FOUR, FOUR)])
async def test_a_port_in_use_is_reported(
    host: str, shown: str, make_settings: MakeSettings
) -> None:
    """By the address, whichever family the other server listens on."""
    with socket.create_server((FOUR, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError) as raised:
            async with server.running(make_settings(f"{host}:{port}")):
                pass

    assert str(raised.value).startswith(f"cannot listen on {shown}:{port}: ")
