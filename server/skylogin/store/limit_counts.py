"""What each server used of the limits, by limit, key and window, for the other servers to read."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, bindparam, delete, or_, select

from skylogin.database import dialect
from skylogin.database.tables import limit_counts
from skylogin.database.transaction import Transaction
from skylogin.domain.stored_names import EVERY_APP


class ServerUsage(NamedTuple):
    """What *server* used, in all, in the window that ends at *ends_at*."""

    name: str
    key: str
    ends_at: datetime
    server: str
    number: int


async def save(tx: Transaction, rows: Sequence[ServerUsage]) -> None:
    """Write *rows* in place of earlier ones. A second call has no effect."""
    statement = dialect.insert_or_replace(limit_counts, "at", tx.dialect)
    await tx.connection.execute(statement, [{"app": EVERY_APP, **row._asdict()} for row in rows])


async def load(
    tx: Transaction, server: str, since: datetime, always: tuple[str, datetime], number: int
) -> list[tuple[datetime, ServerUsage]]:
    """Return the *number* latest reports of other servers since *since*, with times, newest first.

    *always* is a name and a time: for that name, everything since that time is included, also
    what *server* itself reported.
    """
    table = limit_counts
    name, name_since = always
    query = (
        select(
            table.c.at, table.c.name, table.c.key, table.c.ends_at, table.c.server, table.c.number
        )
        .where(
            table.c.app == EVERY_APP,
            or_(table.c.server != bindparam("own"), table.c.name == name),
            or_(
                table.c.at >= bindparam("since"),
                and_(table.c.name == name, table.c.at >= bindparam("name_since")),
            ),
        )
        .order_by(table.c.at.desc())
        .limit(number)
    )
    values = {"own": server, "since": since, "name_since": name_since}
    rows = await tx.connection.execute(query, values)
    return [(row[0], ServerUsage(*row[1:])) for row in rows]


async def drop_ended(tx: Transaction, before: datetime) -> None:
    """Drop what was used in windows that ended before *before*."""
    table = limit_counts
    await tx.connection.execute(
        delete(table).where(table.c.app == EVERY_APP, table.c.ends_at < before)
    )
