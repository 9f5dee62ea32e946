"""Engines on SQLite, and how both databases begin to read and lock a table."""

import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import URL, event, text
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.schema import Table

from skylogin.database import version_table
from skylogin.database.sqlite_file import SqliteFile
from skylogin.domain.sql_functions import SQL_FUNCTIONS
from skylogin.encoding import json_text

SQLITE_BUSY_SECONDS = 10
# A slow query does not block other reads, and slow queries do not block logins. `like` is in
# Python, so more of them at once would not be faster, and would slow everything else.
SQLITE_READERS, SQLITE_QUERIES = 6, 2
# In an SQLite connection's `info`: once it is set, whatever the connection runs is ended.
INTERRUPT = "interrupt"
# In steps of SQLite's virtual machine: a running statement is checked about every millisecond.
STEPS_BETWEEN_CHECKS = 50_000
# Of the engines on both databases.
OPTIONS: Mapping[str, Any] = {
    "json_serializer": json_text.write_stored,
    "json_deserializer": json_text.read_stored,
    # Errors are logged, and values may be secret.
    "hide_parameters": True,
    "max_overflow": 0,
}


def open_sqlite_writer(file: SqliteFile, *, durable: bool) -> AsyncEngine:
    """Return the engine of the only connection that writes; SQLite does not allow two.

    A database that is not *durable* is deleted with its server, so no commit waits for the disk.
    """
    # NORMAL could lose an acknowledged commit in a power failure.
    level = "FULL" if durable else "OFF"
    # Before journal_mode, which waits for the disk at another level.
    pragmas = f"PRAGMA synchronous={level}; {_PRAGMAS}"
    return _open_sqlite(file, 1, "BEGIN IMMEDIATE", pragmas)


def open_sqlite_readers(file: SqliteFile) -> AsyncEngine:
    """Return the engine of the connections that read. They do not wait for the writer."""
    return _open_sqlite(file, SQLITE_READERS, "BEGIN", f"{_PRAGMAS}; PRAGMA query_only=ON")


def _open_sqlite(file: SqliteFile, connections: int, begin: str, pragmas: str) -> AsyncEngine:
    engine = create_async_engine(
        # In a text, `?` and `%20` in the path would have a meaning.
        URL.create("sqlite+aiosqlite", database=file.path),
        **OPTIONS,
        pool_size=connections,
        # A long import may keep the writer for minutes; each call has its own time limit.
        pool_timeout=None,
        # SQLAlchemy ends every transaction that it began; a second rollback would cost
        # another round trip to the driver's thread.
        pool_reset_on_return=None,
        # The driver's own transactions are off: they would begin late and deferred.
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def check(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        file.open()
        # If a connection cannot be opened, aiosqlite does not wait for its thread, which
        # would outlive the event loop. So the file is opened here first.
        with closing(sqlite3.connect(*arguments, **options)) as connection:
            # Before `set_up`, which changes the file.
            version_table.check_file(connection)

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, record: Any) -> None:
        interrupt = record.info[INTERRUPT] = threading.Event()
        try:
            connection.run_async(lambda driver: driver.executescript(pragmas))
            for name, (count, function) in SQL_FUNCTIONS.items():
                connection.create_function(name, count, function, deterministic=True)
            connection.run_async(
                lambda driver: driver.set_progress_handler(interrupt.is_set, STEPS_BETWEEN_CHECKS)
            )
            file.connected()
        except BaseException:
            # The pool does not know this connection yet and would never close it.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "close")
    def close(_connection: object, _record: object) -> None:
        file.disconnected()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_now(connection: Connection) -> None:
        file.check()
        connection.info[INTERRUPT].clear()
        connection.exec_driver_sql(begin)

    return engine


_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000"


async def begin_reading(connection: AsyncConnection, *, snapshot: bool, is_pooled: bool) -> None:
    """Let the statements on *connection* see the same state if this is a *snapshot*.

    SQLite's readers always do. On PostgreSQL, other reads do without a transaction, to save
    BEGIN and COMMIT, except behind a pooler, where each transaction sets the settings.
    """
    if connection.dialect.name == "postgresql" and (snapshot or not is_pooled):
        level = "REPEATABLE READ" if snapshot else "AUTOCOMMIT"
        await connection.execution_options(isolation_level=level)


async def lock_table(connection: AsyncConnection, table: Table) -> None:
    """Lock *table* until the transaction ends. SQLite has only one writer anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE"))
