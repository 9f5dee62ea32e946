"""Users and their records: loaded together; only changes are saved."""

import functools
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Insert, Select, Update, delete, select, update
from sqlalchemy.sql import and_, bindparam
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.tables import (
    auth_keys,
    devices,
    password_history,
    principals,
    records,
    user_roles,
    users,
)
from skylogin.database.transaction import Transaction
from skylogin.domain.user import Record, User
from skylogin.encoding import rfc3339
from skylogin.store import fields, record_rows
from skylogin.store.principals import OF_CUSTOM_TOKENS


async def load(
    tx: Transaction, app: str, user_ids: Collection[str], *, lock: bool = False
) -> dict[str, User]:
    """Return the users that exist, by id; with *lock*, locked against changes."""
    values = {"rows": [{"app": app, "id": user_id} for user_id in sorted(user_ids)]}
    if lock:
        # A separate statement: only the next one sees what the holder of the lock wrote.
        await tx.connection.execute(_lock_users(tx.dialect), values)
    rows = await tx.fetch(_users_by_id(tx.dialect), values)
    found = {row[0]: read_user(row) for row in rows}
    await fields.load_of_records(tx, app, (user.record for user in found.values() if user.record))
    return found


async def load_with_subjects(
    tx: Transaction, app: str, user_ids: Collection[str]
) -> tuple[dict[str, User], dict[str, str]]:
    """Return the users that exist, and the subjects of those that have one, both by id."""
    values = {"rows": [{"app": app, "id": user_id} for user_id in sorted(user_ids)]}
    rows = await tx.fetch(_users_with_subjects(tx.dialect), values)
    found = {row[1]: read_user(row[1:]) for row in rows}
    await fields.load_of_records(tx, app, (user.record for user in found.values() if user.record))
    return found, {row[1]: row[0] for row in rows if row[0] is not None}


@functools.cache
def _lock_users(dialect_name: str) -> Select[Any]:
    query = select(users.c.id).where(*_of_ids(dialect_name))
    return dialect.locked(query, users.c.id, [users], dialect_name)


@functools.cache
def _users_by_id(dialect_name: str) -> Select[Any]:
    return query_users(dialect_name).where(*_of_ids(dialect_name))


@functools.cache
def _users_with_subjects(dialect_name: str) -> Select[Any]:
    # Not in `query_users`: a login already knows the subject.
    subject = (
        select(principals.c.principal)
        .where(
            principals.c.app == users.c.app,
            principals.c.user_id == users.c.id,
            *OF_CUSTOM_TOKENS,
        )
        .scalar_subquery()
    )
    return query_users(dialect_name, subject.label("subject")).where(*_of_ids(dialect_name))


def _of_ids(dialect_name: str) -> list[ColumnElement[bool]]:
    return dialect.is_in_rows("rows", dialect_name, *users.primary_key)


async def load_after(tx: Transaction, app: str, last: str, number: int) -> list[User]:
    """Return *number* users in the order of their ids, after the id *last*."""
    values = {"of": app, "last": last, "number": number}
    return [read_user(row) for row in await tx.fetch(_users_after(tx.dialect), values)]


@functools.cache
def _users_after(dialect_name: str) -> Select[Any]:
    query = query_users(dialect_name)
    is_after = users.c.app == bindparam("of"), users.c.id > bindparam("last")
    return query.where(*is_after).order_by(users.c.id).limit(bindparam("number"))


async def load_records(tx: Transaction, app: str, user_ids: Collection[str]) -> dict[str, Record]:
    """Return the user records that exist, even if their users do not."""
    if not user_ids:
        return {}
    values = {"rows": [{"app": app, "id": user_id} for user_id in sorted(user_ids)]}
    rows = await tx.fetch(_records_by_id(tx.dialect), values)
    return {row[0]: Record(*row) for row in rows}


@functools.cache
def _records_by_id(dialect_name: str) -> Select[Any]:
    is_wanted = dialect.is_in_rows("rows", dialect_name, records.c.app, records.c.id)
    query = select(*record_rows.COLUMNS).where(*is_wanted, *record_rows.OF_USERS)
    return dialect.locked(query, records.c.id, [records], dialect_name)


