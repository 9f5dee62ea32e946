"""Connections that nothing comes of end; those of a call that goes on do not."""

import asyncio
import resource
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from skylogin import config
from skylogin.http import bodies
from skylogin.web import connections, server
from skylogin.web.server import Running

SECONDS_MAX = 20
REQUEST = b"POST / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-API-Key: changeme\r\n"
WHOLE = REQUEST + b"Content-Length: 2\r\n\r\n{}"
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


def make_server(file_with_tables: Path, tmp_path: Path) -> AbstractAsyncContextManager[Running]:
    """Return a server on a database of its own."""
    path = shutil.copyfile(file_with_tables, tmp_path / "skylogin.db")
    environment = {"SKYLOGIN_DATABASE_URL": f"sqlite:///{path}", "PORT": "0"}
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


async def test_http_0_9_is_not_answered(running: Running) -> None:
    """It has neither headers nor a status."""
    assert await read_to_the_end(running.port, b"GET /healthz\r\n\r\n") == b""


async def test_connections_are_bounded(
    file_with_tables: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Those beyond are closed at once, which is logged once a minute, until others end."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(connections, "DESCRIPTORS_KEPT", soft - 3)
    async with make_server(file_with_tables, tmp_path) as running:
        held = [await asyncio.open_connection("127.0.0.1", running.port) for _ in range(3)]
        assert [await read_to_the_end(running.port) for _ in range(4)] == [b""] * 4
        assert "3 connections are open" in caplog.text
        assert caplog.text.count("turned away") == 1
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        answer = await read_to_the_end(running.port, CLOSING)

    assert answer.startswith(b"HTTP/1.1 200 OK")
