"""Reading the bodies of requests: bounded, and without keeping other callers waiting.

The bodies of strangers are bounded twice: each by what its caller may send, and all together by
what fits into the memory. Small ones do not count, so a login is never refused for it.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from aiohttp import web

T = TypeVar("T")

# Longer ones are read in a thread, and count together.
SHORT_BYTES_MAX = 65_536
ALL_BYTES_MAX = 64 * 2**20
RETRY_SECONDS = 1


class BodyTooLargeError(Exception):
    """The body has more bytes than its caller may send."""


class MemoryFullError(Exception):
    """The bodies of all requests together have as many bytes as the server may hold."""


class Bodies:
    """Reads the bodies of requests."""

    def __init__(self, all_bytes_max: int = ALL_BYTES_MAX) -> None:
        self.all_bytes_max = all_bytes_max
        self.held = 0
        # One thread: parsing keeps the interpreter busy, and more of them would not be faster.
        self._thread = ThreadPoolExecutor(1, "skylogin-bodies")

    def close(self) -> None:
        """End the thread, once it has read what it is reading."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    @asynccontextmanager
    async def read(
        self, request: web.Request, bytes_max: int, parse: Callable[[bytes], T]
    ) -> AsyncIterator[T]:
        """Yield what *parse* makes of the body of *request*, which counts until the block ends.

        Raises BodyTooLargeError and MemoryFullError, where it can before it reads the body, and
        what *parse* raises.
        """
        length = request.content_length
        if length is not None and length > bytes_max:
            raise BodyTooLargeError
        held = 0
        try:
            chunks, size = [], 0
            async for chunk in request.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > bytes_max:
                    raise BodyTooLargeError
                if size > SHORT_BYTES_MAX:
                    self.held += size - held
                    held = size
                    if self.held > self.all_bytes_max:
                        raise MemoryFullError
            data = b"".join(chunks)
            chunks.clear()
            if size <= SHORT_BYTES_MAX:
                yield parse(data)
            else:
                loop = asyncio.get_running_loop()
                yield await loop.run_in_executor(self._thread, parse, data)
        finally:
            self.held -= held
