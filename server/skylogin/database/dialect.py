"""The few differences between SQLite and PostgreSQL, each with its reason.

Statements are elsewhere, written once for both.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
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
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.elements import ColumnElement, UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.schema import Table
from sqlalchemy.types import TypeDecorator, TypeEngine

from skylogin.encoding import json_text, rfc3339

Columns = Mapping[str, ColumnElement[Any]]


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


# Text sorted by code points, so that an index can find prefixes. SQLite always sorts so;
# PostgreSQL by default sorts as the database's language does. It is VARCHAR there, as in
# existing databases.
PLAIN_TEXT = Text().with_variant(String(collation="C"), "postgresql")


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


def time_query(dialect: str) -> Select[Any]:
    """Return the query for the time of the database's clock."""
    return select(_clock(dialect))


def _clock(dialect: str) -> ColumnElement[Any]:
    if dialect == "postgresql":
        return func.clock_timestamp(type_=Timestamp)
    return func.strftime("%Y-%m-%dT%H:%M:%fZ", "now", type_=Timestamp)


def locked(  # noqa: PLR0913
    query: Select[Any],
    order: ColumnElement[str],
    tables: list[Table],
    dialect: str,
    *,
    may_change: bool = False,
    to_stay: bool = False,
) -> Select[Any]:
    """Return *query* with its rows of *tables* locked until the transaction ends.

    It locks in *order*, so that two nodes cannot deadlock. Rows *to_stay* are not about to be
    deleted: other transactions may still refer to them, and with *may_change* also change them.
    SQLite has only one writer anyway, and an order would make it scan a whole index.
    """
    if dialect == "sqlite":
        return query
    return query.order_by(order).with_for_update(of=tables, read=may_change, key_share=to_stay)


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
    # The paths are literals: a bound value for each would take longer than the insertion.
    return {
        name: func.json_extract(value, literal_column(f"'$.{name}'"), type_=kind())
        for name, kind in columns.items()
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


def is_in_rows(
    parameter: str, dialect: str, *columns: ColumnElement[Any]
) -> list[ColumnElement[bool]]:
    """Return the conditions for rows whose *columns* are those of one of the `json_rows`."""
    row = _rows_of(parameter, dialect, columns)
    return [column == value for column, value in zip(columns, row.values(), strict=True)]


def _rows_of(parameter: str, dialect: str, columns: Iterable[ColumnElement[Any]]) -> Columns:
    kinds = {str(column.key): type(column.type) for column in columns}
    return json_rows(parameter, dialect, **kinds)


@functools.cache
def insert_rows(
    table: Table, parameter: str, dialect: str, columns: tuple[str, ...] = ()
) -> Insert:
    """Return the INSERT of the rows in *parameter*, with *columns* of *table*, by default all."""
    names = columns or tuple(table.c.keys())
    row = _rows_of(parameter, dialect, (table.c[name] for name in names))
    return insert(table).from_select(names, select(*row.values()))


@functools.cache
def update_rows(table: Table, parameter: str, dialect: str, columns: tuple[str, ...]) -> Update:
    """Return the UPDATE of *columns* of the rows in *parameter*, by their primary keys."""
    key = table.primary_key.columns
    row = _rows_of(parameter, dialect, (*key, *(table.c[name] for name in columns)))
    where = (column == row[column.name] for column in key)
    return update(table).where(*where).values({name: row[name] for name in columns})


@functools.cache
def as_one_statement(statements: tuple[Insert | Update, ...]) -> Insert | Update:
    """Return the last of *statements* with the others in its WITH, for PostgreSQL only.

    Each of them sees the database as it was before all of them.
    """
    *others, last = statements
    return last.add_cte(*(one.cte(f"write_{number}") for number, one in enumerate(others)))


@functools.cache
def insert_missing(table: Table, dialect: str) -> Insert:
    """Return an INSERT that skips existing rows. The `rowcount` of its result is what it added."""
    statement: Insert = _dialects_insert(table, dialect).on_conflict_do_nothing()
    return statement.execution_options(preserve_rowcount=True)


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


@functools.cache
def insert_or_replace(table: Table, at: str, dialect: str) -> Insert:
    """Return an INSERT that replaces an existing row, with the database's time in *at*."""
    statement = _dialects_insert(table, dialect).values({at: _clock(dialect)})
    changes = {
        column.name: statement.excluded[column.name] for column in table.c if not column.primary_key
    }
    replaced: Insert = statement.on_conflict_do_update(
        index_elements=table.primary_key, set_=changes
    )
    return replaced


def unindexed(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return *column*, a text, in a form that no index applies to."""
    if dialect == "postgresql":
        return column.concat("")
    return UnaryExpression(column, operator=custom_op("+"), type_=column.type)


def is_among(column: ColumnElement[Any], query: Select[Any], dialect: str) -> ColumnElement[bool]:
    """Return whether *column*, a text, is in the result of *query*, which runs only once.

    Otherwise both databases may run it for each row. IS TRUE keeps PostgreSQL from that, and
    the array makes it hash the values however many there are, because it expects few.
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
