"""Login attempts counted by minute and reason; uses of secrets counted by day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, select

from skylogin.database import dialect
from skylogin.database.tables import login_counts, secret_uses
from skylogin.database.transaction import Transaction

# Counted like a reason: attempts that the login log leaves out, each also under its own reason.
LEFT_OUT = "left_out"


@dataclass(slots=True)
class SecretUse:
    """How often a secret was used, and when it was last used."""

    uses: int
    last_used_at: datetime


class Counts(NamedTuple):
    """Attempts by minute and reason, and uses by secret and day."""

    attempts: Mapping[tuple[datetime, str], int]
    uses: Mapping[tuple[str, datetime], SecretUse]


async def add(tx: Transaction, app: str, counted: Counts) -> None:
    """Add *counted* to the stored counts."""
    # Always in the same order, so that two nodes cannot deadlock.
    attempts = [
        {"app": app, "minute": minute, "reason": reason, "number": number}
        for (minute, reason), number in sorted(counted.attempts.items())
    ]
    uses = [
        {
            "app": app,
            "secret_id": secret_id,
            "day": day,
            "uses": use.uses,
            "last_used_at": use.last_used_at,
        }
        for (secret_id, day), use in sorted(counted.uses.items())
    ]
    if attempts:
        statement = dialect.insert_or_add(login_counts, "number", None, tx.dialect)
        await tx.connection.execute(statement, attempts)
    if uses:
        statement = dialect.insert_or_add(secret_uses, "uses", "last_used_at", tx.dialect)
        await tx.connection.execute(statement, uses)


async def load_attempts(
    tx: Transaction, app: str, since: datetime
) -> list[tuple[datetime, str, int]]:
    """Return each minute, reason and number of attempts since *since*, oldest first."""
    table = login_counts
    query = (
        select(table.c.minute, table.c.reason, table.c.number)
        .where(table.c.app == app, table.c.minute >= since)
        .order_by(table.c.minute, table.c.reason)
    )
    rows: Iterable[Any] = await tx.connection.execute(query)
    return [(row[0], row[1], row[2]) for row in rows]


async def load_uses(
    tx: Transaction, app: str, since: datetime
) -> list[tuple[str, datetime, SecretUse]]:
    """Return each secret, day and its uses since *since*, oldest first."""
    table = secret_uses
    query = (
        select(table.c.secret_id, table.c.day, table.c.uses, table.c.last_used_at)
        .where(table.c.app == app, table.c.day >= since)
        .order_by(table.c.day, table.c.secret_id)
    )
    rows: Iterable[Any] = await tx.connection.execute(query)
    return [(row[0], row[1], SecretUse(row[2], row[3])) for row in rows]


async def load_last_uses(tx: Transaction, app: str) -> dict[str, datetime]:
    """Return when each secret was last used."""
    table = secret_uses
    query = (
        select(table.c.secret_id, func.max(table.c.last_used_at))
        .where(table.c.app == app)
        .group_by(table.c.secret_id)
    )
    rows: Iterable[Any] = await tx.connection.execute(query)
    return {row[0]: row[1] for row in rows}


async def drop_before(
    tx: Transaction, app: str, counts_until: datetime, uses_until: datetime
) -> None:
    """Drop the counts and uses before these times."""
    await tx.connection.execute(
        delete(login_counts).where(login_counts.c.app == app, login_counts.c.minute < counts_until)
    )
    await tx.connection.execute(
        delete(secret_uses).where(secret_uses.c.app == app, secret_uses.c.day < uses_until)
    )
