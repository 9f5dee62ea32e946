"""Reading the bodies of requests, within limits and without keeping other callers waiting.

One limit is for each body, another for all of them together. Small bodies do not count towards
the second one, so it never refuses a login.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TypeVar

from aiohttp import StreamReader, web

T = TypeVar("T")

# Longer bodies are parsed in a thread, and count towards the limit for all.
SHORT_BYTES_MAX = 65_536
ALL_BYTES_MAX = 64 * 2**20
RETRY_SECONDS = 1
# A body of any size may take this long; longer only if it arrives at this rate.
BODY_SECONDS_MAX = 20
BYTES_A_SECOND_MIN = 10_000


class BodyTooLargeError(Exception):
    """The body has more bytes than the caller may send."""


class BodyTooSlowError(Exception):
    """The client sends the body too slowly, or not at all."""

    def __init__(self) -> None:
        super().__init__("the request body takes too long")


class MemoryFullError(Exception):
    """The bodies of all requests together have more bytes than the server may hold."""


class Bodies:
    """Reads the bodies of requests."""

    def __init__(self, all_bytes_max: int = ALL_BYTES_MAX) -> None:
        self.all_bytes_max = all_bytes_max
        self.held = 0
        # One thread: parsing keeps the interpreter busy, and more of them would not be faster.
        self._thread = ThreadPoolExecutor(1, "skylogin-bodies")

    def close(self) -> None:
        """End the thread when it has parsed its current body."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def read(
        self, request: web.Request, bytes_max: int, parse: Callable[[bytes], T]
    ) -> AbstractAsyncContextManager[T]:
        """Yield what *parse* makes of the body of *request*, which counts until the block ends.

        Raises BodyTooLargeError (before reading, if the headers have the length),
        BodyTooSlowError, MemoryFullError, and what *parse* raises.
        """
        length = request.content_length
        if length is not None and length > bytes_max:
            raise BodyTooLargeError
        body = request.content
        if body.is_eof() and body.total_bytes <= SHORT_BYTES_MAX:
            return nullcontext(parse(body.read_nowait()))
        return self._read(body, bytes_max, parse)

    @asynccontextmanager
    async def _read(
        self, body: StreamReader, bytes_max: int, parse: Callable[[bytes], T]
    ) -> AsyncIterator[T]:
        with self._counting() as count:
            data = await _read_all(body, bytes_max, count)
            if len(data) <= SHORT_BYTES_MAX:
                yield parse(data)
            else:
                loop = asyncio.get_running_loop()
                yield await loop.run_in_executor(self._thread, parse, data)

    @contextmanager
    def _counting(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that notes how much of a body was read; it counts until the end."""
        held = 0

        def count(size: int) -> None:
            nonlocal held
            if size > SHORT_BYTES_MAX:
                self.held += size - held
                held = size
            if self.held > self.all_bytes_max and held:
                raise MemoryFullError

        try:
            yield count
        finally:
            self.held -= held


@asynccontextmanager
async def in_time(bytes_max: int) -> AsyncIterator[None]:
    """Give the block the time in which *bytes_max* have to arrive. Raises BodyTooSlowError."""
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX + bytes_max / BYTES_A_SECOND_MIN):
            yield
    except TimeoutError:
        raise BodyTooSlowError from None


async def _read_all(body: StreamReader, bytes_max: int, count: Callable[[int], None]) -> bytes:
    chunks, size, begin = [], 0, asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX) as limit:
            async for chunk in body.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > bytes_max:
                    raise BodyTooLargeError
                count(size)
                limit.reschedule(begin + BODY_SECONDS_MAX + size / BYTES_A_SECOND_MIN)
    except TimeoutError:
        raise BodyTooSlowError from None
    return b"".join(chunks)
