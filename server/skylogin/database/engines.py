"""Engines on SQLite and PostgreSQL, and what their drivers' errors mean."""

import asyncio
import functools
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.schema import Table

from skylogin.database import version_table
from skylogin.domain.sql_functions import SQL_FUNCTIONS
from skylogin.encoding import json_text

SQLITE_BUSY_SECONDS = 10
# So a slow query does not block other reads.
SQLITE_READERS = 4
POSTGRESQL_CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 10
# Serialization failure, deadlock, lock not available, and shutdown of the server.
_RETRYABLE_STATES = frozenset(("40001", "40P01", "55P03", "57P01", "57P02", "57P03"))


def open_sqlite_writer(url: str, *, durable: bool) -> AsyncEngine:
    """Return the engine of the only connection that writes; SQLite does not allow two.

    A database that is not *durable* is deleted with its server, so no commit waits for the disk.
    """
    # NORMAL could lose an acknowledged commit in a power failure.
    level = "FULL" if durable else "OFF"
    return _open_sqlite(url, 1, "BEGIN IMMEDIATE", f"synchronous={level}")


def open_sqlite_readers(url: str) -> AsyncEngine:
    """Return the engine of the connections that read. They do not wait for the writer."""
    return _open_sqlite(url, SQLITE_READERS, "BEGIN", "query_only=ON")


def _open_sqlite(url: str, connections: int, begin: str, pragma: str) -> AsyncEngine:
    engine = create_async_engine(
        f"sqlite+aiosqlite{url.removeprefix('sqlite')}",
        json_serializer=json_text.write_stored,
        json_deserializer=json_text.read_stored,
        pool_size=connections,
        max_overflow=0,
        # A long import may keep the writer for minutes; each call has its own time limit.
        pool_timeout=None,
        # SQLAlchemy ends every transaction that it began; a second rollback would be one more
        # way to the driver's thread and back.
        pool_reset_on_return=None,
        # The driver's own transactions are off: they would begin late and deferred.
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def check(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        # If a connection cannot be opened, aiosqlite does not wait for its thread, which
        # would outlive the event loop. So the file is opened here first.
        with closing(sqlite3.connect(*arguments, **options)) as connection:
            # Before `set_up`, which changes the file.
            version_table.check_file(connection)

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        try:
            for one in (*_PRAGMAS, pragma):
                connection.execute(f"PRAGMA {one}").close()
            for name, (count, function) in SQL_FUNCTIONS.items():
                connection.create_function(name, count, function, deterministic=True)
        except BaseException:
            # The pool does not know this connection yet and would never close it.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin_now(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


SQLITE = "sqlite:"
_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "cache_size=-8000")


def open_postgresql(url: str) -> AsyncEngine:
    """Return an engine for *url*, in any of libpq's forms and with several hosts.

    asyncpg parses the URL itself.
    """
    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=functools.partial(_connect_postgresql, url),
        json_serializer=json_text.write_stored,
        json_deserializer=json_text.read_stored,
        pool_size=POSTGRESQL_CONNECTIONS_MAX,
        max_overflow=0,
    )


async def _connect_postgresql(url: str) -> Any:
    # asyncpg is on the start-up list: a server on embedded SQLite never imports it.
    import asyncpg  # noqa: PLC0415

    connect: Callable[..., Awaitable[Any]] = asyncpg.connect
    return await connect(
        url,
        timeout=CONNECT_SECONDS_MAX,
        server_settings={
            "application_name": "skylogin",
            # For times in JSON; this does not affect the others.
            "timezone": "UTC",
            # Compiling our small statements costs more than running them.
            "jit": "off",
            # A plan made while the tables were empty would be kept as they fill.
            "plan_cache_mode": "force_custom_plan",
            # Every statement of a login looks rows up by whole keys; scanning a table
            # for a few dozen of them only looks cheap to the planner.
            "random_page_cost": "1",
            "enable_hashjoin": "off",
            "enable_mergejoin": "off",
        },
    )


async def begin_reading(connection: AsyncConnection, *, snapshot: bool) -> None:
    """Let the statements on *connection* see the same state if this is a *snapshot*.

    SQLite's readers always do. On PostgreSQL, other reads do not need a transaction, and do
    not wait for BEGIN and COMMIT.
    """
    if connection.dialect.name == "postgresql":
        level = "REPEATABLE READ" if snapshot else "AUTOCOMMIT"
        await connection.execution_options(isolation_level=level)


async def lock_table(connection: AsyncConnection, table: Table) -> None:
    """Lock *table* until the transaction ends. SQLite has only one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE"))


def is_conflict(error: DBAPIError) -> bool:
    """Return whether a unique key was taken meanwhile; a retry finds it."""
    return isinstance(error, IntegrityError)


def is_unusable(error: DBAPIError) -> bool:
    """Return whether the file is not a database, or cannot be opened."""
    return any(words in str(error.orig) for words in ("not a database", "unable to open"))


def is_retryable(error: DBAPIError) -> bool:
    """Return whether a retry of the transaction may succeed."""
    state = getattr(error.orig, "sqlstate", None)
    busy = "database is locked" in str(error.orig)
    return is_conflict(error) or is_lost(error) or busy or state in _RETRYABLE_STATES


def is_lost(error: BaseException) -> bool:
    """Return whether the connection to the database was lost."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, OSError | asyncio.TimeoutError)
