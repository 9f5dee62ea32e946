"""Passing what is published in one worker process on to the subscribers of the others.

Each worker has an inbox, into which every other one can write. A message that does not fit is
dropped, like one that a client is too slow for.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator, Sequence

from skylogin.pubsub.hub import Channel, Hub

# Larger than any message, if the system allows it, and enough for a hundred small ones.
BUFFER_BYTES = 4 * 1024 * 1024
# The others wait until the event loop has done other work.
READ_AT_ONCE = 100


def make_inboxes(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return the reading and the writing end of each inbox, an empty list if the system has none.

    macOS lacks sockets that keep messages apart and in order.
    """
    inboxes = []
    for _ in range(count):
        try:
            ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            return []
        for end in ends:
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        inboxes.append(ends)
    return inboxes


class Relay:
    """The inbox of this worker, and those of the others."""

    def __init__(self, inbox: socket.socket, others: Sequence[socket.socket]) -> None:
        self._inbox = inbox
        self._others = others
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def send(self, channel: Channel, frame: bytes) -> None:
        """Give *frame* to the other workers."""
        head = json.dumps([channel.app, channel.hub, channel.name])
        data = b"%s\n%s" % (head.encode(), frame)
        for other in self._others:
            with contextlib.suppress(OSError):
                other.send(data)

    @contextlib.contextmanager
    def receiving(self, hub: Hub) -> Iterator[None]:
        """Publish what the others send, during the block."""
        loop = asyncio.get_running_loop()
        # What is left from the process that this one replaces is not for its clients.
        while self._receive():
            pass

        def read() -> None:
            for _ in range(READ_AT_ONCE):
                data = self._receive()
                if data is None:
                    return
                if not data:
                    # No other worker is left to write.
                    loop.remove_reader(self._inbox)
                    return
                head, _, frame = data.partition(b"\n")
                hub.publish(Channel(*json.loads(head)), frame, loop.time())

        loop.add_reader(self._inbox, read)
        try:
            yield
        finally:
            loop.remove_reader(self._inbox)

    def _receive(self) -> bytes | None:
        """Return the next message, None if none is waiting, and an empty one if none can follow."""
        try:
            return bytes(self._buffer[: self._inbox.recv_into(self._buffer)])
        except BlockingIOError:
            return None
