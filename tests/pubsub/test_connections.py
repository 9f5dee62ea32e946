"""Clients of websockets that are slow or leave, and a server that stops."""

import asyncio
import json
import struct
from socket import SO_LINGER, SOL_SOCKET

import pytest
from aiohttp import ClientSession, WSCloseCode, WSMsgType
from skylogin.pubsub.hub import Hub

from tests.pubsub.websockets import (
    KEY,
    SECONDS_MAX,
    UPGRADE,
    PubsubClient,
    frame,
    hear,
    pubsub_server,
    raw,
    say,
)
from tests.waiting import wait_until_async

pytestmark = pytest.mark.heavy


@pytest.mark.parametrize("waits", [False, True], ids=["before the answer", "after it"])
@pytest.mark.parametrize("rest", [b"", frame(b"", 9) * 2000], ids=["nothing more", "pings"])
async def test_a_client_may_leave_at_any_time(
    waits: bool, rest: bytes, caplog: pytest.LogCaptureFixture, hub: Hub
) -> None:
    """A page that is closed while it connects causes no error in the log."""
    lines = [f"GET /pubsub?api_key={KEY} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in UPGRADE.items()]
    async with pubsub_server() as pubsub:
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", pubsub.port)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.write("\r\n".join([*lines, "", ""]).encode())
            if waits:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS_MAX)
            writer.write(rest)
            writer.transport.abort()
        async with pubsub.session.get(f"http://127.0.0.1:{pubsub.port}/") as answer:
            assert answer.ok
    assert not [record.getMessage() for record in caplog.records if record.exc_info]
    assert hub.count_channels() == 0


@pytest.mark.slow
async def test_a_client_that_does_not_read_does_not_delay_others(pubsub: PubsubClient) -> None:
    """They receive everything. Its queue is limited, and it is served when it reads again."""
    _, (slow_reader, slow_writer) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
    slow_writer.transport.pause_reading()
    slow_writer.write(frame(b'{"action":"sub","channel":"c"}'))
    quick, publisher = await pubsub.listen("c"), await pubsub.connect()
    filling = "x" * 90_000
    many = 200

    for number in range(many):
        await say(publisher, action="pub", channel="c", data=[number, filling])
        assert json.loads(await hear(quick))["data"][0] == number

    slow_writer.transport.resume_reading()
    received = bytearray()
    while b'"data":"after"}' not in received:
        # It is dropped as long as the queue is full.
        await say(publisher, action="pub", channel="c", data="after")
        received += await asyncio.wait_for(slow_reader.read(1 << 20), SECONDS_MAX)
    assert len(received) < many * len(filling)


async def test_subscriptions_end_with_their_connection(hub: Hub) -> None:
    """Whichever way it ends."""
    async with pubsub_server() as pubsub:
        polite, wrong = await pubsub.listen("a"), await pubsub.listen("b")
        _, (_, rude) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
        rude.write(frame(b'{"action":"sub","channel":"c"}'))
        await wait_until_async(lambda: hub.count_channels() == 3)  # noqa: PLR2004

        await polite.close()
        await wrong.send_str("no json")
        rude.transport.abort()

        await wait_until_async(lambda: hub.count_channels() == 0)


async def test_a_server_that_stops_closes_its_websockets() -> None:
    """With code 1001, without waiting for clients that do not answer."""
    async with asyncio.timeout(SECONDS_MAX), ClientSession() as session:
        async with pubsub_server() as pubsub:
            url = f"http://127.0.0.1:{pubsub.port}/pubsub?api_key={KEY}"
            socket = await session.ws_connect(url)
            silent, _ = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
            hearing = asyncio.create_task(socket.receive())
            await asyncio.sleep(0)
        message = await hearing

    assert message.type is WSMsgType.CLOSE
    assert message.data == WSCloseCode.GOING_AWAY
    assert silent.startswith(b"HTTP/1.1 101 ")


async def test_many_messages_are_delivered_in_order(pubsub: PubsubClient) -> None:
    """None is lost if everyone reads."""
    many = 2000
    listener, publisher = await pubsub.listen("c"), await pubsub.connect()

    for number in range(many):
        await say(publisher, action="pub", channel="c", data=number)

    assert [json.loads(await hear(listener))["data"] for _ in range(many)] == list(range(many))
