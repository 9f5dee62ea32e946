"""An app as a whole, for tests: emptied, copied, put back. Keys and secrets stay as they are."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select

from skylogin.database.tables import apps as apps_table
from skylogin.database.tables import (
    auth_keys,
    custom_token_secrets,
    metadata,
    operator_sessions,
    settings,
)
from skylogin.database.transaction import Transaction
from skylogin.domain.unique_keys import KeySet
from skylogin.store import apps
from skylogin.store.exports import TABLES

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class AppSnapshot:
    """An app as it was once, and how often each table had been written by then, where known."""

    rows: Rows
    writes: Counter[str] | None


# How clients and issuers get in, and what the server has to remember.
_STAYING = {one.name for one in (apps_table, custom_token_secrets, operator_sessions, settings)}
_EMPTIED = {
    table.name: delete(table).where(table.c.app == bindparam("app"))
    for table in metadata.sorted_tables
    if table.name not in _STAYING
}
# What happened to an app is no part of a copy: it begins anew.
_COPIED = (*TABLES.values(), auth_keys)
_INSERTS = {table.name: insert(table) for table in _COPIED}


async def empty(tx: Transaction, app: str, but: Collection[str] = ()) -> None:
    """Take away everything that clients, logins and operators left in *app*, *but* some tables."""
    for name, statement in _EMPTIED.items():
        if name not in but:
            await tx.connection.execute(statement, {"app": app})
    tx.on_commit.append(lambda: tx.fields.forget(app))


async def reset(
    tx: Transaction, app: str, key_sets: Sequence[KeySet], first: AppSnapshot | None = None
) -> AppSnapshot:
    """Make *app* as it is when it is new, and return that: it is *first* for the next time.

    Tests reset again and again. Putting rows back takes a third of making them, and most
    tables nobody has written since.
    """
    if first is None:
        await empty(tx, app)
        await apps.forget_prepared(tx, app)
        await apps.prepare(tx, app, key_sets)
        rows = await copy(tx, app)
    else:
        rows = first.rows
        await put_back(tx, app, rows, _unwritten(tx, first))
    return AppSnapshot(rows, None if tx.writes is None else tx.writes.copy())


def _unwritten(tx: Transaction, world: AppSnapshot) -> Collection[str]:
    """Return the tables that are as they were in *world*, as far as that is known."""
    before, now = world.writes, tx.writes
    if before is None or now is None:
        return ()
    return {name for name in _EMPTIED if before[name] == now[name]}


async def copy(tx: Transaction, app: str) -> Rows:
    """Return the rows of *app* by table: all but its history, its keys and its secrets."""
    copied = {}
    for table in _COPIED:
        rows = await tx.connection.execute(select(table).where(table.c.app == app))
        copied[table.name] = [dict(row._mapping) for row in rows]
    return copied


async def put_back(tx: Transaction, app: str, rows: Rows, but: Collection[str] = ()) -> None:
    """Make *app* what it was when *rows* were copied; its history begins anew.

    *but* some tables, which are as they were then.
    """
    await empty(tx, app, but)
    for table in _COPIED:
        if rows[table.name] and table.name not in but:
            await tx.connection.execute(_INSERTS[table.name], rows[table.name])
    tx.users_added += len(rows["users"])
