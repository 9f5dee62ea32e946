"""Idle and silent connections are closed; those of a running call are not."""

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_network
from pathlib import Path

import pytest
from skylogin import config
from skylogin.http import bodies
from skylogin.web import connections, server
from skylogin.web.connections import Connection, Connections
from skylogin.web.server import Running

SECONDS_MAX = 20
REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-API-Key: changeme\r\n"
WHOLE = REQUEST + b"Content-Length: 2\r\n\r\n{}"
CHECK = b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n"
CLOSING = REQUEST + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
SILENT = {
    "nothing": b"",
    "half a line": b"POST / HT",
    "half the headers": REQUEST,
    "half of a second request": WHOLE + WHOLE[:20],
}


@pytest.fixture
async def running(
    file_with_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """A server that is soon out of patience."""
    for name in ("HEADER_SECONDS_MAX", "KEEP_ALIVE_SECONDS", "CHECK_SECONDS"):
        monkeypatch.setattr(connections, name, 0.05)
    async with make_server(file_with_tables, tmp_path) as running:
        yield running


def make_server(
    file_with_tables: Path, tmp_path: Path, **more: str
) -> AbstractAsyncContextManager[Running]:
    """Return a server on its own database."""
    path = shutil.copyfile(file_with_tables, tmp_path / "skylogin.db")
    environment = {"SKYLOGIN_DATABASE_URL": f"sqlite:///{path}", "PORT": "0", **more}
    return server.running(config.read(environment, config.DEV))


async def read_to_the_end(port: int, *parts: bytes) -> bytes:
    """Send *parts*, a moment apart, and return what comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.2 if part is not parts[-1] else 0)
    async with asyncio.timeout(SECONDS_MAX):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("sent", SILENT.values(), ids=SILENT)
async def test_a_silent_connection_is_closed(running: Running, sent: bytes) -> None:
    """Whatever it has sent before."""
    answer = await read_to_the_end(running.port, sent)

    assert answer.count(b"HTTP/1.1 200 OK") == sent.count(WHOLE)


async def test_a_connection_is_kept_for_a_time(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the next request."""
    monkeypatch.setattr(connections, "KEEP_ALIVE_SECONDS", SECONDS_MAX)

    answer = await read_to_the_end(running.port, WHOLE, WHOLE, CLOSING)

    assert answer.count(b"HTTP/1.1 200 OK") == 3  # noqa: PLR2004


async def test_a_call_that_takes_long_keeps_its_connection(running: Running) -> None:
    """Its client waits, and so does the connection: here for a login attempt."""
    path = f"/_admin/v1/apps/{running.settings.app_name}/logins/wait?timeout=1"
    token = running.settings.master_key
    lines = (f"GET {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}")

    answer = await read_to_the_end(running.port, "\r\n".join((*lines, "", "")).encode())

    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert answer.endswith(b'{"attempt":null}')


@pytest.mark.parametrize("sent", [b"", b"{", b"x" * 70_000], ids=["nothing", "a byte", "much"])
async def test_a_body_that_does_not_come_is_refused(
    running: Running, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And its connection ends, since the rest of it may still come."""
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    monkeypatch.setattr(bodies, "BYTES_A_SECOND_MIN", 10**9)

    answer = await read_to_the_end(running.port, REQUEST + b"Content-Length: 100000\r\n\r\n" + sent)

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"the request body takes too long" in answer


OTHERS = {
    "portal": b"POST /portal/apps HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n"
    b"Cookie: skylogin_session=mine\r\nContent-Type: application/x-www-form-urlencoded\r\n",
    "admin": b"POST /_admin/v1/apps HTTP/1.1\r\nHost: localhost\r\n"
    b"Authorization: Bearer secret\r\nContent-Type: application/json\r\n",
}


@pytest.mark.parametrize("headers", OTHERS.values(), ids=OTHERS)
async def test_no_other_body_may_take_any_time(
    running: Running, headers: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a form nor what an operator sends."""
    monkeypatch.setattr(bodies, "BODY_SECONDS_MAX", 0.05)
    monkeypatch.setattr(bodies, "BYTES_A_SECOND_MIN", 10**9)

    answer = await read_to_the_end(running.port, headers + b"Content-Length: 1000\r\n\r\n{")

    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")


@pytest.mark.parametrize("part", [b"/", b"/a", b"/..", b"/%2f"])
async def test_the_size_of_a_target_is_limited(running: Running, part: bytes) -> None:
    """Looking up one with many slashes takes long."""
    long = part * (server.LINE_BYTES_MAX // len(part) + 1)

    answer = await read_to_the_end(running.port, CHECK % long)

    assert answer.split(b" ", 2)[1] == b"400"


async def test_http_0_9_is_not_answered(running: Running) -> None:
    """It has neither headers nor a status."""
    assert await read_to_the_end(running.port, b"GET /healthz\r\n\r\n") == b""


@pytest.fixture
async def full(
    file_with_tables: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Running]:
    """A server with as many connections as it may have, for as long as the test takes."""
    monkeypatch.setattr(connections, "HEADER_SECONDS_MAX", 600)
    async with make_server(file_with_tables, tmp_path, SKYLOGIN_CONNECTIONS_MAX="3") as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(3)]
        yield running
        for _, writer in held:
            writer.close()


async def test_connections_are_bounded(full: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Further ones are answered with `Retry-After`, which is logged once a minute."""
    answers = [await read_to_the_end(full.port, WHOLE) for _ in range(4)]

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 503"] * 4
    assert b"\r\nRetry-After: 1\r\n" in answers[0]
    assert b'"the server is busy"' in answers[0]
    assert "3 connections are open" in caplog.text
    assert caplog.text.count("turned away") == 1


async def test_checks_of_health_are_answered_when_no_other_is(full: Running) -> None:
    """However many connections wait."""
    silent = [await asyncio.open_connection("127.0.0.1", full.port) for _ in range(99)]

    for path in (b"/healthz", b"/readyz"):
        answer = await read_to_the_end(full.port, CHECK % path)
        assert answer.startswith(b"HTTP/1.1 200 OK"), answer
        assert answer.endswith(b"ok\n")
    for _, writer in silent:
        writer.close()


async def test_there_is_room_once_others_end(file_with_tables: Path, tmp_path: Path) -> None:
    """For the next client."""
    async with make_server(file_with_tables, tmp_path, SKYLOGIN_CONNECTIONS_MAX="1") as running:
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
            writer.write(CLOSING)
            assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
            writer.close()


class Peer(asyncio.Transport):
    """The transport of a connection from an address, with a descriptor."""

    def __init__(self, address: str, descriptor: int = 9) -> None:
        super().__init__({"peername": (address, 4711), "socket": self})
        self.descriptor = descriptor
        self.is_closed = False

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self.descriptor

    def close(self) -> None:
        """Note that it was closed."""
        self.is_closed = True


def connect(bounded: Connections, address: str, descriptor: int = 9) -> tuple[Connection, bool]:
    """Return a new connection, and whether it is open."""
    connection, peer = bounded.wrap(asyncio.Protocol), Peer(address, descriptor)
    connection.connection_made(peer)
    return connection, not peer.is_closed


EXEMPT = ("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "192.0.2.7", "::ffff:192.0.2.8")
ONE_SOURCE = {
    "IPv4": ("203.0.113.5",) * 9,
    "IPv4 in IPv6": ("203.0.113.5", "::ffff:203.0.113.5") * 5,
    "a network of IPv6": tuple(f"2001:db8::{number}" for number in range(9)),
}


@pytest.mark.parametrize("addresses", ONE_SOURCE.values(), ids=ONE_SOURCE)
def test_connections_of_an_address_are_bounded(
    addresses: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """Those of others are not, and when one ends, another may begin."""
    bounded = Connections(100, 5)

    opened = [connect(bounded, address) for address in addresses]

    assert sum(is_open for _, is_open in opened) == 5  # noqa: PLR2004
    assert "5 connections of" in caplog.text
    assert connect(bounded, "198.51.100.1")[1]
    opened[0][0].connection_lost(None)
    assert connect(bounded, addresses[0])[1]
    assert not connect(bounded, addresses[0])[1]


@pytest.mark.parametrize("address", EXEMPT)
def test_this_machine_and_proxies_may_have_all_connections(address: str) -> None:
    """Many clients come by them, or all tests."""
    bounded = Connections(100, 5, [ip_network("192.0.2.0/24")])

    assert all(connect(bounded, address)[1] for _ in range(100))


def test_descriptors_are_left_to_others(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever has them: connections to databases count as well."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    bounded = Connections(10**6, 10**6)

    [first, second] = [connect(bounded, "127.0.0.1", number)[0] for number in (9, soft - 1)]

    assert not first.is_spare
    assert second.is_spare


def test_few_descriptors_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients get half of them."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    bounded = Connections(10**6, 10**6)

    opened = [connect(bounded, "127.0.0.1", number)[0] for number in range(9, 64)]

    assert sum(not one.is_spare for one in opened) == 32 - 9


def test_running_out_of_descriptors_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The event loop reports it again and again."""
    bounded = Connections(10, 5)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(bounded.handle_error)

    for number in (errno.EMFILE, errno.ENFILE, errno.EMFILE):
        error = OSError(number, os.strerror(number))
        loop.call_exception_handler({"message": "socket.accept() fails", "exception": error})
    loop.close()

    [line] = caplog.messages
    assert line.endswith("Too many open files; turned away so far: 1")
    assert bounded.turned_away == 3  # noqa: PLR2004
