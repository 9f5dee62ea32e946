"""The journal of attempts, kept to a number of rows and of days."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select

from skylogin.journal import Entry
from skylogin.store.tables import journal
from skylogin.store.transaction import Transaction


async def add(tx: Transaction, app: str, entries: Sequence[Entry]) -> None:
    """Add *entries*."""
    rows = [
        {
            "app": app,
            "id": entry.id,
            "at": entry.at,
            "action": entry.action,
            "accepted": entry.accepted,
            "reason": entry.reason,
            "explanation": entry.explanation,
            "status": entry.status,
            "subject": entry.subject,
            "user_id": entry.user_id,
            "algorithm": entry.algorithm,
            "key_id": entry.key_id,
            "secret_id": entry.secret_id,
            "claim_names": list(entry.claim_names),
            "only_contract": entry.only_contract,
            "address": entry.address,
            "request_id": entry.request_id,
        }
        for entry in entries
    ]
    await tx.connection.execute(insert(journal), rows)


async def has(tx: Transaction, app: str, entry_id: str) -> bool:
    """Return whether the entry is there, and so everything of its transaction."""
    query = select(journal.c.id).where(journal.c.app == app, journal.c.id == entry_id)
    return (await tx.connection.execute(query)).first() is not None


async def count(tx: Transaction, app: str) -> int:
    """Return the number of entries of *app*."""
    query = select(func.count()).select_from(journal).where(journal.c.app == app)
    return int((await tx.connection.execute(query)).scalar_one())


async def drop_oldest(tx: Transaction, app: str, number: int) -> int:
    """Drop the *number* oldest entries of *app*; return how many went."""
    oldest = (
        select(journal.c.id).where(journal.c.app == app).order_by(journal.c.id).limit(number)
    )
    dropped = await tx.connection.execute(
        delete(journal).where(journal.c.app == app, journal.c.id.in_(oldest))
    )
    return dropped.rowcount


async def drop_before(tx: Transaction, app: str, moment: datetime, number: int) -> int:
    """Drop entries of *app* older than *moment*, at most *number*; return how many went."""
    oldest = (
        select(journal.c.id)
        .where(journal.c.app == app, journal.c.at < moment)
        .order_by(journal.c.id)
        .limit(number)
    )
    dropped = await tx.connection.execute(
        delete(journal).where(journal.c.app == app, journal.c.id.in_(oldest))
    )
    return dropped.rowcount


async def load_latest(tx: Transaction, app: str, number: int) -> list[Entry]:
    """Return the *number* latest entries of *app*, the newest first."""
    query = (
        select(journal)
        .where(journal.c.app == app)
        .order_by(journal.c.id.desc())
        .limit(number)
    )
    rows = (await tx.connection.execute(query)).mappings()
    return [_entry(dict(row)) for row in rows]


def _entry(row: dict) -> Entry:  # type: ignore[type-arg]
    row.pop("app")
    row["claim_names"] = tuple(row["claim_names"])
    return Entry(**row)
