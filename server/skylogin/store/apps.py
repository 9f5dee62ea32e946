"""Apps: their first contents, their settings, and their unique keys."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update

from skylogin.database import dialect
from skylogin.database.tables import apps, auth_keys, metadata, records, roles, settings, users
from skylogin.database.transaction import Transaction
from skylogin.domain import unique_keys as keys
from skylogin.domain.field_rules import FIRST_FIELD_RULES
from skylogin.domain.fields import FIRST_USER_FIELDS
from skylogin.domain.stored_names import EVERY_APP, USER_TYPE
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import Field
from skylogin.errors import ExpectedError
from skylogin.store import access_rules, fields, schema, table_rows
from skylogin.store.record_rows import OF_USERS

# Settings of the whole database: the command that it belongs to, the last time that a check wrote
# to it, the server that uses it if it is an SQLite database, and the last `skylogin backup`.
DEPLOYMENT, WRITTEN_AT, OWNER = "deployment", "written_at", "owner"
LAST_BACKUP_AT = "last_backup_at"
# Settings of an app.
KEY_SETS = "auth_record_keys"
FIRST_RULES = "first_field_rules"


class StoredApp(NamedTuple):
    """An app other than the default app; without its own keys it uses the default app's."""

    name: str
    api_key: str | None
    master_key: str | None
    created_at: datetime | None


class KeysTakenError(ExpectedError):
    """Two users share the value of a key that is to be unique. The text is one line."""


async def prepare(tx: Transaction, app: str, key_sets: Sequence[KeySet]) -> None:
    """Make the first fields and rules, the admin role and the unique keys of *app*, once.

    Raises KeysTakenError if existing users violate a newly required key.
    """
    named = {name: Field("string", column="text") for names in key_sets for name in names}
    await schema.make_type(tx, app, USER_TYPE)
    await fields.add_missing(tx, app, USER_TYPE, {**named, **FIRST_USER_FIELDS})
    if await read_setting(tx, app, FIRST_RULES) is None:
        # Only once: rules that an operator removes stay removed.
        await access_rules.add_field_rules(tx, app, FIRST_FIELD_RULES)
        await keep_setting(tx, app, FIRST_RULES, "added")
    admin = {"app": app, "id": "Admin", "is_admin": True}
    await tx.connection.execute(dialect.insert_missing(roles, tx.dialect), admin)
    wanted = ";".join(",".join(names) for names in sorted(key_sets))
    if await read_setting(tx, app, KEY_SETS) != wanted:
        await rebuild_keys(tx, app, key_sets)
        await write_setting(tx, app, KEY_SETS, wanted)


async def forget_prepared(tx: Transaction, app: str) -> None:
    """Let `prepare` make everything again after its rows were deleted."""
    made_once = settings.c.name.in_((KEY_SETS, FIRST_RULES))
    await tx.connection.execute(delete(settings).where(settings.c.app == app, made_once))


async def rebuild_keys(tx: Transaction, app: str, key_sets: Sequence[KeySet]) -> None:
    """Rebuild the unique keys of all users. Raises KeysTakenError if two users share one."""
    await tx.connection.execute(delete(auth_keys).where(auth_keys.c.app == app))
    known = await fields.load(tx, app, USER_TYPE, ())
    holders: dict[keys.UniqueKey, str] = {}
    query = select(records.c.id, records.c.data).where(records.c.app == app, *OF_USERS)
    async for rows in table_rows.pages(tx, query, records.c.id):
        new = []
        for row in rows:
            for key in keys.keys_of(row.data, key_sets, known):
                if key in holders:
                    raise KeysTakenError(
                        f"AUTH_RECORD_KEYS: the users {holders[key]} and {row.id} "
                        f"have the same {key.name}"
                    )
                holders[key] = row.id
                new.append({"app": app, "key": key.name, "folded": key.folded, "user_id": row.id})
        if new:
            await tx.connection.execute(insert(auth_keys), new)


