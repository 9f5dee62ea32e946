"""Sessions of the portal, stored by their hashes: reading the table does not let anyone sign in."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database.tables import operator_sessions
from skylogin.database.transaction import Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import table_rows


@dataclass(frozen=True, slots=True)
class Session:
    """A session for all apps: when it was created and when it was last used."""

    created_at: datetime
    last_used_at: datetime


async def add(tx: Transaction, session_hash: str, now: datetime) -> None:
    """Add a session."""
    row = {"app": EVERY_APP, "id": session_hash, "created_at": now, "last_used_at": now}
    await tx.connection.execute(insert(operator_sessions), row)


async def load(tx: Transaction, session_hash: str) -> Session | None:
    """Return the session, None if it does not exist."""
    table = operator_sessions
    query = select(table.c.created_at, table.c.last_used_at).where(*_of(session_hash))
    row = (await tx.connection.execute(query)).first()
    return Session(*row) if row else None


async def use(tx: Transaction, session_hash: str, now: datetime) -> None:
    """Set the time of the session's last use."""
    await tx.connection.execute(
        update(operator_sessions).where(*_of(session_hash)).values(last_used_at=now)
    )


async def end(tx: Transaction, session_hash: str) -> None:
    """End a session."""
    await tx.connection.execute(delete(operator_sessions).where(*_of(session_hash)))


def _of(session_hash: str) -> tuple[ColumnElement[bool], ...]:
    return operator_sessions.c.app == EVERY_APP, operator_sessions.c.id == session_hash


async def keep_latest(tx: Transaction, number: int) -> None:
    """End all sessions except the *number* latest."""
    table = operator_sessions
    await table_rows.keep_latest(tx, table.c.created_at, number, table.c.app == EVERY_APP)


async def drop_ended(tx: Transaction, made_before: datetime, used_before: datetime) -> None:
    """Drop the sessions that were created or last used before these times."""
    table = operator_sessions
    await tx.connection.execute(
        delete(table).where(
            table.c.app == EVERY_APP,
            or_(table.c.created_at < made_before, table.c.last_used_at < used_before),
        )
    )
