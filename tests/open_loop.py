"""An open-loop generator: it offers calls at a fixed rate, however late the answers are.

Latencies count from the time when a call was due, so a server that stalls cannot hide what waited.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# A call that finds all of them waiting is not sent.
CONNECTIONS_MAX = 700
SENT_AT_ONCE_MAX = 32
ANSWER_SECONDS_MAX = 30


@dataclass
class Seen:
    """What the generator saw: latencies in seconds by status, and calls without an answer."""

    latencies: dict[int, list[float]] = field(default_factory=dict)
    heads: dict[int, bytes] = field(default_factory=dict)
    lost: Counter[str] = field(default_factory=Counter)
    not_sent: int = 0

    def percentile(self, status: int, percent: float) -> float:
        """Return the percentile of the durations of the answers with *status*."""
        found = sorted(self.latencies.get(status, [0.0]))
        return found[min(len(found) - 1, int(len(found) * percent / 100))]

    def count(self, status: int) -> int:
        """Return the number of answers with *status*."""
        return len(self.latencies.get(status, ()))


class _Connection(asyncio.Protocol):
    def __init__(self, free: "deque[_Connection]", seen: Seen) -> None:
        self._free, self._seen = free, seen
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self.due = 0.0
        self.answered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, due: float, request: bytes) -> None:
        self.due = due
        self.answered.clear()
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not end or len(body) < int(length or 0):
            return
        self._received = b""
        status = int(head[9:12])
        self._seen.latencies.setdefault(status, []).append(time.monotonic() - self.due)
        self._seen.heads.setdefault(status, head)
        self.answered.set()
        self._free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answered.is_set():
            self._seen.lost[type(exc).__name__] += 1
            self.answered.set()
        elif self in self._free:
            self._free.remove(self)

    def close(self) -> None:
        self.answered.set()
        if self._transport is not None:
            self._transport.abort()


class _Generator:
    def __init__(self, url: str) -> None:
        self.seen = Seen()
        self.made: list[_Connection] = []
        self._address = urlsplit(url)
        self._free: deque[_Connection] = deque()
        self._opening: set[asyncio.Task[None]] = set()

    def send(self, due: float, request: bytes) -> None:
        if self._free:
            self._free.popleft().send(due, request)
        elif len(self.made) < CONNECTIONS_MAX:
            one = _Connection(self._free, self.seen)
            self.made.append(one)
            task = asyncio.create_task(self._send_on(one, due, request))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self.seen.not_sent += 1

    async def _send_on(self, one: _Connection, due: float, request: bytes) -> None:
        loop, address = asyncio.get_running_loop(), self._address
        try:
            await loop.create_connection(lambda: one, address.hostname, address.port)
        except OSError as error:
            self.seen.lost[type(error).__name__] += 1
            one.answered.set()
        else:
            one.send(due, request)


async def offer(url: str, path: str, bodies: Sequence[bytes], rate: float, seconds: float) -> Seen:
    """Offer calls with *bodies* in turn, *rate* a second, and return what came of them."""
    head = f"POST {path} HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    generator = _Generator(url)
    began = time.monotonic()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        early = due - time.monotonic()
        if early > 0 or number % SENT_AT_ONCE_MAX == 0:
            await asyncio.sleep(max(0, early))
        generator.send(due, requests[number % len(requests)])
    waiting = [asyncio.create_task(one.answered.wait()) for one in generator.made]
    if waiting:
        await asyncio.wait(waiting, timeout=ANSWER_SECONDS_MAX)
    for one in generator.made:
        one.close()
    return generator.seen
