"""Crowds of clients that take what they can: others log in meanwhile, and memory stays bounded.

The rules are tested one by one in tests/web; docs/faults.md has the figures that these print.
"""

import asyncio
import io
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import aiohttp
import pytest

from tests.crash.concurrent_logins import log_in
from tests.processes import ServerProcess, StartServer
from tests.pubsub.websockets import UPGRADE

WEBSOCKETS = 5000
SLOW_CLIENTS = 500
BODIES, BODY_BYTES = 50, 16 * 2**20 - 64
MEMORY_MAX = 400 * 2**20
ANSWERED = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE
WHILE_SECONDS = 120

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("timing")]


@pytest.fixture
def server(start_server: StartServer) -> Iterator[ServerProcess]:
    """A server that is not the test's process."""
    server = start_server("dev", "--port", "0", "--ephemeral")
    assert server.url
    yield server
    assert server.stop() == 0


def memory_of(server: ServerProcess, name: str = "VmHWM") -> int:
    """Return the most memory that the server has had, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    [found] = re.findall(rf"{name}:\s+(\d+) kB", status)
    return int(found) * 1024


async def some_log_in(server: ServerProcess, number: int = 20) -> None:
    """Log in a few times, each time on a new connection."""
    for one in range(number):
        async with aiohttp.ClientSession() as session:
            status, answer = await log_in(session, server, f"user{one}", {})
            assert status == HTTPStatus.OK, answer


async def open_connection(
    server: ServerProcess, *lines: str
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect, and send the first lines of a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.facts["port"])
    writer.write("\r\n".join([*lines, ""]).encode())
    return reader, writer


async def test_idle_websockets_leave_room_for_logins(server: ServerProcess) -> None:
    """Five thousand at once, which then all end."""
    before = memory_of(server, "VmRSS")
    lines = [f"GET /pubsub?api_key={server.facts['api_key']} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in UPGRADE.items()]
    opened = []
    for _ in range(WEBSOCKETS):
        reader, writer = await open_connection(server, *lines, "")
        opened.append(writer)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    await some_log_in(server)
    each = (memory_of(server, "VmRSS") - before) // WEBSOCKETS
    print(f"{WEBSOCKETS} idle websockets: {each:,} bytes each")
    for writer in opened:
        writer.transport.abort()
    await some_log_in(server)
    assert memory_of(server) < MEMORY_MAX


async def test_clients_that_send_a_byte_now_and_then_are_ended(server: ServerProcess) -> None:
    """In their headers and in their bodies: each is ended."""
    request = ("POST / HTTP/1.1", "Host: localhost")
    opened = [await open_connection(server, *request) for _ in range(SLOW_CLIENTS)]
    opened += [
        await open_connection(server, *request, "Content-Length: 100000", "", "{")
        for _ in range(SLOW_CLIENTS)
    ]

    async def send_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            writer.write(b"x")
            try:
                async with asyncio.timeout(1):
                    await reader.read()
            except TimeoutError:
                continue
            except ConnectionError:
                break
        writer.transport.abort()

    async with asyncio.timeout(WHILE_SECONDS), asyncio.TaskGroup() as group:
        for one in opened:
            group.create_task(send_on(*one))
        await some_log_in(server)
    await some_log_in(server)
    assert memory_of(server) < MEMORY_MAX


async def test_large_bodies_at_once_wait(server: ServerProcess) -> None:
    """Fifty of the largest that the master key may send: some are carried out, others wait."""
    body = b'{"action": "", "x": "' + b"x" * (BODY_BYTES - 64) + b'"}'
    headers = {"X-Skygear-API-Key": server.facts["master_key"], "Content-Type": "application/json"}

    async def send(session: aiohttp.ClientSession) -> int:
        async with session.post(server.url, data=io.BytesIO(body), headers=headers) as answer:
            await answer.read()
            return answer.status

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        sending = [group.create_task(send(session)) for _ in range(BODIES)]
        await some_log_in(server)
    statuses = [one.result() for one in sending]
    print(f"{statuses.count(200)} of {BODIES} bodies carried out, {memory_of(server):,} bytes")
    assert HTTPStatus.OK in statuses
    assert set(statuses) <= set(ANSWERED)
    await some_log_in(server)
    assert memory_of(server) < MEMORY_MAX
