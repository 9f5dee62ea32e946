"""The fields of record types. A field keeps its type as long as it exists."""

import functools
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, bindparam, select

from skylogin.database import dialect
from skylogin.database.tables import record_fields
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain.fields import TypeAndField
from skylogin.domain.user import Field, Record
from skylogin.errors import RetryTransaction

_FIELDS = select(record_fields).where(
    record_fields.c.app == bindparam("app"), record_fields.c.type == bindparam("type")
)


async def read(tx: Transaction, app: str, record_type: str) -> FieldMap:
    """Return the fields of *record_type* from the database, not from the cache."""
    rows = await tx.connection.execute(_FIELDS, {"app": app, "type": record_type})
    return _as_fields(rows)


async def load(tx: Transaction, app: str, record_type: str, names: Iterable[str]) -> FieldMap:
    """Return the fields of *record_type* that are cached, and those of *names* that exist."""
    committed = tx.fields.fresh(app, record_type)
    own = tx.new_fields.get((app, record_type), {})
    if committed is None and (app, record_type) in tx.fields_read_at:
        committed = {}
    query, moment = _FIELDS, tx.fields.monotonic()
    values: dict[str, object] = {"app": app, "type": record_type}
    if committed is not None:
        known = {**committed, **own} if own else committed
        unknown = set(names) - set(known)
        if not unknown:
            return known
        query = _fields_named(tx.dialect)
        values["rows"] = [{"field": name} for name in sorted(unknown)]
    found = _as_fields(await tx.connection.execute(query, values))
    if committed is None:
        tx.fields_read_at[app, record_type] = moment
    tx.new_fields[app, record_type] = {**own, **found}
    return {**(committed or {}), **own, **found}


@functools.cache
def _fields_named(dialect_name: str) -> Select[Any]:
    return _FIELDS.where(*dialect.is_in_rows("rows", dialect_name, record_fields.c.field))


def _as_fields(rows: Iterable[Any]) -> FieldMap:
    return {row.field: Field(row.kind, row.target, row.column_type, row.next_value) for row in rows}


async def load_of_records(
    tx: Transaction, app: str, found: Iterable[Record]
) -> dict[str, FieldMap]:
    """Return, by record type, at least the fields that the records *found* have."""
    names: dict[str, set[str]] = {}
    for record in found:
        names.setdefault(record.type, set()).update(record.data)
    return {
        record_type: await load(tx, app, record_type, held) for record_type, held in names.items()
    }


async def add(tx: Transaction, app: str, record_type: str, fields: Mapping[str, Field]) -> None:
    """Add *fields*. Raises RetryTransaction if another node added one with another type."""
    await add_missing(tx, app, record_type, fields)
    stored = await load(tx, app, record_type, fields)
    if any((stored[n].kind, stored[n].target) != (f.kind, f.target) for n, f in fields.items()):
        raise RetryTransaction


async def add_missing(
    tx: Transaction, app: str, record_type: str, fields: Mapping[str, Field]
) -> None:
    """Add the missing ones of *fields*; the types of existing ones are not compared."""
    rows = [
        {
            "app": app,
            "type": record_type,
            "field": name,
            "kind": field.kind,
            "target": field.target,
            "column_type": field.column,
            "next_value": field.next_value,
        }
        for name, field in sorted(fields.items())
    ]
    await tx.connection.execute(dialect.insert_missing(record_fields, tx.dialect), rows)


async def lock_sequences(
    tx: Transaction, app: str, sequences: Collection[TypeAndField]
) -> dict[TypeAndField, int]:
    """Lock *sequences* and return the next number of each."""
    values = {"rows": [{"app": app, "type": t, "field": f} for t, f in sorted(sequences)]}
    rows = await tx.connection.execute(_next_values(tx.dialect), values)
    return {(row.type, row.field): row.next_value or 1 for row in rows}


@functools.cache
def _next_values(dialect_name: str) -> Select[Any]:
    table = record_fields
    query = select(table.c.type, table.c.field, table.c.next_value).where(
        *dialect.is_in_rows("rows", dialect_name, *table.primary_key)
    )
    return dialect.locked(query, table.c.type + "/" + table.c.field, [table], dialect_name)


async def set_next_values(
    tx: Transaction, app: str, next_values: Mapping[TypeAndField, int]
) -> None:
    """Let sequences continue with *next_values*."""
    rows = [
        {"app": app, "type": record_type, "field": name, "next_value": value}
        for (record_type, name), value in sorted(next_values.items())
    ]
    if rows:
        update = dialect.update_rows(record_fields, "rows", tx.dialect, ("next_value",))
        await tx.connection.execute(update, {"rows": rows})
