"""The few places where SQLite and PostgreSQL differ, each with its reason.

No statement stands here: those are written once, in the modules beside this one.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ARRAY, JSON, DateTime, String, Text, bindparam, event, func, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import TypeDecorator, TypeEngine

from skylogin import json_text

SQLITE_BUSY_SECONDS = 10
POSTGRESQL_CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 10
# Serialization failure, deadlock, and what a server says that goes away.
_RETRYABLE_STATES = frozenset(("40001", "40P01", "55P03", "57P01", "57P02", "57P03"))


class Moment(TypeDecorator[datetime]):
    """A time in UTC. SQLite has no such type: there it is text of fixed width, which sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            String(27) if dialect.name == "sqlite" else DateTime(timezone=True)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """JSON: jsonb on PostgreSQL, text on SQLite. None is SQL null, as the original keeps it."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(JSON(none_as_null=True))
        # PostgreSQL's own types are on the start-up list.
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415

        return dialect.type_descriptor(JSONB(none_as_null=True))


def open_engine(url: str, *, writer: bool) -> AsyncEngine:
    """Return an engine for *url*: `sqlite:///path`, or PostgreSQL in any of libpq's forms."""
    if url.startswith("sqlite:"):
        return _open_sqlite(url.removeprefix("sqlite:///"), writer=writer)
    return _open_postgresql(url)


def _open_sqlite(path: str, *, writer: bool) -> AsyncEngine:
    """SQLite has one writer at a time: its one connection begins IMMEDIATE, readers do not."""
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{path}",
        json_serializer=json_text.write_stored,
        json_deserializer=json_text.read_stored,
        pool_size=1 if writer else 2,
        max_overflow=0,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            # NORMAL may lose an acknowledged commit when the power goes.
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-8000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        # The driver's own transactions are off: they would begin late and deferred.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writer else "BEGIN")

    return engine


def _open_postgresql(url: str) -> AsyncEngine:
    """asyncpg reads the URL itself, so that libpq's forms and several hosts work."""
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
        # Compiling our small statements costs more than running them.
        server_settings={"application_name": "skylogin", "jit": "off"},
    )


def among(column: ColumnElement[str], values: Collection[str], dialect: str) -> ColumnElement[bool]:
    """Return the test whether *column* is one of *values*.

    On PostgreSQL it is one array parameter, so that the statement stays the
    same, and prepared, whatever the number of values.
    """
    if dialect == "postgresql":
        return column == func.any(bindparam(None, list(values), type_=ARRAY(Text)))
    return column.in_(list(values))


def insert_missing(table: Table, dialect: str) -> Insert:
    """Return an INSERT that leaves rows alone that are there: each dialect has a construct."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table).on_conflict_do_nothing()


def list_of(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return the values of *column* as a JSON list; null or `[]` where there are none."""
    if dialect == "postgresql":
        return func.json_agg(column, type_=JSON())
    return func.json_group_array(column, type_=JSON())


async def lock_table(connection: AsyncConnection, table: Table) -> None:
    """Keep others from *table* until the transaction ends; on SQLite a writer already does."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE"))


def is_conflict(error: DBAPIError) -> bool:
    """Return whether a unique key was taken meanwhile: looking again settles it."""
    return isinstance(error, IntegrityError)


def is_retryable(error: DBAPIError) -> bool:
    """Return whether doing the transaction again may well succeed."""
    state = getattr(error.orig, "sqlstate", None)
    busy = "database is locked" in str(error.orig)
    return is_conflict(error) or is_lost(error) or busy or state in _RETRYABLE_STATES


def is_lost(error: BaseException) -> bool:
    """Return whether the connection to the database went away."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    return isinstance(error, OSError | asyncio.TimeoutError)
