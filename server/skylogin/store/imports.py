"""Imports: the rows an app already has, writing and removing rows, and the progress of imports.

Rows are as in an export: JSON values without nulls, times in stored form.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal, select, update

from skylogin.database import dialect, json_members
from skylogin.database.tables import auth_keys, imports, records, users
from skylogin.database.transaction import Transaction
from skylogin.domain.skygear import Row
from skylogin.domain.unique_keys import UniqueKey
from skylogin.encoding.json_text import JsonValue
from skylogin.store import exports, table_rows
from skylogin.store.exports import TABLES
from skylogin.store.table_rows import OTHER_KEYS

Key = tuple[JsonValue, ...]
RUNS_KEPT = 100


@dataclass(frozen=True, slots=True)
class ImportRun:
    """An import; without *finished_at*, it is still running or was killed."""

    id: str
    origin: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    done: int
    total: int
    report: Mapping[str, Any] | None


def key_names(table_name: str) -> tuple[str, ...]:
    """Return the names of the primary key's columns, without the app."""
    return tuple(column.name for column in table_rows.key_of(TABLES[table_name]))


def key_of(row: Mapping[str, JsonValue], names: Iterable[str]) -> Key:
    """Return the values of a row in the columns *names*."""
    return tuple(row.get(name) for name in names)


async def has_rows(tx: Transaction, app: str, table_name: str) -> bool:
    """Return whether the app has any row in a table."""
    table = TABLES[table_name]
    query = select(literal(1)).select_from(table).where(table.c.app == app).limit(1)
    return (await tx.connection.execute(query)).first() is not None


async def load_same(
    tx: Transaction, app: str, table_name: str, rows: Sequence[Row], names: Sequence[str]
) -> dict[Key, Row]:
    """Return the rows of *app* whose values in the columns *names* are those of one of *rows*."""
    table = TABLES[table_name]
    columns = (table.c[name] for name in ("app", *names))
    is_same = dialect.is_in_rows("rows", tx.dialect, *columns)
    query = select(*table_rows.columns_of(table)).where(*is_same)
    values = [{"app": app, **{name: row[name] for name in names}} for row in rows]
    found = await tx.connection.execute(query, {"rows": values})
    existing = [exports.written(row._mapping) for row in found]
    return {key_of(row, names): row for row in existing}


async def load_all(tx: Transaction, app: str, table_name: str) -> list[Row]:
    """Return all rows of *app* in a small table."""
    table = TABLES[table_name]
    query = select(*table_rows.columns_of(table)).where(table.c.app == app)
    return [exports.written(row._mapping) for row in await tx.connection.execute(query)]


async def load_keys(
    tx: Transaction, app: str, table_name: str, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the key and the columns *names* of all rows of *app*."""
    table = TABLES[table_name]
    key = table_rows.key_of(table)
    columns = dict.fromkeys((*key, *(table.c[name] for name in names)))
    pages = table_rows.pages(tx, select(*columns).where(table.c.app == app), *key)
    return [exports.written(row._mapping) async for page in pages for row in page]


async def write(
    tx: Transaction, app: str, table_name: str, new: Sequence[Row], changed: Sequence[Row]
) -> None:
    """Write rows; those in *changed* replace the rows with any of their keys."""
    table = TABLES[table_name]
    for names in filter(None, (key_names(table_name), OTHER_KEYS.get(table_name))):
        keys = [{"app": app, **exports.read_key(table, row, names)} for row in changed]
        await table_rows.remove(tx, table, keys)
    rows = [{"app": app, **row} for row in (*new, *changed)]
    if not rows:
        return
    statement = dialect.insert_rows(table, "rows", tx.dialect)
    await tx.connection.execute(statement, {"rows": rows})
    if table_name == "users":
        tx.users_added += len(new)


async def remove(tx: Transaction, app: str, table_name: str, rows: Sequence[Row]) -> None:
    """Remove *rows*, which need only have their keys."""
    table, names = TABLES[table_name], key_names(table_name)
    keys = [{"app": app, **exports.read_key(table, row, names)} for row in rows]
    await table_rows.remove(tx, table, keys)


async def is_used(tx: Transaction, app: str, record_type: str, field: str) -> bool:
    """Return whether a record of a type has a value in *field*."""
    value = json_members.member_text(records.c.data, field, tx.dialect)
    query = select(literal(1)).where(
        records.c.app == app, records.c.type == record_type, value.is_not(None)
    )
    return (await tx.connection.execute(query.limit(1))).first() is not None


# --- the owners of user names and e-mails ---------------------------------------------


async def load_key_owners(tx: Transaction, app: str) -> dict[UniqueKey, str]:
    """Return the owner of each unique key."""
    table = auth_keys
    query = select(table.c.key, table.c.folded, table.c.user_id).where(table.c.app == app)
    rows = await tx.connection.execute(query)
    return {UniqueKey(row.key, row.folded): row.user_id for row in rows}


# --- runs and origins ------------------------------------------------------------------


async def load_origin(tx: Transaction, app: str, user_id: str) -> str | None:
    """Return where a user was imported from, None if the user was not imported."""
    query = select(users.c.origin).where(users.c.app == app, users.c.id == user_id)
    origin: str | None = (await tx.connection.execute(query)).scalar()
    return origin


async def start(tx: Transaction, app: str, run: ImportRun) -> None:
    """Add an import that begins, and delete the oldest ones."""
    await tx.connection.execute(insert(imports).values(app=app, **asdict(run)))
    await table_rows.keep_latest(tx, imports.c.id, RUNS_KEPT, imports.c.app == app)


async def advance(tx: Transaction, app: str, run_id: str, done: int, now: datetime) -> None:
    """Store how many rows an import has processed."""
    where = (imports.c.app == app, imports.c.id == run_id)
    await tx.connection.execute(update(imports).where(*where).values(done=done, updated_at=now))


async def finish(
    tx: Transaction, app: str, run_id: str, report: Mapping[str, Any], now: datetime
) -> None:
    """Store the end of an import."""
    where = (imports.c.app == app, imports.c.id == run_id)
    values = {"done": imports.c.total, "updated_at": now, "finished_at": now, "report": report}
    await tx.connection.execute(update(imports).where(*where).values(**values))


async def load_runs(tx: Transaction, app: str, number: int) -> list[ImportRun]:
    """Return the latest imports into *app*, newest first."""
    columns = [imports.c[name] for name in ImportRun.__slots__]
    query = select(*columns).where(imports.c.app == app).order_by(imports.c.id.desc())
    return [ImportRun(*row) for row in await tx.connection.execute(query.limit(number))]


async def load_other_users(tx: Transaction, app: str, origin: str) -> set[str]:
    """Return the ids of the users that were not imported from *origin*."""
    is_other = func.coalesce(users.c.origin, "") != origin
    query = select(users.c.id).where(users.c.app == app, is_other)
    return set((await tx.connection.execute(query)).scalars())
