"""What a batch of logins needs to know, and what it changes."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.sql import and_, bindparam
from sqlalchemy.sql.elements import ColumnElement

from skylogin import login
from skylogin.auth_keys import AuthKey, KeySet
from skylogin.login import Attempt, Changes, Snapshot
from skylogin.profile import references
from skylogin.store import dialect, fields, users
from skylogin.store.tables import auth_keys, principals, records
from skylogin.store.tables import users as users_table
from skylogin.store.transaction import PUBLIC, USER_TYPE, Transaction
from skylogin.user import Account


async def load(
    tx: Transaction, app: str, attempts: Sequence[Attempt], key_sets: tuple[KeySet, ...]
) -> Snapshot:
    """Return what is stored about everything in *attempts*; the users stay locked."""
    accounts = await _load_accounts(tx, app, {attempt.claims.subject for attempt in attempts})
    names = {name for attempt in attempts for name in attempt.claims.profile}
    for account in accounts.values():
        if account.user and account.user.record:
            names.update(account.user.record.data)
    known = await fields.load(tx, app, USER_TYPE, names)
    wanted = login.wanted_keys(attempts, accounts, known, key_sets)
    referred = {pair for attempt in attempts for pair in references(attempt.claims.profile)}
    return Snapshot(
        accounts=accounts,
        fields=known,
        key_owners=await _load_key_owners(tx, app, wanted),
        key_sets=key_sets,
        existing=await _load_existing(tx, app, referred),
    )


async def _load_accounts(
    tx: Transaction, app: str, subjects: Collection[str]
) -> dict[str, Account]:
    query = (
        users.query_users(app, tx.dialect, principals.c.principal, with_record=True)
        .join(
            principals,
            and_(
                principals.c.app == users_table.c.app, principals.c.user_id == users_table.c.id
            ),
        )
        .where(*_principals_of(app, subjects, tx.dialect))
        .order_by(users_table.c.id)
        .with_for_update(of=[users_table, records])
    )
    rows = await tx.connection.execute(query)
    accounts = {row.principal: Account(row.id, users.read_user(row)) for row in rows}
    missing = set(subjects) - set(accounts)
    return accounts | await _load_broken(tx, app, missing) if missing else accounts


async def _load_broken(tx: Transaction, app: str, subjects: Collection[str]) -> dict[str, Account]:
    """Return the principals whose user or record is gone: the id is kept for them."""
    query = select(principals.c.principal, principals.c.user_id).where(
        *_principals_of(app, subjects, tx.dialect)
    )
    rows = (await tx.connection.execute(query)).all()
    if not rows:
        return {}
    found = await users.load(tx, app, {row.user_id for row in rows}, lock=True)
    return {row.principal: Account(row.user_id, found.get(row.user_id)) for row in rows}


def _principals_of(
    app: str, subjects: Collection[str], dialect_name: str
) -> tuple[ColumnElement[bool], ...]:
    return (
        principals.c.app == app,
        principals.c.kind == login.KIND,
        principals.c.provider == "",
        dialect.among(principals.c.principal, subjects, dialect_name),
    )


async def _load_key_owners(
    tx: Transaction, app: str, wanted: Collection[AuthKey]
) -> dict[AuthKey, str | None]:
    owners: dict[AuthKey, str | None] = dict.fromkeys(wanted)
    by_name: dict[str, list[str]] = {}
    for key in wanted:
        by_name.setdefault(key.name, []).append(key.folded)
    for name, folded in by_name.items():
        query = select(auth_keys.c.folded, auth_keys.c.user_id).where(
            auth_keys.c.app == app,
            auth_keys.c.key == name,
            dialect.among(auth_keys.c.folded, folded, tx.dialect),
        )
        for row in await tx.connection.execute(query):
            owners[AuthKey(name, row.folded)] = row.user_id
    return owners


async def _load_existing(
    tx: Transaction, app: str, referred: Collection[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    by_type: dict[str, list[str]] = {}
    for record_type, key in referred:
        by_type.setdefault(record_type, []).append(key)
    found = set()
    for record_type, keys in by_type.items():
        query = select(records.c.id).where(
            records.c.app == app,
            records.c.database_id == PUBLIC,
            records.c.type == record_type,
            dialect.among(records.c.id, keys, tx.dialect),
        )
        found |= {(record_type, row.id) for row in await tx.connection.execute(query)}
    return frozenset(found)


async def save(tx: Transaction, app: str, changes: Changes) -> None:
    """Save the difference between users before and after, and what is new."""
    if changes.fields:
        await fields.add(tx, app, USER_TYPE, changes.fields)
    await users.save(tx, app, changes.before, changes.after)
    if changes.principals:
        rows = [
            {
                "app": app,
                "kind": principal.kind,
                "provider": principal.provider,
                "principal": principal.id,
                "user_id": principal.user_id,
                "created_at": principal.created_at,
            }
            for principal in changes.principals
        ]
        await tx.connection.execute(insert(principals), rows)
    await _save_keys(tx, app, changes)


async def _save_keys(tx: Transaction, app: str, changes: Changes) -> None:
    if changes.released:
        gone = [{"a": app, "k": key.name, "f": key.folded} for key in sorted(changes.released)]
        await tx.connection.execute(_DELETE_KEY, gone)
    rows = [
        {"app": app, "key": key.name, "folded": key.folded, "user_id": owner}
        for key, owner in sorted(changes.key_owners.items())
        if owner is not None
    ]
    if rows:
        await tx.connection.execute(insert(auth_keys), rows)


_DELETE_KEY = delete(auth_keys).where(
    auth_keys.c.app == bindparam("a"),
    auth_keys.c.key == bindparam("k"),
    auth_keys.c.folded == bindparam("f"),
)
