"""An app as a whole, for tests: emptied, copied, put back. Keys and secrets stay as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Delete, bindparam, delete, insert, select

from skylogin.auth_keys import KeySet
from skylogin.store import apps
from skylogin.store.tables import apps as apps_table
from skylogin.store.tables import (
    auth_keys,
    custom_token_secrets,
    metadata,
    operator_sessions,
    settings,
)
from skylogin.store.transaction import Transaction
from skylogin.store.transfer import TABLES

Rows = Mapping[str, Sequence[Mapping[str, Any]]]

# How clients and issuers get in, and what the server has to remember.
_STAYING = {one.name for one in (apps_table, custom_token_secrets, operator_sessions, settings)}
_EMPTIED: tuple[Delete, ...] = tuple(
    delete(table).where(table.c.app == bindparam("app"))
    for table in metadata.sorted_tables
    if table.name not in _STAYING
)
# What happened to an app is no part of a copy: it begins anew.
_COPIED = (*TABLES.values(), auth_keys)
_INSERTS = {table.name: insert(table) for table in _COPIED}


async def empty(tx: Transaction, app: str) -> None:
    """Take away everything that clients, logins and operators left in *app*."""
    for statement in _EMPTIED:
        await tx.connection.execute(statement, {"app": app})
    tx.on_commit.append(lambda: tx.fields.forget(app))


async def reset(tx: Transaction, app: str, key_sets: Sequence[KeySet]) -> None:
    """Make *app* as it is when it is new."""
    await empty(tx, app)
    await apps.forget_prepared(tx, app)
    await apps.prepare(tx, app, key_sets)


async def copy(tx: Transaction, app: str) -> Rows:
    """Return the rows of *app* by table: all but its history, its keys and its secrets."""
    copied = {}
    for table in _COPIED:
        rows = await tx.connection.execute(select(table).where(table.c.app == app))
        copied[table.name] = [dict(row._mapping) for row in rows]
    return copied


async def put_back(tx: Transaction, app: str, rows: Rows) -> None:
    """Make *app* what it was when *rows* were copied; its history begins anew."""
    await empty(tx, app)
    for table in _COPIED:
        if rows[table.name]:
            await tx.connection.execute(_INSERTS[table.name], rows[table.name])
    tx.users_added += len(rows["users"])
