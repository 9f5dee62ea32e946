"""A transaction, as the modules beside this one use it: one per group of tables.

Their functions take the transaction and the app first, so that none can forget
the app, and many users at once, so that one login is a batch of one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Insert, Select, Update
from sqlalchemy.ext.asyncio import AsyncConnection

from skylogin.store import dialect
from skylogin.store.sqlite_writer import DirectConnection
from skylogin.user import Field

PUBLIC = ""
USER_TYPE = "user"
FieldMap = dict[str, Field]
FieldsByType = dict[tuple[str, str], FieldMap]


class FieldCache:
    """What is known of the fields of record types. Types never change, so it never errs."""

    def __init__(self) -> None:
        self._known: FieldsByType = {}

    def of(self, app: str, record_type: str) -> FieldMap | None:
        """Return the fields known, None where nobody has looked yet."""
        return self._known.get((app, record_type))

    def learn(self, fields: Mapping[tuple[str, str], FieldMap]) -> None:
        """Remember what a committed transaction read or wrote."""
        for key, value in fields.items():
            self._known[key] = {**self._known.get(key, {}), **value}


class Transaction:
    """Statements in one transaction. `Store.begin` makes them."""

    def __init__(self, connection: AsyncConnection | DirectConnection, fields: FieldCache) -> None:
        self.connection = connection
        self.dialect = connection.dialect.name
        self.fields = fields
        self.new_fields: FieldsByType = {}
        self.users_added = 0
        self.on_commit: list[Callable[[], None]] = []
        self._queued: dict[Insert | Update, tuple[str, list[Mapping[str, Any]]]] = {}

    async def fetch(self, query: Select[Any], values: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of *query*, which takes its parameters from *values*."""
        one_row = dialect.as_one_row(query, self.dialect)
        return dialect.read_one_row(
            (await self.connection.execute(one_row, values)).scalar(), query
        )

    def write_last(
        self, statement: Insert | Update, parameter: str, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Have *statement* write *rows*, its *parameter*, when the work is done.

        Nothing that the work still reads or writes may hang on it.
        """
        if rows:
            self._queued.setdefault(statement, (parameter, []))[1].extend(rows)

    async def finish(self) -> None:
        """Write what waits: on PostgreSQL in one statement, which goes there and back once."""
        queued, self._queued = self._queued, {}
        if queued and self.dialect == "postgresql":
            together = dialect.as_one_statement(tuple(queued))
            await self.connection.execute(together, dict(queued.values()))
            return
        for statement, (parameter, rows) in queued.items():
            await self.connection.execute(statement, {parameter: rows})
