"""Statements as SQLite's driver takes them, made ready once.

SQLAlchemy makes a statement ready anew each time it is executed: it looks for what it
compiled, sets up a context, a cursor and a result. That takes several times longer than
SQLite takes for a small statement. Those that the modules beside this one keep, and
execute again and again, are made ready by SQLAlchemy too, but only once.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import (
    BindParameter,
    CursorResult,
    Delete,
    Executable,
    Insert,
    Select,
    Table,
    Update,
)
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
Processor = Callable[[Any], Any]
KINDS = (Select, Insert, Update, Delete)
# Of a parameter: its name, or none and the value that it always has.
Place = tuple[str | None, Any, Processor | None]


class DriverResult(IteratorResult[Any]):
    """The rows of a statement, and of one that changes rows how many."""

    rowcount: int


@dataclass(frozen=True, slots=True)
class _Ready:
    """A statement in SQL, and how its values go to the driver and come back."""

    sql: str
    places: Sequence[Place]
    metadata: SimpleResultMetaData
    readers: Sequence[tuple[int, Processor]]

    def write(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return *values* as the driver takes them."""
        # A list is made sooner than a generator is asked.
        return tuple(
            [
                fixed if name is None else process(values[name]) if process else values[name]
                for name, fixed, process in self.places
            ]
        )

    def read(self, rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
        """Return the rows that the driver gave, as they are to be."""
        return map(self._read_row, rows) if self.readers else iter(rows)

    def _read_row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        values = list(row)
        for place, process in self.readers:
            values[place] = process(values[place])
        return tuple(values)


def is_heard(connection: Connection) -> bool:
    """Return whether somebody listens to what is executed: then SQLAlchemy has to execute it."""
    return bool(connection.dispatch.before_cursor_execute)


def by_driver(
    connection: Connection, sql: str, values: tuple[Any, ...] | Iterator[tuple[Any, ...]] = ()
) -> tuple[list[Any], int]:
    """Return the rows that the driver gives, and how many it changed; *values* are one or many.

    Raises DBAPIError, as SQLAlchemy does.
    """
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    try:
        if isinstance(values, tuple):
            cursor = driver.execute(sql, values)
        else:
            cursor = driver.executemany(sql, values)
        return cursor.fetchall(), cursor.rowcount
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, None, error, sqlite3.Error) from error


class SqliteStatements:
    """Executes statements; those that come again are ready."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        # By the statement itself: one that is made for a single call never comes again.
        self._ready: WeakKeyDictionary[Executable, dict[tuple[str, ...], _Ready | None]]
        self._ready = WeakKeyDictionary()
        # How often each table was written, or something tried to.
        self.writes: Counter[str] = Counter()

    def execute(
        self, connection: Connection, statement: Executable, parameters: Parameters
    ) -> CursorResult[Any] | DriverResult:
        """Execute *statement* in the transaction of *connection*. Raises DBAPIError."""
        if isinstance(statement, Insert | Update | Delete):
            assert isinstance(statement.table, Table)
            self.writes[statement.table.name] += 1
        if not parameters or is_heard(connection):
            return connection.execute(statement, parameters)
        ready = self._find(statement, parameters)
        if ready is None:
            return connection.execute(statement, parameters)
        if isinstance(parameters, Mapping):
            rows, changed = by_driver(connection, ready.sql, ready.write(parameters))
        else:
            rows, changed = by_driver(connection, ready.sql, map(ready.write, parameters))
        result = DriverResult(ready.metadata, ready.read(rows))
        result.rowcount = changed
        return result

    def _find(
        self, statement: Executable, parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    ) -> _Ready | None:
        """Return *statement* made ready, None when it comes for the first time or cannot be."""
        if isinstance(parameters, Mapping):
            names = tuple(parameters)
        elif isinstance(statement, Select):
            return None
        else:
            names = tuple(parameters[0])
        by_names = self._ready.get(statement)
        if by_names is None:
            self._ready[statement] = {}
            return None
        if names not in by_names:
            by_names[names] = _make_ready(statement, names, self._dialect)
        return by_names[names]


def _make_ready(statement: Executable, names: Sequence[str], dialect: Dialect) -> _Ready | None:
    """Return *statement* made ready for values of these *names*.

    None where SQLAlchemy has more to do when it is executed than to look values up.
    """
    if not isinstance(statement, KINDS):
        return None
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)
    made_when_executed = (
        compiled.post_compile_params,
        compiled.insert_prefetch,
        compiled.update_prefetch,
        compiled.effective_returning,
    )
    places = [_place(compiled.binds[name], names, dialect) for name in compiled.positiontup or ()]
    if any(made_when_executed) or None in places:
        return None
    columns = list(statement.exported_columns)
    keys = [column.key for column in columns if column.key is not None]
    if len(set(keys)) < len(columns):
        # It makes names for the others.
        return None
    read = [one.type.dialect_impl(dialect).result_processor(dialect, None) for one in columns]
    return _Ready(
        str(compiled),
        [place for place in places if place is not None],
        SimpleResultMetaData(keys),
        [(place, process) for place, process in enumerate(read) if process is not None],
    )


def _place(parameter: BindParameter[Any], names: Sequence[str], dialect: Dialect) -> Place | None:
    """Return how a parameter gets its value, None where it has none."""
    process = parameter.type.dialect_impl(dialect).bind_processor(dialect)
    if parameter.key in names:
        return parameter.key, None, process
    if parameter.required or parameter.callable is not None:
        return None
    return None, process(parameter.value) if process else parameter.value, None
