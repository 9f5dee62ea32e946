"""The websockets of `/pubsub` and `/_/pubsub`, through which clients send messages to each other.

A client with the API key of an app can receive and send messages on all its channels,
as in the original (pkg/server/pubsub). Nothing is stored.
"""

import asyncio
import contextlib
import socket
import weakref

from aiohttp import WSCloseCode, WSMsgType, web

from skylogin.pubsub.hub import Channel, Hub, Listener, TooManyChannelsError
from skylogin.pubsub.messages import UNKNOWN_ACTION, FatalMessageError, Message, read
from skylogin.pubsub.relay import Relay

PATHS = {"/pubsub": "public", "/_/pubsub": "internal"}
FAREWELL_SECONDS_MAX = 1.0
# The kernel detects a client that vanished, without a reply of the client's program. The
# original sends no pings either.
_KEEPALIVE_OPTIONS = (
    ("TCP_KEEPIDLE", 60),
    ("TCP_KEEPINTVL", 15),
    ("TCP_KEEPCNT", 4),
    ("TCP_USER_TIMEOUT", 120_000),
)


class PubSub:
    """The hubs of all apps, and the connections to them."""

    def __init__(self, message_bytes_max: int) -> None:
        self.hub = Hub()
        # To other workers, if there are any.
        self.relay: Relay | None = None
        self._message_bytes_max = message_bytes_max
        self._open: weakref.WeakSet[web.WebSocketResponse] = weakref.WeakSet()

    async def serve(
        self, request: web.Request, app: str, hub: str, source: str = ""
    ) -> web.StreamResponse | None:
        """Serve one connection until it ends.

        Returns None if the request is not a handshake, or if the client left before the answer.
        The caller has checked the API key. The subscriptions of a *source* count together.
        """
        ws = web.WebSocketResponse(
            compress=False, max_msg_size=self._message_bytes_max + 1, decode_text=False
        )
        if not ws.can_prepare(request):
            return None
        _keep_alive(request.transport)
        try:
            await ws.prepare(request)
        except ConnectionError:
            return None
        wake = asyncio.Event()
        listener = Listener(wake.set, source)
        self._open.add(ws)
        sending = asyncio.create_task(_send_all(ws, listener, wake))
        answer = None
        try:
            # A ping of a client that left cannot be answered.
            with contextlib.suppress(ConnectionError):
                answer = await self._listen(ws, listener, app, hub)
        finally:
            self._open.discard(ws)
            self.hub.leave(listener)
            sending.cancel()
            await asyncio.wait([sending])
        if answer is not None:
            await _say_farewell(ws, answer)
            if request.transport is not None:
                request.transport.close()
        return ws

    @property
    def count(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    async def _listen(
        self, ws: web.WebSocketResponse, listener: Listener, app: str, hub: str
    ) -> bytes | None:
        """Carry out messages until the client leaves; return the text that ends it, if any."""
        clock = asyncio.get_running_loop().time
        async for message in ws:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                # Too large, or not a valid frame: the code of the close frame says so.
                return None
            try:
                request = read(message.data)
                self._carry_out(request, listener, Channel(app, hub, request.channel), clock())
            except FatalMessageError as error:
                return error.answer
            except TooManyChannelsError as error:
                return FatalMessageError(f"{error}. ").answer
        return None

    def _carry_out(
        self, message: Message, listener: Listener, channel: Channel, now: float
    ) -> None:
        match message.action:
            case "sub":
                self.hub.subscribe(listener, channel)
            case "unsub":
                self.hub.unsubscribe(listener, channel)
            case "pub":
                self.hub.publish(channel, message.frame, now)
                if self.relay is not None:
                    self.relay.send(channel, message.frame)
            case _:
                listener.put(UNKNOWN_ACTION, now)

    async def close(self) -> None:
        """Tell all clients that the server stops."""
        closing = [ws.close(code=WSCloseCode.GOING_AWAY) for ws in self._open]
        if closing:
            tasks = [asyncio.ensure_future(coroutine) for coroutine in closing]
            _, late = await asyncio.wait(tasks, timeout=FAREWELL_SECONDS_MAX)
            for task in late:
                task.cancel()


async def _send_all(ws: web.WebSocketResponse, listener: Listener, wake: asyncio.Event) -> None:
    """Send frames as they arrive; only this task waits for a slow client."""
    clock = asyncio.get_running_loop().time
    with contextlib.suppress(ConnectionError):
        while await wake.wait():
            wake.clear()
            while (frame := listener.take(clock())) is not None:
                await ws.send_frame(frame, WSMsgType.TEXT)


async def _say_farewell(ws: web.WebSocketResponse, answer: bytes) -> None:
    """Send a last text and a close frame without a code, as the original does."""
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS_MAX):
            await ws.send_frame(answer, WSMsgType.TEXT)
            await ws.send_frame(b"", WSMsgType.CLOSE)


def _keep_alive(transport: asyncio.Transport | None) -> None:
    connection = transport.get_extra_info("socket") if transport else None
    if connection is None:
        return
    for name, value in _KEEPALIVE_OPTIONS:
        # Not every system has all options.
        if hasattr(socket, name):
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