def query_users(dialect_name: str, *more: Any, with_record: bool = False) -> Select[Any]:
    """Return the query for users of any app; `read_user` reads its rows.

    *with_record* leaves out users without a record, because an outer join cannot be locked.
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
                *record_rows.OF_USERS,
                records.c.id == users.c.id,
            ),
            isouter=not with_record,
        )
    )


async def save(
    tx: Transaction,
    app: str,
    before: Mapping[str, User | None],
    after: Mapping[str, User],
    record_only: Collection[str] = (),
) -> None:
    """Save the differences between *before* and *after*: new rows and changed columns.

    Of the new users in *record_only*, only the record was stored.
    """
    new_users, new_roles, new_records, seen, changed_records = [], [], [], [], []
    for user_id, user in after.items():
        old, record = before.get(user_id), user.record
        if old is None:
            new_users.append(await _user_row(tx, app, user))
            new_roles += [{"app": app, "user_id": user_id, "role": role} for role in user.roles]
        elif user.last_seen_at is not None:
            seen.append(_seen_row(app, user_id, user.last_seen_at))
        if old is not None and old.disabled and not user.disabled:
            await set_disabled(tx, app, user)
        has_record = user_id in record_only or (old is not None and old.record is not None)
        if record is not None and not has_record:
            new_records.append(record)
        elif record is not None:
            changed_records.append(record)
    tx.users_added += len(new_users)
    tx.defer_write(_insert_users(tx.dialect), "new_users", new_users)
    insert_roles = dialect.insert_rows(user_roles, "new_roles", tx.dialect)
    tx.defer_write(insert_roles, "new_roles", new_roles)
    tx.defer_write(_update_seen(tx.dialect), "seen", seen)
    record_rows.write(tx, app, new_records, changed_records)


async def see(tx: Transaction, app: str, seen: Mapping[str, datetime]) -> None:
    """Set the time at which users were last seen."""
    rows = [_seen_row(app, user_id, moment) for user_id, moment in sorted(seen.items())]
    await tx.connection.execute(_update_seen(tx.dialect), {"seen": rows})


async def make_missing(tx: Transaction, app: str, wanted: User) -> User:
    """Make the user *wanted*, or only its record, if missing.

    Returns the stored user.
    """
    before = (await load(tx, app, [wanted.id], lock=True)).get(wanted.id)
    if before is None:
        row = await _user_row(tx, app, wanted)
        await tx.connection.execute(_insert_users(tx.dialect), {"new_users": [row]})
    if wanted.record is not None and (before is None or before.record is None):
        record_rows.write(tx, app, [wanted.record], [])
        await tx.finish()
    return (await load(tx, app, [wanted.id]))[wanted.id]


async def clear_ended_disabling(
    tx: Transaction, app: str, user_ids: Collection[str], now: datetime
) -> None:
    """Enable the users in *user_ids* whose disabling has expired at *now*."""
    await tx.connection.execute(
        update(users)
        .where(
            *_of_ids(tx.dialect),
            users.c.disabled,
            users.c.disabled_expiry <= now,
        )
        .values(disabled=False, disabled_message=None, disabled_expiry=None),
        {"rows": [{"app": app, "id": user_id} for user_id in sorted(user_ids)]},
    )


async def set_disabled(tx: Transaction, app: str, user: User) -> bool:
    """Save whether, until when and with what message *user* is disabled.

    Returns False if the user does not exist.
    """
    values = {
        "of": app,
        "who": user.id,
        "disabled": user.disabled,
        "disabled_message": user.disabled_message,
        "disabled_expiry": user.disabled_expiry,
    }
    return (await tx.connection.execute(_SET_DISABLED, values)).rowcount > 0


_SET_DISABLED = (
    update(users)
    .where(users.c.app == bindparam("of"), users.c.id == bindparam("who"))
    .values({name: bindparam(name) for name in ("disabled", "disabled_message", "disabled_expiry")})
)


async def sign_out(tx: Transaction, app: str, user_id: str, now: datetime) -> bool:
    """Revoke access tokens issued until *now*. Returns False if the user does not exist.

    Tokens count whole seconds, so a token issued later within this second is revoked too.
    """
    moment = (await tx.not_ahead(now)).replace(microsecond=0) + timedelta(seconds=1)
    changed = await tx.connection.execute(
        update(users)
        .where(users.c.app == app, users.c.id == user_id)
        .values(token_valid_since=moment)
    )
    return changed.rowcount > 0


async def remove(tx: Transaction, app: str, user_id: str) -> None:
    """Remove a user and what belongs to them; records of other types stay."""
    for table in (user_roles, password_history, principals, auth_keys, devices):
        await tx.connection.execute(
            delete(table).where(table.c.app == app, table.c.user_id == user_id)
        )
    await tx.connection.execute(
        delete(records).where(records.c.app == app, *record_rows.OF_USERS, records.c.id == user_id)
    )
    await tx.connection.execute(delete(users).where(users.c.app == app, users.c.id == user_id))


def read_user(columns: Sequence[Any]) -> User:
    """Return the user in a row of `query_users`."""
    user, record, their_roles = columns[:7], columns[7:-1], columns[-1]
    return User(
        user[0],
        Record(*record) if record[0] is not None else None,
        tuple(sorted(their_roles or ())),
        *user[1:],
    )


async def _user_row(tx: Transaction, app: str, user: User) -> dict[str, Any]:
    valid_since = user.token_valid_since
    return {
        "app": app,
        "id": user.id,
        "password_hash": user.password_hash,
        "token_valid_since": _stored(valid_since and await tx.not_ahead(valid_since)),
        "last_seen_at": _stored(user.last_seen_at),
        "disabled": user.disabled,
    }


def _stored(moment: datetime | None) -> str | None:
    return rfc3339.stored(moment) if moment else None


def _seen_row(app: str, user_id: str, moment: datetime) -> dict[str, Any]:
    return {"app": app, "id": user_id, "last_seen_at": rfc3339.stored(moment)}


def _insert_users(dialect_name: str) -> Insert:
    columns = ("app", "id", "password_hash", "token_valid_since", "last_seen_at", "disabled")
    return dialect.insert_rows(users, "new_users", dialect_name, columns)


def _update_seen(dialect_name: str) -> Update:
    return dialect.update_rows(users, "seen", dialect_name, ("last_seen_at",))


# In the order of the fields of User, and of Record.
_USER_COLUMNS = (
    users.c.id,
    users.c.password_hash,
    users.c.token_valid_since,
    users.c.last_seen_at,
    users.c.disabled,
    users.c.disabled_message,
    users.c.disabled_expiry,
    *record_rows.COLUMNS,
)
