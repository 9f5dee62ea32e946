"""A transaction, as `store/` uses it.

Functions of `store/` take the transaction and the app first, so that no function can
forget the app, and many users at once, so that one login is a batch of one.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Insert, Select, Update
from sqlalchemy.ext.asyncio import AsyncConnection

from skylogin import clock
from skylogin.database import dialect
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.domain.user import Field

FieldMap = dict[str, Field]
FieldsByType = dict[tuple[str, str], FieldMap]
FIELDS_FRESH_SECONDS = 1.0
TYPES_KNOWN_MAX = 10_000


class FieldCache:
    """Known fields of record types.

    A field keeps its type but may be removed: the node that removes it forgets it at
    once, and other nodes read the fields again after a second.
    """

    def __init__(self, monotonic: Callable[[], float] = clock.monotonic) -> None:
        self.monotonic = monotonic
        self.forgotten = 0
        # By app, the value of `forgotten` when its fields were forgotten; None stands for all apps.
        self._forgotten_at: dict[str | None, int] = {}
        self._known: FieldsByType = {}
        self._read_at: dict[tuple[str, str], float] = {}

    def of(self, app: str, record_type: str) -> FieldMap | None:
        """Return the known fields, None if they were never read."""
        return self._known.get((app, record_type))

    def fresh(self, app: str, record_type: str) -> FieldMap | None:
        """Return the known fields, None if they were not read within the last second."""
        read_at = self._read_at.get((app, record_type), float("-inf"))
        if self.monotonic() - read_at >= FIELDS_FRESH_SECONDS:
            return None
        return self._known.get((app, record_type))

    def learn(self, transaction: "Transaction") -> None:
        """Remember what a committed transaction read or wrote.

        Fields that were forgotten after the transaction began may be gone: it read them before.
        """
        for key, value in transaction.new_fields.items():
            forgotten_at = max(self._forgotten_at.get(app, 0) for app in (None, key[0]))
            if forgotten_at > transaction.forgotten:
                continue
            if len(key[1]) > KEY_BYTES_MAX:
                continue
            read_at = transaction.fields_read_at.get(key)
            if read_at is None:
                self._known[key] = {**self._known.get(key, {}), **value}
            else:
                self._known[key] = value
                self._read_at[key] = read_at
            if len(self._known) > TYPES_KNOWN_MAX:
                # Clients can ask for types that do not exist. What is not known is read again.
                oldest = next(iter(self._known))
                del self._known[oldest]
                self._read_at.pop(oldest, None)

    def forget(self, app: str | None = None) -> None:
        """Forget everything, or everything about *app*, because something was removed."""
        self.forgotten += 1
        self._forgotten_at[app] = self.forgotten
        for known in (self._known, self._read_at):
            for key in [key for key in known if app in (None, key[0])]:
                del known[key]


class Transaction:
    """Statements in one transaction, which `Store.run` begins."""

    def __init__(
        self, connection: AsyncConnection, fields: FieldCache, *, has_test_clocks: bool = False
    ) -> None:
        self.connection = connection
        self._has_test_clocks = has_test_clocks
        self._database_time: datetime | None = None
        self.dialect = connection.dialect.name
        self.fields = fields
        self.forgotten = fields.forgotten
        self.new_fields: FieldsByType = {}
        self.fields_read_at: dict[tuple[str, str], float] = {}
        self.users_added = 0
        self.on_commit: list[Callable[[], None]] = []
        self._queued: dict[Insert | Update, tuple[str, list[Mapping[str, Any]]]] = {}

    async def not_ahead(self, moment: datetime) -> datetime:
        """Return *moment*, or the time by the database's clock if that is earlier.

        A node's clock may be ahead and be set back later. Tests set their clocks on purpose.
        """
        if self._has_test_clocks:
            return moment
        if self._database_time is None:
            query = dialect.time_query(self.dialect)
            self._database_time = (await self.connection.execute(query)).scalar_one()
        return min(moment, self._database_time)

    async def fetch(self, query: Select[Any], values: Mapping[str, Any]) -> Sequence[Any]:
        """Return all rows of *query* with the parameters *values*."""
        one_row = dialect.as_one_row(query, self.dialect)
        return dialect.read_one_row(
            (await self.connection.execute(one_row, values)).scalar(), query
        )

    def defer_write(
        self, statement: Insert | Update, parameter: str, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write *rows* at the end of the work with *statement*, as its *parameter*.

        The rest of the work must not depend on it.
        """
        if rows:
            self._queued.setdefault(statement, (parameter, []))[1].extend(rows)

    async def finish(self) -> None:
        """Write the deferred rows; on PostgreSQL in one statement, for a single round trip."""
        queued, self._queued = self._queued, {}
        if queued and self.dialect == "postgresql":
            together = dialect.as_one_statement(tuple(queued))
            await self.connection.execute(together, dict(queued.values()))
            return
        for statement, (parameter, rows) in queued.items():
            await self.connection.execute(statement, {parameter: rows})
