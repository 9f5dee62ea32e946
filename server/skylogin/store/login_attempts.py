"""The login log: the login attempts of each app."""

import functools
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.tables import login_log
from skylogin.database.transaction import Transaction
from skylogin.domain.login_attempt import Filter, LogEntry, read_details
from skylogin.encoding import rfc3339

STATEMENTS_KEPT = 32


async def add(tx: Transaction, app: str, entries: Sequence[LogEntry]) -> None:
    """Add *entries* at the end of the transaction."""
    rows = [
        {
            "app": app,
            "id": entry.id,
            "at": rfc3339.stored(entry.at),
            "accepted": entry.accepted,
            "reason": entry.reason,
            "subject": entry.subject,
            "user_id": entry.user_id,
            "secret_id": entry.details["secret_id"],
            "details": entry.details,
        }
        for entry in entries
    ]
    insert = dialect.insert_rows(login_log, "new_entries", tx.dialect)
    tx.defer_write(insert, "new_entries", rows)


async def has(tx: Transaction, app: str, entry_id: str) -> bool:
    """Return whether the entry, and so its whole transaction, was committed."""
    query = select(login_log.c.id).where(login_log.c.app == app, login_log.c.id == entry_id)
    return (await tx.connection.execute(query)).first() is not None


async def count(tx: Transaction, app: str) -> int:
    """Return the number of entries of *app*."""
    query = select(func.count()).select_from(login_log).where(login_log.c.app == app)
    return int((await tx.connection.execute(query)).scalar_one())


async def drop_oldest(tx: Transaction, app: str, number: int) -> int:
    """Drop the *number* oldest entries of *app*; return how many were dropped."""
    return await _drop(tx, app, number)


async def drop_before(tx: Transaction, app: str, first_id: str, number: int) -> int:
    """Drop at most *number* entries of *app* before *first_id*; return how many were dropped."""
    return await _drop(tx, app, number, login_log.c.id < first_id)


async def _drop(tx: Transaction, app: str, number: int, *where: ColumnElement[bool]) -> int:
    of_app = select(login_log.c.id).where(login_log.c.app == app, *where)
    oldest = of_app.order_by(login_log.c.id).limit(number)
    dropped = await tx.connection.execute(
        delete(login_log).where(login_log.c.app == app, login_log.c.id.in_(oldest))
    )
    return dropped.rowcount


async def load_latest(tx: Transaction, app: str, number: int) -> list[LogEntry]:
    """Return the *number* latest entries of *app*, newest first."""
    return await find(tx, app, Filter(), "", number)


async def load(tx: Transaction, app: str, entry_id: str) -> LogEntry | None:
    """Return the entry, None if it does not exist."""
    query = select(*_COLUMNS).where(login_log.c.app == app, login_log.c.id == entry_id)
    row = (await tx.connection.execute(query)).first()
    return _entry(row) if row else None


async def find(
    tx: Transaction, app: str, wanted: Filter, before: str, number: int
) -> list[LogEntry]:
    """Return the *number* latest entries that match *wanted*, newest first.

    If *before* is an id, only earlier entries are returned.
    """
    rows = await tx.connection.execute(_found(wanted, before, number), {"name": app})
    return [_entry(row) for row in rows]


async def count_by_reason(tx: Transaction, app: str, wanted: Filter, number: int) -> dict[str, int]:
    """Count the *number* latest entries that match *wanted*, by reason."""
    latest = _found(wanted, "", number).subquery()
    query = select(latest.c.reason, func.count()).group_by(latest.c.reason)
    rows = await tx.connection.execute(query, {"name": app})
    return {row[0]: row[1] for row in rows}


# Tests repeat the same queries; paging makes a new one each time, so the cache is small.
@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def _found(wanted: Filter, before: str, number: int) -> Select[Any]:
    query = select(*_COLUMNS).where(login_log.c.app == bindparam("name"), *_conditions(wanted))
    if before:
        query = query.where(login_log.c.id < before)
    return query.order_by(login_log.c.id.desc()).limit(number)


def _conditions(wanted: Filter) -> Iterator[ColumnElement[bool]]:
    if wanted.accepted is not None:
        yield login_log.c.accepted.is_(wanted.accepted)
    for name in ("reason", "subject", "user_id", "secret_id"):
        value = getattr(wanted, name)
        if value:
            yield login_log.c[name] == value
    if wanted.first_id:
        yield login_log.c.id >= wanted.first_id
    if wanted.since:
        yield login_log.c.at >= wanted.since
    if wanted.until:
        yield login_log.c.at < wanted.until


def _entry(row: Any) -> LogEntry:
    details = read_details(row.details)
    return LogEntry(row.id, row.at, row.accepted, row.reason, row.subject, row.user_id, details)


_COLUMNS = (
    login_log.c.id,
    login_log.c.at,
    login_log.c.accepted,
    login_log.c.reason,
    login_log.c.subject,
    login_log.c.user_id,
    login_log.c.details,
)
