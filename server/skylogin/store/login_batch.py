"""What a batch of logins reads and writes."""

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Text, delete, select
from sqlalchemy.sql import and_, bindparam
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.tables import auth_keys, principals, records
from skylogin.database.tables import users as users_table
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain import login
from skylogin.domain.login import LoginAttempt, LoginChanges, LoginSnapshot
from skylogin.domain.profile import references
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.unique_keys import KeySet, UniqueKey, keys_of
from skylogin.domain.user import Account
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import RetryTransaction
from skylogin.store import fields, users
from skylogin.store.principals import OF_CUSTOM_TOKENS


async def load(
    tx: Transaction, app: str, attempts: Sequence[LoginAttempt], key_sets: tuple[KeySet, ...]
) -> LoginSnapshot:
    """Return what is stored about the subjects of *attempts*; their users stay locked."""
    subjects = {attempt.subject for attempt in attempts}
    accounts = await load_accounts(tx, app, subjects)
    known, owners = await _load_fields_and_owners(tx, app, attempts, accounts, key_sets)
    while any(owners.values()) and (missing := subjects - set(accounts)):
        # Between the two queries, another node may have added a principal and its keys, and
        # yet another one during the next two.
        appeared = await load_accounts(tx, app, missing)
        accounts |= appeared
        before = owners
        known, owners = await _load_fields_and_owners(tx, app, attempts, accounts, key_sets)
        if not appeared and owners == before:
            # No user was deleted either, so the keys belong to other users.
            break
    return await _snapshot(tx, app, attempts, accounts, known, owners, key_sets)


async def find_user_id(
    tx: Transaction, app: str, key_set: KeySet, auth_data: Mapping[str, JsonValue]
) -> str | None:
    """Return the id of the user whose unique key *key_set* has the values of *auth_data*."""
    known = await fields.load(tx, app, USER_TYPE, key_set)
    wanted = keys_of(auth_data, (key_set,), known)
    owners = await load_key_owners(tx, app, wanted)
    return next(iter(owners.values()), None)


async def load_one(
    tx: Transaction,
    app: str,
    attempt: LoginAttempt,
    account: Account | None,
    key_sets: tuple[KeySet, ...],
) -> LoginSnapshot:
    """Return what a login needs for *attempt*, whose *account* the caller has loaded."""
    accounts = {attempt.subject: account} if account else {}
    return await load_with_accounts(tx, app, [attempt], accounts, key_sets)


async def load_with_accounts(
    tx: Transaction,
    app: str,
    attempts: Sequence[LoginAttempt],
    accounts: dict[str, Account],
    key_sets: tuple[KeySet, ...],
) -> LoginSnapshot:
    """Return what logins need for *attempts*, whose *accounts* the caller has loaded."""
    known, owners = await _load_fields_and_owners(tx, app, attempts, accounts, key_sets)
    return await _snapshot(tx, app, attempts, accounts, known, owners, key_sets)


async def _snapshot(  # noqa: PLR0913, PLR0917
    tx: Transaction,
    app: str,
    attempts: Sequence[LoginAttempt],
    accounts: dict[str, Account],
    known: FieldMap,
    owners: dict[UniqueKey, str | None],
    key_sets: tuple[KeySet, ...],
) -> LoginSnapshot:
    referred = {
        pair for attempt in attempts if attempt.profile for pair in references(attempt.profile)
    }
    return LoginSnapshot(
        accounts=accounts,
        fields=known,
        key_owners=owners,
        key_sets=key_sets,
        existing=await _load_existing(tx, app, referred),
    )


async def _load_fields_and_owners(
    tx: Transaction,
    app: str,
    attempts: Sequence[LoginAttempt],
    accounts: Mapping[str, Account],
    key_sets: tuple[KeySet, ...],
) -> tuple[FieldMap, dict[UniqueKey, str | None]]:
    """Return the fields that *attempts* and *accounts* use, and the owners of their keys."""
    names = {name for attempt in attempts for name in attempt.profile or ()}
    for account in accounts.values():
        record = login.stored_record(account)
        names.update(record.data if record else ())
    known = await fields.load(tx, app, USER_TYPE, names)
    wanted = login.wanted_keys(attempts, accounts, known, key_sets)
    return known, await load_key_owners(tx, app, wanted)


async def load_accounts(tx: Transaction, app: str, subjects: Collection[str]) -> dict[str, Account]:
    """Return the existing accounts of *subjects*; their users stay locked."""
    values = {"rows": [{"app": app, "subject": subject} for subject in sorted(subjects)]}
    rows = await tx.fetch(_accounts(tx.dialect), values)
    accounts = {row[0]: Account(row[1], users.read_user(row[1:])) for row in rows}
    missing = set(subjects) - set(accounts)
    return accounts | await _load_broken(tx, app, missing) if missing else accounts


@functools.cache
def _accounts(dialect_name: str) -> Select[Any]:
    """Return the query for users with records by subject, locked in order of id."""
    query = (
        users.query_users(dialect_name, principals.c.principal, with_record=True)
        .join(
            principals,
            and_(principals.c.app == users_table.c.app, principals.c.user_id == users_table.c.id),
        )
        .where(*_of_subjects(dialect_name))
    )
    return dialect.locked(query, users_table.c.id, [users_table, records], dialect_name)


