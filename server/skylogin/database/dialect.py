"""The few differences between SQLite and PostgreSQL, each with its reason.

Statements are elsewhere, written once for both.
"""

import asyncio
import functools
import json
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    DateTime,
    Select,
    String,
    Text,
    Update,
    bindparam,
    case,
    cast,
    column,
    event,
    func,
    insert,
    literal,
    select,
    text,
)
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import TypeDecorator, TypeEngine

from skylogin.domain.sql_functions import SQL_FUNCTIONS
from skylogin.encoding import json_text, rfc3339

Columns = Mapping[str, ColumnElement[Any]]

SQLITE_BUSY_SECONDS = 10
# So a slow query does not block other reads.
SQLITE_READERS = 4
POSTGRESQL_CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 10
# Serialization failure, deadlock, lock not available, and shutdown of the server.
_RETRYABLE_STATES = frozenset(("40001", "40P01", "55P03", "57P01", "57P02", "57P03"))


class Timestamp(TypeDecorator[datetime]):
    """A time in UTC. SQLite has no such type and stores text of fixed width, which sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            String(27) if dialect.name == "sqlite" else DateTime(timezone=True)
        )

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return rfc3339.stored(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None or dialect.name != "sqlite":
            return value  # type: ignore[no-any-return]
        return datetime.fromisoformat(value)


class Plain(TypeDecorator[str]):
    """Text in the order of code points, so that an index can find prefixes.

    SQLite always uses this order; PostgreSQL by default uses that of the database's language.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(
            Text(collation="C") if dialect.name == "postgresql" else Text()
        )


class Json(TypeDecorator[Any]):
    """JSON: jsonb on PostgreSQL, text on SQLite. None is SQL null, as in the original."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(JSON(none_as_null=True))
        # PostgreSQL's own types are on the start-up list.
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415

        return dialect.type_descriptor(JSONB(none_as_null=True))


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
        # The driver's own transactions are off: they would begin late and deferred.
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def check(_dialect: object, _record: object, arguments: Any, options: Any) -> None:
        # If a connection cannot be opened, aiosqlite does not wait for its thread, which
        # would outlive the event loop. So the file is opened here first.
        sqlite3.connect(*arguments, **options).close()

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


def locked(
    query: Select[Any],
    order: ColumnElement[str],
    tables: list[Table],
    dialect: str,
    *,
    to_stay: bool = False,
) -> Select[Any]:
    """Return *query* with its rows of *tables* locked until the transaction ends.

    It locks in *order*, so that two nodes cannot deadlock. Other transactions may still
    refer to rows that are *to_stay*. SQLite has only one writer anyway, and an order
    would make it scan a whole index.
    """
    if dialect == "sqlite":
        return query
    return query.order_by(order).with_for_update(of=tables, key_share=to_stay)


def kept(
    query: Select[Any], order: ColumnElement[str], tables: list[Table], dialect: str
) -> Select[Any]:
    """Return *query* with its rows of *tables* locked against deletion until the end."""
    if dialect == "sqlite":
        return query
    return query.order_by(order).with_for_update(read=True, key_share=True, of=tables)


def json_rows(parameter: str, dialect: str, **columns: type[TypeEngine[Any]]) -> Columns:
    """Return *columns* of the rows in *parameter*, a JSON list with an object for each row.

    One statement with one parameter handles any number of rows, and is sent and
    planned once. The app has to be in each row: with a constant app, both databases
    tend to scan all rows of the app as long as they have no statistics.
    """
    if dialect == "postgresql":
        typed = (column(name, kind()) for name, kind in columns.items())
        rows = func.json_to_recordset(bindparam(parameter, type_=JSON)).table_valued(*typed)
        return dict(rows.render_derived(with_types=True).c)
    listed = func.json_each(bindparam(parameter, type_=JSON))
    value: ColumnElement[Any] = listed.table_valued("value").c.value
    return {
        name: func.json_extract(value, f"$.{name}", type_=kind()) for name, kind in columns.items()
    }


@functools.cache
def as_one_row(query: Select[Any], dialect: str) -> Select[Any]:
    """Return *query* with all its rows combined into one, which `read_one_row` reads.

    SQLite's driver releases the GIL for each row and has to acquire it again; a
    batch of logins would mostly wait. PostgreSQL's driver reads one text faster than
    many typed columns.
    """
    inner = query.subquery()
    if dialect == "postgresql":
        row = func.json_build_array(*inner.c, type_=JSON)
        return select(cast(func.json_agg(row, type_=JSON), Text).label("rows"))
    columns = [
        func.json(column) if isinstance(column.type, JSON | Json) else column for column in inner.c
    ]
    return select(func.json_group_array(func.json_array(*columns), type_=Text).label("rows"))


def read_one_row(text: str | None, query: Select[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that `as_one_row` combined; PostgreSQL returns null for no rows."""
    rows = json_text.read_stored(text or "[]")
    assert isinstance(rows, list)
    readers = _readers(query)
    for row in rows:
        assert isinstance(row, list)
        for place, read in readers:
            if row[place] is not None:
                row[place] = read(row[place])
    return rows  # type: ignore[return-value]


