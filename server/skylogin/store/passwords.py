"""Password hashes of users, and the hashes of their earlier passwords."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.tables import password_history, users
from skylogin.database.transaction import Transaction
from skylogin.domain.password_policy import PasswordPolicy


class NewPassword(NamedTuple):
    """A hash that replaces *old_hash*, provided that it is still stored."""

    user_id: str
    new_hash: str
    old_hash: str | None
    now: datetime


async def change(tx: Transaction, app: str, new: NewPassword, policy: PasswordPolicy) -> bool:
    """Set a password, and drop earlier hashes that the policy does not need.

    Returns False if the old password has been changed meanwhile.
    """
    old = users.c.password_hash
    is_old = old.is_(None) if new.old_hash is None else old == new.old_hash
    if not await _set(tx, app, new, is_old):
        return False
    await remember(tx, app, new, policy)
    return True


async def put(tx: Transaction, app: str, new: NewPassword) -> None:
    """Set a password, without a check of the old one."""
    await _set(tx, app, new)


async def _set(tx: Transaction, app: str, new: NewPassword, *where: ColumnElement[bool]) -> int:
    valid_since = await tx.not_ahead(new.now)
    changed = await tx.connection.execute(
        update(users)
        .where(users.c.app == app, users.c.id == new.user_id, *where)
        .values(password_hash=new.new_hash, token_valid_since=valid_since)
    )
    return changed.rowcount


async def remember(tx: Transaction, app: str, new: NewPassword, policy: PasswordPolicy) -> None:
    """Add a password that was just set to the history, if the policy has one."""
    if not policy.keeps_history:
        return
    row = {
        "app": app,
        "user_id": new.user_id,
        "logged_at": new.now,
        "password_hash": new.new_hash,
    }
    await tx.connection.execute(dialect.insert_missing(password_history, tx.dialect), row)
    kept = await _load_remembered(tx, app, new.user_id, policy, new.now)
    oldest = min(row.logged_at for row in kept)
    await tx.connection.execute(
        delete(password_history).where(
            *_of_user(app, new.user_id), password_history.c.logged_at < oldest
        )
    )


async def load_remembered(
    tx: Transaction, app: str, user_id: str, policy: PasswordPolicy, now: datetime
) -> list[str]:
    """Return the hashes that a new password must not match, newest first."""
    return [row.password_hash for row in await _load_remembered(tx, app, user_id, policy, now)]


async def _load_remembered(
    tx: Transaction, app: str, user_id: str, policy: PasswordPolicy, now: datetime
) -> Sequence[Any]:
    """Return the last *history_size* hashes, or those of the last days: whichever are more."""
    newest_first = (
        select(password_history.c.logged_at, password_history.c.password_hash)
        .where(*_of_user(app, user_id))
        .order_by(password_history.c.logged_at.desc())
    )
    last: Sequence[Any] = []
    if policy.history_size > 0:
        last = (await tx.connection.execute(newest_first.limit(policy.history_size))).all()
    since = policy.remembered_since(now)
    if since is None:
        return last
    is_recent = password_history.c.logged_at >= since
    recent = (await tx.connection.execute(newest_first.where(is_recent))).all()
    return max(last, recent, key=len)


async def is_hash(tx: Transaction, app: str, user_id: str, hashed: str) -> bool:
    """Return whether the user's stored hash is exactly *hashed*."""
    query = select(users.c.id).where(
        users.c.app == app, users.c.id == user_id, users.c.password_hash == hashed
    )
    return (await tx.connection.execute(query)).first() is not None


def _of_user(app: str, user_id: str) -> tuple[ColumnElement[bool], ...]:
    return password_history.c.app == app, password_history.c.user_id == user_id
