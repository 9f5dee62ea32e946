"""What is published at one worker process, for the subscribers of the others.

Each worker has an inbox, and every other one can write into it. A message that does not fit is
dropped, like one that a client is too slow for.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator, Sequence

from skylogin.pubsub.hub import Channel, Hub

# Larger than any message, if the system allows it. A hundred small ones fit at least.
BUFFER_BYTES = 4 * 1024 * 1024
# More wait until other things had their turn.
READ_AT_ONCE = 100


def make_inboxes(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return the two ends of each inbox: to read, and to write; an empty list without them."""
    inboxes = []
    for _ in range(count):
        try:
            ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError:
            # macOS has no sockets that keep messages apart and in order.
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
        # What came for the process that was here before is not for the clients of this one.
        while self._receive():
            pass

        def read() -> None:
            for _ in range(READ_AT_ONCE):
                data = self._receive()
                if data is None:
                    return
                if not data:
                    # No other worker is left that could write.
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
        """Return the next message, None if there is none, and nothing if none can come."""
        try:
            return bytes(self._buffer[: self._inbox.recv_into(self._buffer)])
        except BlockingIOError:
            return None