async def load_subjects(tx: Transaction, app: str, user_ids: Collection[str]) -> dict[str, str]:
    """Return the subjects of the users *user_ids* that have one, by user id."""
    values = {"rows": [{"app": app, "id": user_id} for user_id in sorted(user_ids)]}
    rows = await tx.connection.execute(_subjects(tx.dialect), values)
    return {row.user_id: row.principal for row in rows}


@functools.cache
def _subjects(dialect_name: str) -> Select[Any]:
    row = dialect.json_rows("rows", dialect_name, app=Text, id=Text)
    return select(principals.c.user_id, principals.c.principal).where(
        principals.c.app == row["app"],
        *OF_CUSTOM_TOKENS,
        principals.c.user_id == row["id"],
    )


async def _load_broken(tx: Transaction, app: str, subjects: Collection[str]) -> dict[str, Account]:
    """Return the accounts whose user or record is gone; they keep their user id."""
    values = {"rows": [{"app": app, "subject": subject} for subject in sorted(subjects)]}
    rows = (await tx.connection.execute(_mappings(tx.dialect), values)).all()
    if not rows:
        return {}
    found = await users.load(tx, app, {row.user_id for row in rows}, lock=True)
    if len(found) < len(rows):
        again = (await tx.connection.execute(_mappings(tx.dialect), values)).all()
        if set(again) != set(rows):
            # A user and its principal were deleted between the two queries.
            raise RetryTransaction
    orphans = await users.load_records(tx, app, {row.user_id for row in rows} - set(found))
    return {
        row.principal: Account(row.user_id, found.get(row.user_id), orphans.get(row.user_id))
        for row in rows
    }


@functools.cache
def _mappings(dialect_name: str) -> Select[Any]:
    return select(principals.c.principal, principals.c.user_id).where(*_of_subjects(dialect_name))


def _of_subjects(dialect_name: str) -> tuple[ColumnElement[bool], ...]:
    row = dialect.json_rows("rows", dialect_name, app=Text, subject=Text)
    return (
        principals.c.app == row["app"],
        *OF_CUSTOM_TOKENS,
        principals.c.principal == row["subject"],
    )


async def load_key_owners(
    tx: Transaction, app: str, wanted: Collection[UniqueKey]
) -> dict[UniqueKey, str | None]:
    """Return the user id of the owner of each key in *wanted*, None if the key is free."""
    owners: dict[UniqueKey, str | None] = dict.fromkeys(wanted)
    if wanted:
        values = [{"app": app, "key": key.name, "folded": key.folded} for key in sorted(wanted)]
        for row in await tx.connection.execute(_key_owners(tx.dialect), {"rows": values}):
            owners[UniqueKey(row.key, row.folded)] = row.user_id
    return owners


async def _load_existing(
    tx: Transaction, app: str, referred: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    if not referred:
        return frozenset()
    values = [{"app": app, "type": kind, "id": key} for kind, key in sorted(referred)]
    rows = await tx.connection.execute(_existing(tx.dialect), {"rows": values})
    return frozenset((row.type, row.id) for row in rows)


@functools.cache
def _key_owners(dialect_name: str) -> Select[Any]:
    row = dialect.json_rows("rows", dialect_name, app=Text, key=Text, folded=Text)
    return select(auth_keys.c.key, auth_keys.c.folded, auth_keys.c.user_id).where(
        auth_keys.c.app == row["app"],
        auth_keys.c.key == row["key"],
        auth_keys.c.folded == row["folded"],
    )


@functools.cache
def _existing(dialect_name: str) -> Select[Any]:
    row = dialect.json_rows("rows", dialect_name, app=Text, type=Text, id=Text)
    return select(records.c.type, records.c.id).where(
        records.c.app == row["app"],
        records.c.database_id == PUBLIC_DATABASE,
        records.c.type == row["type"],
        records.c.id == row["id"],
    )


async def save(tx: Transaction, app: str, changes: LoginChanges) -> None:
    """Save changed users, and new fields, principals and keys."""
    if changes.fields:
        await fields.add(tx, app, USER_TYPE, changes.fields)
    await users.save(tx, app, changes.before, changes.after, changes.record_only)
    made = [
        {
            "app": app,
            "kind": principal.kind,
            "provider": principal.provider,
            "principal": principal.id,
            "user_id": principal.user_id,
            "created_at": rfc3339.stored(principal.created_at),
        }
        for principal in changes.principals
    ]
    insert = dialect.insert_rows(principals, "new_principals", tx.dialect)
    tx.defer_write(insert, "new_principals", made)
    await save_keys(tx, app, changes.released, changes.key_owners)


async def save_keys(
    tx: Transaction,
    app: str,
    released: Collection[UniqueKey],
    owners: Mapping[UniqueKey, str | None],
) -> None:
    """Delete the keys *released*, and add those of *owners*."""
    if released:
        gone = [{"a": app, "k": key.name, "f": key.folded} for key in sorted(released)]
        await tx.connection.execute(_DELETE_KEY, gone)
    rows = [
        {"app": app, "key": key.name, "folded": key.folded, "user_id": owner}
        for key, owner in sorted(owners.items())
        if owner is not None
    ]
    insert = dialect.insert_rows(auth_keys, "new_keys", tx.dialect)
    tx.defer_write(insert, "new_keys", rows)


_DELETE_KEY = delete(auth_keys).where(
    auth_keys.c.app == bindparam("a"),
    auth_keys.c.key == bindparam("k"),
    auth_keys.c.folded == bindparam("f"),
)
