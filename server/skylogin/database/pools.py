"""The connections of a store: those that write, those that read, and those of clients' queries.

Queries may be slow, but they always leave connections for logins.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from skylogin.database import engines, failures, postgresql
from skylogin.database.postgresql import PoolerFoundError
from skylogin.database.sqlite_file import SqliteFile
from skylogin.domain import database_url

CLOSE_SECONDS_MAX = 5


class Pools:
    """The engines of one database."""

    def __init__(self, url: str, *, durable: bool, query_seconds: int) -> None:
        self.is_pooled = False
        # The connections in use, and the callers that wait for one.
        self.in_use = self.waiting = 0
        self._query_seconds = query_seconds
        # What ends the statement of a task on SQLite.
        self._interrupts: dict[asyncio.Task[Any] | None, threading.Event] = {}
        # None on PostgreSQL.
        self.file: SqliteFile | None = None
        if url.startswith(database_url.SQLITE_PREFIX):
            self.file = SqliteFile(url.removeprefix(database_url.SQLITE_PREFIX))
            self._writer = engines.open_sqlite_writer(self.file, durable=durable)
            self._reader = self._querier = engines.open_sqlite_readers(self.file)
        else:
            self._postgresql = database_url.read_postgresql(url)
            self.is_pooled = self._postgresql.has_pooler is True
            self._open_postgresql()

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._writer.dialect.name

    @property
    def queries_max(self) -> int:
        """Return how many queries run at once."""
        if self.dialect == "sqlite":
            return engines.SQLITE_QUERIES
        return postgresql.QUERIES_MAX_POOLED if self.is_pooled else postgresql.QUERIES_MAX

    def _open_postgresql(self) -> None:
        url, is_pooled = self._postgresql, self.is_pooled
        self._writer = self._reader = postgresql.open_engine(url, is_pooled=is_pooled)
        self._querier = postgresql.open_query_engine(
            url, is_pooled=is_pooled, seconds=self._query_seconds
        )

    @asynccontextmanager
    async def connect(
        self, *, write: bool = True, is_query: bool = False
    ) -> AsyncIterator[AsyncConnection]:
        """Yield a connection. `interrupt` with the current task ends its statement."""
        self.waiting += 1
        try:
            connection = await self._connect(write=write, is_query=is_query)
        finally:
            self.waiting -= 1
        self.in_use += 1
        task = asyncio.current_task()
        interrupt = connection.info.get(engines.INTERRUPT)
        if interrupt is not None:
            self._interrupts[task] = interrupt
        try:
            yield connection
        except DBAPIError as error:
            if failures.is_read_only(error):
                # The next connection may find the server that took over.
                await connection.invalidate()
            raise
        finally:
            self._interrupts.pop(task, None)
            self.in_use -= 1
            await connection.close()

    async def _connect(self, *, write: bool, is_query: bool) -> AsyncConnection:
        try:
            return await self._engine(write=write, is_query=is_query).connect()
        except PoolerFoundError:
            if not self.is_pooled:
                self.is_pooled = True
                before = self._querier, self._writer
                self._open_postgresql()
                await _dispose(*before)
            return await self._engine(write=write, is_query=is_query).connect()

    def _engine(self, *, write: bool, is_query: bool) -> AsyncEngine:
        if is_query:
            return self._querier
        return self._writer if write else self._reader

    def interrupt(self, task: asyncio.Task[Any]) -> None:
        """End the statement of *task*, which is about to be cancelled.

        asyncpg ends it by itself. For SQLite, SQLAlchemy would wait for it.
        """
        interrupt = self._interrupts.get(task)
        if interrupt is not None:
            interrupt.set()

    async def dispose(self) -> None:
        """Close every connection."""
        await _dispose(self._querier, self._writer)
        if self.file is not None:
            self.file.close()


async def _dispose(*pools: AsyncEngine) -> None:
    """Close the connections of *pools*, even if the caller leaves.

    A server that hangs does not hold this up for ever. Two pools that SQLite closes at the same
    time may both leave its write-ahead log behind.
    """

    async def close_one_by_one() -> None:
        for pool in pools:
            await pool.dispose()

    await asyncio.wait([asyncio.create_task(close_one_by_one())], timeout=CLOSE_SECONDS_MAX)
