"""Users and their records: loaded together, saved by what changed."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.sql import and_, bindparam

from skylogin.store import dialect, fields
from skylogin.store.tables import records, roles, user_roles, users
from skylogin.store.transaction import PUBLIC, USER_TYPE, Transaction
from skylogin.user import Record, User


async def load(
    tx: Transaction, app: str, user_ids: Collection[str], *, lock: bool = False
) -> dict[str, User]:
    """Return the users that are there, by id; with *lock* nobody else changes them."""
    if lock:
        # A statement of its own: only the next one sees what the holder of the lock wrote.
        ids = select(users.c.id).where(
            users.c.app == app, dialect.among(users.c.id, user_ids, tx.dialect)
        )
        await tx.connection.execute(ids.order_by(users.c.id).with_for_update())
    query = query_users(app, tx.dialect).where(dialect.among(users.c.id, user_ids, tx.dialect))
    found = {row.id: read_user(row) for row in await tx.connection.execute(query)}
    names = {name for user in found.values() if user.record for name in user.record.data}
    await fields.load(tx, app, USER_TYPE, names)
    return found


def query_users(
    app: str, dialect_name: str, *more: Any, with_record: bool = False
) -> Select[Any]:
    """Return the query for users with their records and roles; `read_user` reads its rows.

    *with_record* leaves out users who have none, so that records can be locked.
    """
    their_roles = (
        select(dialect.list_of(user_roles.c.role, dialect_name))
        .where(user_roles.c.app == users.c.app, user_roles.c.user_id == users.c.id)
        .scalar_subquery()
    )
    return (
        select(*more, *_USER_COLUMNS, their_roles.label("roles"))
        .select_from(users)
        .join(
            records,
            and_(
                records.c.app == users.c.app,
                records.c.database_id == PUBLIC,
                records.c.type == USER_TYPE,
                records.c.id == users.c.id,
            ),
            isouter=not with_record,
        )
        .where(users.c.app == app)
    )


async def save(
    tx: Transaction, app: str, before: Mapping[str, User | None], after: Mapping[str, User]
) -> None:
    """Save what *after* has that *before* has not: rows that are new, columns that changed."""
    added, seen = [], {}
    for user_id, user in after.items():
        old = before.get(user_id)
        if old is None:
            added.append(_user_row(app, user))
            continue
        seen[user_id] = user.last_seen_at
        if old.disabled and not user.disabled:
            await set_disabled(tx, app, user)
    if added:
        await tx.connection.execute(insert(users), added)
    await see(tx, app, seen)
    await _save_records(tx, app, before, after)


async def _save_records(
    tx: Transaction, app: str, before: Mapping[str, User | None], after: Mapping[str, User]
) -> None:
    added, changed = [], []
    for user_id, user in after.items():
        old, new = before.get(user_id), user.record
        if new is None:
            continue
        if old is None or old.record is None:
            added.append(_record_row(app, new))
        else:
            changed.append(
                {"a": app, "i": new.id, "t": new.updated_at, "b": new.updated_by, "d": new.data}
            )
    if added:
        await tx.connection.execute(insert(records), added)
    if changed:
        await tx.connection.execute(_UPDATE_RECORD, changed)


async def see(tx: Transaction, app: str, seen: Mapping[str, datetime | None]) -> None:
    """Set the time at which users were last seen."""
    if seen:
        rows = [{"a": app, "i": user_id, "t": moment} for user_id, moment in sorted(seen.items())]
        await tx.connection.execute(_UPDATE_SEEN, rows)


async def make_missing(tx: Transaction, app: str, wanted: User) -> User:
    """Make the row and the record that *wanted* has, where they are missing.

    Returns the user as stored then.
    """
    before = (await load(tx, app, [wanted.id], lock=True)).get(wanted.id)
    if before is None:
        await tx.connection.execute(insert(users), _user_row(app, wanted))
    if wanted.record is not None and (before is None or before.record is None):
        await tx.connection.execute(insert(records), _record_row(app, wanted.record))
    return (await load(tx, app, [wanted.id]))[wanted.id]


async def clear_ended_disabling(
    tx: Transaction, app: str, user_ids: Collection[str], now: datetime
) -> None:
    """Clear the disabling of those of *user_ids* whose period is over at *now*."""
    await tx.connection.execute(
        update(users)
        .where(
            users.c.app == app,
            dialect.among(users.c.id, user_ids, tx.dialect),
            users.c.disabled,
            users.c.disabled_expiry <= now,
        )
        .values(disabled=False, disabled_message=None, disabled_expiry=None)
    )


async def set_disabled(tx: Transaction, app: str, user: User) -> bool:
    """Save whether, until when and with what message *user* is disabled.

    Returns False where there is no such user.
    """
    changed = await tx.connection.execute(
        update(users)
        .where(users.c.app == app, users.c.id == user.id)
        .values(
            disabled=user.disabled,
            disabled_message=user.disabled_message,
            disabled_expiry=user.disabled_expiry,
        )
    )
    return changed.rowcount > 0


async def load_admin_roles(tx: Transaction, app: str) -> frozenset[str]:
    """Return the roles that may do what only admins may."""
    query = select(roles.c.id).where(roles.c.app == app, roles.c.is_admin)
    return frozenset(row.id for row in await tx.connection.execute(query))


def read_user(row: Row[Any]) -> User:
    """Return the user of a row of `query_users`."""
    record = None
    if row.record_id is not None:
        record = Record(
            id=row.record_id,
            owner_id=row.owner_id,
            access=row.access,
            created_at=row.created_at,
            created_by=row.created_by,
            updated_at=row.updated_at,
            updated_by=row.updated_by,
            data=row.data,
        )
    return User(
        id=row.id,
        record=record,
        roles=tuple(row.roles or ()),
        has_password=row.password_hash is not None,
        token_valid_since=row.token_valid_since,
        last_seen_at=row.last_seen_at,
        disabled=row.disabled,
        disabled_message=row.disabled_message,
        disabled_expiry=row.disabled_expiry,
    )


def _user_row(app: str, user: User) -> dict[str, Any]:
    return {
        "app": app,
        "id": user.id,
        "last_seen_at": user.last_seen_at,
        "disabled": user.disabled,
        "disabled_message": user.disabled_message,
        "disabled_expiry": user.disabled_expiry,
    }


def _record_row(app: str, record: Record) -> dict[str, Any]:
    return {
        "app": app,
        "database_id": PUBLIC,
        "type": USER_TYPE,
        "id": record.id,
        "owner_id": record.owner_id,
        "access": record.access,
        "created_at": record.created_at,
        "created_by": record.created_by,
        "updated_at": record.updated_at,
        "updated_by": record.updated_by,
        "data": record.data,
    }


_USER_COLUMNS = (
    users.c.id,
    users.c.password_hash,
    users.c.token_valid_since,
    users.c.last_seen_at,
    users.c.disabled,
    users.c.disabled_message,
    users.c.disabled_expiry,
    records.c.id.label("record_id"),
    records.c.owner_id,
    records.c.access,
    records.c.created_at,
    records.c.created_by,
    records.c.updated_at,
    records.c.updated_by,
    records.c.data,
)
_UPDATE_SEEN = (
    update(users)
    .where(users.c.app == bindparam("a"), users.c.id == bindparam("i"))
    .values(last_seen_at=bindparam("t"))
)
_UPDATE_RECORD = (
    update(records)
    .where(
        records.c.app == bindparam("a"),
        records.c.database_id == PUBLIC,
        records.c.type == USER_TYPE,
        records.c.id == bindparam("i"),
    )
    .values(updated_at=bindparam("t"), updated_by=bindparam("b"), data=bindparam("d"))
)
