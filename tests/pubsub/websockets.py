"""A server with websockets, and clients of it."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType
from skylogin import config
from skylogin.web import server

KEY = "an-api-key"
MASTER_KEY = "a-master-key"
MESSAGE_BYTES_MAX = 100_000
ENVIRONMENT = {
    "API_KEY": KEY,
    "MASTER_KEY": MASTER_KEY,
    "CUSTOM_TOKEN_SECRET": "a secret",
    "SKYLOGIN_PUBSUB_MESSAGE_BYTES_MAX": str(MESSAGE_BYTES_MAX),
    "PORT": "0",
}
PATHS = ("/pubsub", "/_/pubsub")
BELOW_AN_APP = "/apps/shop/pubsub"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
CLOSED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
SECONDS_MAX = 20
CLOSE_FRAME_WITHOUT_A_CODE = b"\x88\x00"


@dataclass(frozen=True, slots=True)
class PubsubClient:
    """A running server, and a client of it."""

    port: int
    session: ClientSession
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, path: str = "/pubsub", **options: Any) -> ClientWebSocketResponse:
        """Open a websocket with the API key in the address."""
        url = f"http://127.0.0.1:{self.port}{path}?api_key={KEY}"
        return await self.session.ws_connect(url, **options)

    async def listen(self, channel: str, path: str = "/pubsub") -> ClientWebSocketResponse:
        """Open a websocket and wait until it is subscribed to *channel*."""
        socket = await self.connect(path)
        await say(socket, action="sub", channel=channel)
        await socket.send_str('{"action":"what","channel":"?"}')
        assert await hear(socket) == "Unknow action"
        return socket


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[PubsubClient]:
    """Give a client of a server for the block, then close all its connections."""
    async with ClientSession() as session:
        pubsub = PubsubClient(port, session)
        yield pubsub
    for writer in pubsub.writers:
        writer.transport.abort()
    # The event loop closes their sockets in its next iteration.
    await asyncio.sleep(0)


@asynccontextmanager
async def pubsub_server(**environment: str) -> AsyncIterator[PubsubClient]:
    """Run a server in this event loop for the block."""
    settings = config.read({**ENVIRONMENT, **environment}, config.DEV)
    async with (
        server.running(settings, ephemeral=True) as running,
        client_of(running.port) as pubsub,
    ):
        yield pubsub


async def say(socket: ClientWebSocketResponse, **message: Any) -> None:
    """Send a message."""
    await socket.send_str(json.dumps(message))


async def hear(socket: ClientWebSocketResponse) -> str:
    """Return the next text."""
    message = await socket.receive(SECONDS_MAX)
    assert message.type is WSMsgType.TEXT, message
    return str(message.data)


async def raw(
    pubsub: PubsubClient, method: str, target: str, headers: dict[str, str]
) -> tuple[bytes, Any]:
    """Send a handwritten request; return the head of the answer and the open connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", pubsub.port)
    pubsub.writers.append(writer)
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS_MAX)
    return head, (reader, writer)


def frame(data: bytes, opcode: int = 1) -> bytes:
    """Return a frame of a client, with a mask of zeros."""
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | min(len(data), 127))
    if len(data) > 125:  # noqa: PLR2004
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, len(data))
    return head + bytes(4) + data