async def read_setting(tx: Transaction, app: str, name: str) -> str | None:
    """Return the setting *name*, None if it is not set."""
    query = select(settings.c.value).where(settings.c.app == app, settings.c.name == name)
    value: str | None = (await tx.connection.execute(query)).scalar()
    return value


async def write_setting(tx: Transaction, app: str, name: str, value: str) -> None:
    """Set *name* to *value*."""
    if not await _add_setting(tx, app, name, value):
        where = (settings.c.app == app, settings.c.name == name)
        await tx.connection.execute(update(settings).where(*where).values(value=value))


async def try_writing(tx: Transaction, at: datetime) -> None:
    """Write the time *at*: the commit shows whether the database can be written."""
    await write_setting(tx, EVERY_APP, WRITTEN_AT, at.isoformat())


async def keep_setting(tx: Transaction, app: str, name: str, value: str) -> str:
    """Set *name* unless it is set already, and return its value, so that nodes agree on it."""
    if await _add_setting(tx, app, name, value):
        return value
    return await read_setting(tx, app, name) or value


async def _add_setting(tx: Transaction, app: str, name: str, value: str) -> bool:
    """Set *name*, and return True, unless it is set already."""
    row = {"app": app, "name": name, "value": value}
    added = await tx.connection.execute(dialect.insert_missing(settings, tx.dialect), row)
    return added.rowcount > 0


async def load(tx: Transaction, app: str) -> StoredApp | None:
    """Return the app called *app*, None if it does not exist."""
    row = (await tx.connection.execute(_ONE, {"name": app})).first()
    return StoredApp(*row) if row else None


_ALL = select(apps.c.app, apps.c.api_key, apps.c.master_key, apps.c.created_at)
_ONE = _ALL.where(apps.c.app == bindparam("name"))


async def load_all(tx: Transaction) -> list[StoredApp]:
    """Return every app except the default app, by name."""
    rows = await tx.connection.execute(_ALL.order_by(apps.c.app))
    return [StoredApp(*row) for row in rows]


async def load_names(tx: Transaction, number: int) -> list[str]:
    """Return the names of the latest *number* apps except the default app, sorted."""
    latest = select(apps.c.app).order_by(apps.c.created_at.desc(), apps.c.app).limit(number)
    return sorted(row.app for row in await tx.connection.execute(latest))


async def add(tx: Transaction, app: StoredApp) -> bool:
    """Add *app*. Returns False if its name is taken."""
    row = {
        "app": app.name,
        "api_key": app.api_key,
        "master_key": app.master_key,
        "created_at": app.created_at,
    }
    # In a Turkish locale, Python's sqlite3 does not count the rows of an INSERT.
    insert = dialect.insert_missing(apps, tx.dialect).returning(apps.c.app)
    return (await tx.connection.execute(insert, row)).first() is not None


async def count_made_by_use(tx: Transaction) -> int:
    """Return the number of apps without their own keys."""
    query = select(func.count()).select_from(apps).where(apps.c.api_key.is_(None))
    return int((await tx.connection.execute(query)).scalar_one())


async def load_empty(tx: Transaction, before: datetime, number: int) -> list[str]:
    """Return the oldest apps without their own keys, users and records, made *before* a time."""
    is_empty = [
        ~select(table.c.app).where(table.c.app == apps.c.app).exists() for table in (users, records)
    ]
    query = select(apps.c.app).where(
        apps.c.api_key.is_(None), apps.c.created_at < before, *is_empty
    )
    found = await tx.connection.execute(query.order_by(apps.c.created_at).limit(number))
    return [row.app for row in found]


async def set_keys(tx: Transaction, app: str, api_key: str, master_key: str) -> None:
    """Replace the keys of *app*."""
    await tx.connection.execute(
        update(apps).where(apps.c.app == app).values(api_key=api_key, master_key=master_key)
    )


async def remove(tx: Transaction, app: str) -> bool:
    """Remove *app* and all its rows. Returns False if it does not exist."""
    removed = await tx.connection.execute(delete(apps).where(apps.c.app == app))
    if not removed.rowcount:
        return False
    for table in metadata.sorted_tables:
        await tx.connection.execute(delete(table).where(table.c.app == app))
    return True
