"""A proxy to PostgreSQL that cuts a connection at COMMIT, so the client gets no answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

COMMIT = b"COMMIT"
BYTES_AT_ONCE = 65536


class ConnectionCutter:
    """Passes bytes on, but drops the next *cut_before* commits, or the answers to *cut_after*."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._there = parts.hostname or "", parts.port or 0
        self._database = f"{parts.username}@127.0.0.1", parts.path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut_before = 0
        self.cut_after = 0
        # Whether new connections are cut too.
        self.is_closed = False

    @property
    def url(self) -> str:
        """Return the URL of the same database through this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        who, path = self._database
        return f"postgresql://{who}:{port}{path}?sslmode=disable"

    @asynccontextmanager
    async def open(self) -> AsyncIterator["ConnectionCutter"]:
        """Run the proxy during a block."""
        self._server = await asyncio.start_server(self._pass_both_ways, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            self.close()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def close(self) -> None:
        """Cut every connection, and each new one, until `is_closed` is unset."""
        self.is_closed = True
        for task in self._tasks:
            task.cancel()

    async def _pass_both_ways(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        self._remember(asyncio.current_task())
        try:
            if not self.is_closed:
                far, there = await asyncio.open_connection(*self._there)
                await self._pass_until_cut(near, back, far, there)
        finally:
            back.transport.abort()

    async def _pass_until_cut(
        self,
        near: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        there: asyncio.StreamWriter,
    ) -> None:
        answering = asyncio.create_task(_pass(far, back))
        self._remember(answering)
        try:
            while data := await near.read(BYTES_AT_ONCE):
                if COMMIT in data and self.cut_before:
                    self.cut_before -= 1
                    return
                if COMMIT in data and self.cut_after:
                    self.cut_after -= 1
                    answering.cancel()
                    await asyncio.wait([answering])
                    there.write(data)
                    # The answer: it is committed.
                    await far.read(BYTES_AT_ONCE)
                    return
                there.write(data)
                await there.drain()
        finally:
            answering.cancel()
            there.transport.abort()

    def _remember(self, task: "asyncio.Task[None] | None") -> None:
        assert task is not None
        self._tasks.add(task)


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(BYTES_AT_ONCE):
        target.write(data)
        await target.drain()
    target.close()
