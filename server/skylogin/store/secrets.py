"""Generated custom token secrets. A secret from the environment is never stored."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, insert, or_, select, update

from skylogin.database.tables import custom_token_secrets
from skylogin.database.transaction import Transaction


class StoredSecret(NamedTuple):
    """A secret, and the times from and until which it is accepted; None means indefinitely."""

    id: str
    secret: str
    created_at: datetime
    ends_at: datetime | None

    def accepted_at(self, now: datetime) -> bool:
        """Return whether a token may be signed with it at *now*."""
        return self.ends_at is None or now < self.ends_at


async def load(tx: Transaction, app: str) -> list[StoredSecret]:
    """Return the secrets of *app*, including those that have ended, newest first."""
    rows = await tx.connection.execute(_OF_APP, {"name": app})
    return [StoredSecret(*row) for row in rows]


# In the order of the fields of StoredSecret.
_OF_APP = (
    select(
        custom_token_secrets.c.id,
        custom_token_secrets.c.secret,
        custom_token_secrets.c.created_at,
        custom_token_secrets.c.ends_at,
    )
    .where(custom_token_secrets.c.app == bindparam("name"))
    .order_by(custom_token_secrets.c.created_at.desc(), custom_token_secrets.c.id)
)


async def add(tx: Transaction, app: str, secret: StoredSecret) -> None:
    """Add a secret."""
    await tx.connection.execute(
        insert(custom_token_secrets),
        {"app": app, **secret._asdict()},
    )


async def end(tx: Transaction, app: str, secret_id: str, at: datetime) -> bool:
    """Let a secret expire at *at*, unless it already expires earlier.

    Returns False if it expires earlier or does not exist.
    """
    table = custom_token_secrets
    changed = await tx.connection.execute(
        update(table)
        .where(
            table.c.app == app,
            table.c.id == secret_id,
            or_(table.c.ends_at.is_(None), table.c.ends_at > at),
        )
        .values(ends_at=at)
    )
    return changed.rowcount > 0


async def drop_ended(tx: Transaction, app: str, before: datetime) -> None:
    """Drop the secrets that ended *before* a time."""
    table = custom_token_secrets
    await tx.connection.execute(delete(table).where(table.c.app == app, table.c.ends_at < before))
