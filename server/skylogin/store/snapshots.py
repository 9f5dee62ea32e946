"""Reset, copy and restore a whole app, for tests. Its keys and secrets stay as they are."""

import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, delete, insert, select

from skylogin.database import dialect
from skylogin.database.tables import apps as apps_table
from skylogin.database.tables import (
    auth_keys,
    custom_token_secrets,
    limit_counts,
    metadata,
    operator_sessions,
    settings,
)
from skylogin.database.transaction import Transaction
from skylogin.domain.unique_keys import KeySet
from skylogin.store import apps
from skylogin.store.exports import TABLES

Rows = Mapping[str, Sequence[Mapping[str, Any]]]


class AppSnapshot(NamedTuple):
    """A new app: its rows by table, and the beginning of each table as text."""

    rows: Rows
    beginnings: Mapping[str, str | None]


# Keys and sessions of clients and operators, and what the server itself stores.
_KEPT = (apps_table, custom_token_secrets, limit_counts, operator_sessions, settings)
_EMPTIED = {table.name: table for table in metadata.sorted_tables if table not in _KEPT}
_DELETES = {
    name: delete(table).where(table.c.app == bindparam("app")) for name, table in _EMPTIED.items()
}
# A copy lacks the app's history: the login log, the counts and the audit log.
_COPIED = (*TABLES.values(), auth_keys)
_INSERTS = {table.name: insert(table) for table in _COPIED}


async def reset(
    tx: Transaction, app: str, key_sets: Sequence[KeySet], first: AppSnapshot | None = None
) -> tuple[AppSnapshot, Collection[str]]:
    """Make *app* new again, and return its snapshot and the names of the tables that changed.

    Pass the returned snapshot as *first* to the next reset. A test suite resets its app before
    each test, and most tests write to a few tables. Tables that still have exactly the rows of a
    new app are skipped.
    """
    if first is None:
        await empty(tx, app)
        await apps.forget_prepared(tx, app)
        await apps.prepare(tx, app, key_sets)
        rows = await copy(tx, app)
        return AppSnapshot(rows, await _load_beginnings(tx, app, rows)), _EMPTIED
    now = await _load_beginnings(tx, app, first.rows)
    changed = [name for name, beginning in first.beginnings.items() if now[name] != beginning]
    await _replace(tx, app, first.rows, changed)
    return first, changed


async def _load_beginnings(tx: Transaction, app: str, rows: Rows) -> dict[str, str | None]:
    """Return the first rows of each table as text, one more than the largest table in *rows*."""
    number = 1 + max(map(len, rows.values()))
    values = {"app": app, "number": number}
    row = (await tx.connection.execute(_beginnings(tx.dialect), values)).one()
    return dict(row._mapping)


@functools.cache
def _beginnings(dialect_name: str) -> Select[Any]:
    queries = {
        name: select(table)
        .where(table.c.app == bindparam("app"))
        .order_by(*table.primary_key)
        .limit(bindparam("number"))
        for name, table in _EMPTIED.items()
    }
    return select(
        *(
            dialect.as_one_row(query, dialect_name).scalar_subquery().label(name)
            for name, query in queries.items()
        )
    )


async def empty(tx: Transaction, app: str) -> None:
    """Delete everything that clients, logins and operators wrote to *app*."""
    await _replace(tx, app, {}, _EMPTIED)


async def copy(tx: Transaction, app: str) -> Rows:
    """Return the rows of *app* by table, without its history, keys and secrets."""
    copied = {}
    for table in _COPIED:
        query = select(table).where(table.c.app == app).order_by(*table.primary_key)
        rows = await tx.connection.execute(query)
        copied[table.name] = [dict(row._mapping) for row in rows]
    return copied


async def put_back(tx: Transaction, app: str, rows: Rows) -> None:
    """Restore *app* from a copy of its *rows*. Its history starts empty."""
    await _replace(tx, app, rows, _EMPTIED)


async def _replace(tx: Transaction, app: str, rows: Rows, names: Collection[str]) -> None:
    """Replace the rows of *app* in the tables called *names* with *rows*."""
    for name in names:
        await tx.connection.execute(_DELETES[name], {"app": app})
        if rows.get(name):
            await tx.connection.execute(_INSERTS[name], rows[name])
    if "users" in names:
        tx.users_added += len(rows.get("users", ()))
    if "record_fields" in names:
        tx.on_commit.append(lambda: tx.fields.forget(app))
