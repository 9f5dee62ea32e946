"""Connections of clients: how many there may be, and when an idle one is closed.

By itself, aiohttp waits for any length of time: for the first byte, for the rest of the headers,
and for the next request on a connection that is kept open.
"""

import asyncio
import errno
import logging
import resource
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from skylogin.apps.limits import source_of
from skylogin.clock import Throttle, monotonic
from skylogin.config import Network
from skylogin.domain import hosts
from skylogin.http.forwarded_header import read_address

logger = logging.getLogger("skylogin.http")

# From the moment when the client can send to the end of the headers.
HEADER_SECONDS_MAX = 10
KEEP_ALIVE_SECONDS = 75
CHECK_SECONDS = 1.0
# How many the event loop accepts before it asks whether there is room.
ACCEPTED_AT_ONCE_MAX = 128
# File descriptors for these, and for files such as those of the database and of access tokens.
DESCRIPTORS_KEPT = ACCEPTED_AT_ONCE_MAX + 64
# Spare connections for health checks, once all others are taken.
SPARE_MAX = 16
_NEVER = float("inf")


class Connections:
    """The connections of a server: at most *total*, and *per_address* of one peer.

    There are never more than the process has file descriptors for. This machine and *trusted*
    proxies, which connect for many clients, have no limit of their own.
    """

    def __init__(self, total: int, per_address: int, trusted: Sequence[Network] = ()) -> None:
        descriptors = _descriptors()
        self._spare_max = min(SPARE_MAX, max(1, descriptors // 16))
        self.accepted_at_once = min(ACCEPTED_AT_ONCE_MAX, max(1, descriptors // 8))
        self._descriptors_max = descriptors - min(DESCRIPTORS_KEPT, descriptors // 2)
        self._most = min(total, self._descriptors_max)
        self._per_address = min(per_address, max(1, self._most // 2))
        self._trusted = trusted
        self._open: set[Connection] = set()
        # The oldest first.
        self._spare: dict[Connection, None] = {}
        self._by_source: Counter[str] = Counter()
        self.turned_away = 0
        self._warnings = Throttle()

    def wrap(self, make_handler: Callable[[], asyncio.Protocol]) -> "Connection":
        """Return the protocol of a new connection, around that of aiohttp."""
        return Connection(self, make_handler())

    async def close_silent(self) -> None:
        """Keep closing the connections whose time is up."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now = monotonic()
            for one in [one for one in (*self._open, *self._spare) if one.ends_at <= now]:
                one.close()

    def admit(self, one: "Connection", transport: asyncio.BaseTransport) -> bool:
        """Return whether there is room for *one*; it may be a spare one."""
        one.source = self._source(transport)
        if one.source and self._by_source[one.source] >= self._per_address:
            self.turn_away(f"{self._per_address} connections of {one.source} are open")
            return False
        descriptor = transport.get_extra_info("socket").fileno()
        if len(self._open) < self._most and descriptor < self._descriptors_max:
            self._open.add(one)
        elif len(self._spare) < self._spare_max or self._close_waiting():
            one.is_spare = True
            self._spare[one] = None
        else:
            self.turn_away(self.fullness)
            return False
        self._by_source[one.source] += 1
        return True

    @property
    def count(self) -> int:
        """Return how many connections are open."""
        return len(self._open) + len(self._spare)

    @property
    def fullness(self) -> str:
        """Say how many connections are open."""
        return f"{len(self._open)} connections are open, as many as this process may have"

    def _source(self, transport: asyncio.BaseTransport) -> str:
        """Return the address or network whose connections are limited, empty for no limit."""
        peer = transport.get_extra_info("peername")
        address = read_address(peer[0]) if peer else None
        if address is None or hosts.is_loopback(str(address)):
            return ""
        is_trusted = any(address in network for network in self._trusted)
        return "" if is_trusted else source_of(str(address))

    def _close_waiting(self) -> bool:
        """Close the oldest spare connection without a request. Returns whether one was closed."""
        for one in self._spare:
            if one.ends_at != _NEVER:
                self.turn_away(self.fullness)
                self.remove(one)
                one.close()
                return True
        return False

    def remove(self, one: "Connection") -> None:
        """Forget a connection that ends. A second call has no effect."""
        if one not in self._open and one not in self._spare:
            return
        self._open.discard(one)
        self._spare.pop(one, None)
        self._by_source[one.source] -= 1
        if not self._by_source[one.source]:
            del self._by_source[one.source]

    def handle_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log in one line that no connection can be accepted; leave other errors to asyncio."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            self.turn_away(f"{self.fullness}: {error.strerror}")
        else:
            loop.default_exception_handler(context)

    def turn_away(self, reason: str) -> None:
        """Count a refused connection, and log that at most once a minute."""
        self.turned_away += 1
        if self._warnings.allows():
            logger.warning("%s; turned away so far: %d", reason, self.turned_away)


class Connection(asyncio.Protocol):
    """A connection of a client. It passes everything on to aiohttp's *handler*.

    *ends_at* is when it is closed unless the client sends something before. One that *is_spare*
    only serves health checks.
    """

    def __init__(self, connections: Connections, handler: asyncio.Protocol) -> None:
        self._connections = connections
        self._handler = handler
        self._transport: asyncio.BaseTransport | None = None
        self._is_kept = False
        self.ends_at = _NEVER
        self.source = ""
        self.is_spare = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give the client its time to send a request, if there is room for it."""
        if not self._connections.admit(self, transport):
            transport.close()
            return
        self._transport = transport
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
        """Note that the headers of a request are complete. Its body has a time limit of its own."""
        self._is_kept = False
        self.ends_at = _NEVER

    def refuse(self) -> None:
        """Note that a spare connection was used for something other than a health check."""
        self._connections.turn_away(self._connections.fullness)

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
        self._connections.remove(self)
        self._handler.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client reads too slowly."""
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client reads again."""
        self._handler.resume_writing()


def connection_of(request: web.Request) -> Connection | None:
    """Return the connection of *request*, None in a test without one."""
    transport = request.transport
    protocol = transport.get_protocol() if transport is not None else None
    return protocol if isinstance(protocol, Connection) else None


def _descriptors() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft if soft != resource.RLIM_INFINITY else 2**20
