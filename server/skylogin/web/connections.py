"""Connections of clients: each ends if nothing comes of it.

aiohttp waits for as long as a client likes: for its first byte, for the rest of its headers, and
for the next request of a connection that it keeps.
"""

import asyncio
import logging
import resource
from collections.abc import Callable

from aiohttp import web

from skylogin.clock import monotonic

logger = logging.getLogger("skylogin.http")

# From the first byte that may come to the last one of the headers.
HEADER_SECONDS_MAX = 10
KEEP_ALIVE_SECONDS = 75
CHECK_SECONDS = 1.0
WARN_SECONDS = 60
# Files of the database, of its log, of access tokens and the like.
DESCRIPTORS_KEPT = 64
_NEVER = float("inf")


class Connections:
    """The connections of a server. More than the process has descriptors for are closed at once."""

    def __init__(self, most: int | None = None) -> None:
        self.most = _descriptors() - DESCRIPTORS_KEPT if most is None else most
        self.open: set[Connection] = set()
        self._turned_away = 0
        self._warn_at = float("-inf")

    def wrap(self, make_handler: Callable[[], asyncio.Protocol]) -> "Connection":
        """Return the protocol of a new connection, around that of aiohttp."""
        return Connection(self, make_handler())

    async def close_silent(self) -> None:
        """Close connections whose time is up, again and again."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = monotonic()
            for connection in [one for one in self.open if one.ends_at <= now]:
                connection.close()

    def turn_away(self, transport: asyncio.BaseTransport) -> None:
        """Close a connection that is one too many, and say so once a minute."""
        transport.close()
        self._turned_away += 1
        now = monotonic()
        if now >= self._warn_at:
            self._warn_at = now + WARN_SECONDS
            logger.warning(
                "%d connections are open, as many as this process can have; turned away so far: %d",
                len(self.open),
                self._turned_away,
            )


class Connection(asyncio.Protocol):
    """A connection of a client. It passes everything on to aiohttp's *handler*.

    *ends_at* is when it is closed unless something happens before.
    """

    def __init__(self, connections: Connections, handler: asyncio.Protocol) -> None:
        self._connections = connections
        self._handler = handler
        self._transport: asyncio.BaseTransport | None = None
        self._is_kept = False
        self.ends_at = _NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client its time to send a request."""
        if len(self._connections.open) >= self._connections.most:
            self._connections.turn_away(transport)
            return
        self._transport = transport
        self._connections.open.add(self)
        self.ends_at = monotonic() + HEADER_SECONDS_MAX
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass *data* on; the first byte after an answer begins another request."""
        if self._transport is None:
            return
        if self._is_kept:
            self._is_kept = False
            self.ends_at = monotonic() + HEADER_SECONDS_MAX
        self._handler.data_received(data)

    def request_began(self) -> None:
        """Note that a request is complete but for its body, which has a time limit of its own."""
        self._is_kept = False
        self.ends_at = _NEVER

    def request_ended(self) -> None:
        """Note that a request was answered."""
        self._is_kept = True
        self.ends_at = monotonic() + KEEP_ALIVE_SECONDS

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    def eof_received(self) -> bool | None:
        """Pass the end of the client's data on."""
        return None if self._transport is None else self._handler.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end of the connection on."""
        if self._transport is None:
            return
        self._connections.open.discard(self)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client reads too slowly."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self._handler.resume_writing()


def connection_of(request: web.Request) -> Connection | None:
    """Return the connection that *request* came by, None in a test without one."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**20