@functools.cache
def _readers(query: Select[Any]) -> list[tuple[int, Callable[[Any], Any]]]:
    """Return the positions of columns that are not JSON types, each with its converter."""
    kinds = [column.type for column in query.selected_columns]
    known: dict[type, Callable[[Any], Any]] = {Timestamp: datetime.fromisoformat, Boolean: bool}
    return [(place, known[type(kind)]) for place, kind in enumerate(kinds) if type(kind) in known]


def insert_rows(table: Table, parameter: str, columns: Iterable[str], dialect: str) -> Insert:
    """Return the INSERT of the rows in *parameter*, which hold *columns* of *table*."""
    names = list(columns)
    kinds = {name: type(table.c[name].type) for name in names}
    row = json_rows(parameter, dialect, **kinds)
    return insert(table).from_select(names, select(*(row[name] for name in names)))


@functools.cache
def as_one_statement(statements: tuple[Insert | Update, ...]) -> Insert | Update:
    """Return the last of *statements* with the others in its WITH, for PostgreSQL only.

    Each of them sees the database as it was before all of them.
    """
    *others, last = statements
    return last.add_cte(*(one.cte(f"write_{number}") for number, one in enumerate(others)))


@functools.cache
def insert_missing(table: Table, dialect: str) -> Insert:
    """Return an INSERT that skips existing rows."""
    statement: Insert = _dialects_insert(table, dialect).on_conflict_do_nothing()
    return statement


def _dialects_insert(table: Table, dialect: str) -> Any:
    """Return the dialect's own INSERT, which supports ON CONFLICT."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415

    return sqlite.insert(table)


@functools.cache
def insert_or_add(table: Table, number: str, latest: str | None, dialect: str) -> Insert:
    """Return an INSERT that adds to the *number* of an existing row.

    Of two times in *latest*, it keeps the later one.
    """
    statement = _dialects_insert(table, dialect)
    new = statement.excluded
    changes = {number: table.c[number] + new[number]}
    if latest is not None:
        changes[latest] = case((new[latest] > table.c[latest], new[latest]), else_=table.c[latest])
    added: Insert = statement.on_conflict_do_update(index_elements=table.primary_key, set_=changes)
    return added


def member_text(document: ColumnElement[Any], name: str, dialect: str) -> ColumnElement[Any]:
    """Return the value of a member of a JSON object as text, null if it is missing.

    It does not use a path, in which the name would have to be quoted.
    """
    each = func.jsonb_each_text if dialect == "postgresql" else func.json_each
    found = each(document).table_valued("key", "value").c
    return select(cast(found.value, Text)).where(found.key == name).scalar_subquery()


def has_member(
    document: ColumnElement[Any], name: str, text: str, dialect: str
) -> ColumnElement[bool]:
    """Return whether a member of a JSON object is *text*, or the value of *text* as JSON."""
    wanted = [json.dumps(text, ensure_ascii=False)]
    try:
        value = json_text.read_stored(text)
        wanted += [json_text.write_stored(value)] if isinstance(value, bool | int | float) else []
    except ValueError:
        pass
    if dialect == "postgresql":
        member = document.op("->", return_type=Json())(literal(name, Text))
        return member.in_([cast(literal(one, Text), Json) for one in wanted])
    # A path cannot contain a name with a quotation mark.
    found = document.op("->", return_type=Text())(literal(f'$."{name}"', Text))
    return found.in_(wanted) if '"' not in name else literal(False)


def unindexed(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return *column*, a text, in a form that no index applies to."""
    if dialect == "postgresql":
        return column.concat("")
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def is_among(column: ColumnElement[Any], query: Select[Any], dialect: str) -> ColumnElement[bool]:
    """Return whether *column*, a text, is in the result of *query*, which runs only once.

    Otherwise both databases may run it for each row. PostgreSQL does not with IS TRUE, and it
    hashes any number of values from an array, because it expects few.
    """
    if dialect == "postgresql":
        remembered = func.unnest(func.array(query.scalar_subquery()), type_=Text)
        return column.in_(select(remembered)).is_(True)
    return unindexed(column, dialect).in_(query)


def is_empty(column: ColumnElement[Any], dialect: str) -> ColumnElement[bool]:
    """Return whether *column* is the empty text, in a form that does not favour an index on it.

    PostgreSQL can still estimate the rows: nothing is less than the empty text.
    """
    return column <= "" if dialect == "postgresql" else unindexed(column, dialect) == ""


def list_of(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return the values of *column* as a JSON list; null or `[]` if there are none."""
    if dialect == "postgresql":
        return func.json_agg(column, type_=JSON())
    return func.json_group_array(column, type_=JSON())


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
