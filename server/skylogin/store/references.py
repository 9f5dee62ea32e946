"""Which records exist, and which records refer to which."""

import functools
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect, json_members
from skylogin.database.tables import record_fields, records
from skylogin.database.transaction import Transaction
from skylogin.domain.fields import TypeAndField
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import RecordId

Databases = Sequence[str]
VALUES_AT_ONCE = 500
WHOLE_ID = records.c.type + "/" + records.c.id


def as_rows(
    app: str, ids: Iterable[tuple[str, str]], databases: Databases = (PUBLIC_DATABASE,)
) -> dict[str, list[dict[str, str]]]:
    """Return the parameter of a statement with `of_rows`: *ids* in each of *databases*."""
    rows = [
        {"app": app, "database_id": database_id, "type": record_type, "id": key}
        for database_id in databases
        for record_type, key in sorted(set(ids))
    ]
    return {"rows": rows}


def of_rows(dialect_name: str) -> list[ColumnElement[bool]]:
    """Return the conditions for records in the parameter `rows`."""
    return dialect.is_in_rows("rows", dialect_name, *records.primary_key)


async def find(
    tx: Transaction, app: str, ids: Collection[tuple[str, str]], databases: Databases
) -> set[RecordId]:
    """Return the *ids* that exist in one of *databases*."""
    if not ids or not databases:
        return set()
    rows = await tx.connection.execute(_existing(tx.dialect), as_rows(app, ids, databases))
    return {RecordId(row.type, row.id) for row in rows}


async def find_to_refer(
    tx: Transaction, app: str, ids: Collection[tuple[str, str]], databases: Databases
) -> set[RecordId]:
    """Return the *ids* that exist in one of *databases*, locked against deletion."""
    # Calls cannot delete the records of users.
    deletable = [one for one in ids if one[0] != USER_TYPE]
    if deletable:
        wanted = as_rows(app, deletable, databases)
        await tx.connection.execute(_lock_referred(tx.dialect), wanted)
    return await find(tx, app, ids, databases)


@functools.cache
def _existing(dialect_name: str) -> Select[Any]:
    return select(records.c.type, records.c.id).where(*of_rows(dialect_name))


@functools.cache
def _lock_referred(dialect_name: str) -> Select[Any]:
    query = _existing(dialect_name)
    return dialect.locked(query, WHOLE_ID, [records], dialect_name, may_change=True, to_stay=True)


async def load_referrers(
    tx: Transaction, app: str, ids: Collection[RecordId]
) -> dict[RecordId, set[RecordId]]:
    """Return the records, of any database, that refer to each of *ids*."""
    keys: dict[str, set[str]] = {}
    for record_id in ids:
        keys.setdefault(record_id.type, set()).add(record_id.key)
    found: dict[RecordId, set[RecordId]] = {record_id: set() for record_id in ids}
    query = select(record_fields.c.type, record_fields.c.field, record_fields.c.target).where(
        record_fields.c.app == app, record_fields.c.kind == "reference"
    )
    for row in (await tx.connection.execute(query)).all():
        if row.target in keys:
            holders = await find_holders(tx, app, (row.type, row.field), keys[row.target])
            for key, holder in holders:
                found[RecordId(row.target, key)].add(RecordId(row.type, holder))
    return found


async def find_holders(
    tx: Transaction, app: str, field: TypeAndField, wanted: Collection[str]
) -> list[tuple[str, str]]:
    """Return each value in *wanted* that a record has in *field*, with the record's id."""
    value = json_members.member_text(records.c.data, field[1], tx.dialect)
    found: list[tuple[str, str]] = []
    rest = sorted(wanted)
    while rest:
        # A plain list: in a join with rows, the value would be extracted for each pair.
        query = select(value.label("value"), records.c.id).where(
            records.c.app == app,
            records.c.type == field[0],
            value.in_(rest[:VALUES_AT_ONCE]),
        )
        found += [(row.value, row.id) for row in await tx.connection.execute(query)]
        del rest[:VALUES_AT_ONCE]
    return found
