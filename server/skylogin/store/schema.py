"""The schema of an app: its record types and their fields. Records follow its changes.

A type is made by its first record, or by an operator.
"""

import functools
from collections.abc import Callable, Collection, Mapping

from sqlalchemy import Select, delete, select, update

from skylogin.database import dialect
from skylogin.database.tables import record_fields, record_types, records
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain import schema
from skylogin.domain.fields import SEQUENCE
from skylogin.domain.schema import Extension
from skylogin.domain.user import Field
from skylogin.encoding.json_text import JsonValue
from skylogin.store import fields, table_rows

Data = Mapping[str, JsonValue]


async def extend(tx: Transaction, app: str, extension: Extension) -> None:
    """Make the record types and fields of *extension*.

    Raises RetryTransaction if another node made a field with another type, and SkygearError
    if the app would have too many record types.
    """
    new = set(extension) - await find_types(tx, app, extension)
    for record_type, added in sorted(extension.items()):
        await make_type(tx, app, record_type)
        if added:
            await fields.add(tx, app, record_type, added)
        sequences = [name for name, field in added.items() if field.kind == SEQUENCE]
        if sequences:
            await number(tx, app, record_type, sequences)
    if new:
        schema.check_count(await count_types(tx, app))


async def count_types(tx: Transaction, app: str) -> int:
    """Return the number of record types, including those that have only access rules."""
    return await table_rows.count(tx, app, record_types)


async def make_type(tx: Transaction, app: str, record_type: str) -> None:
    """Make a record type, unless it exists."""
    row = {"app": app, "type": record_type, "made": True}
    added = await tx.connection.execute(dialect.insert_missing(record_types, tx.dialect), row)
    if added.rowcount > 0:
        return
    table = record_types
    only_rules = (table.c.app == app, table.c.type == record_type, table.c.made.is_(False))
    await tx.connection.execute(update(table).where(*only_rules).values(made=True))


async def find_types(tx: Transaction, app: str, wanted: Collection[str]) -> frozenset[str]:
    """Return the record types in *wanted* that are made."""
    if not wanted:
        return frozenset()
    rows = [{"app": app, "type": record_type} for record_type in sorted(wanted)]
    found = await tx.connection.execute(_made(tx.dialect), {"rows": rows})
    return frozenset(row.type for row in found)


async def load_type_names(tx: Transaction, app: str) -> list[str]:
    """Return the names of all record types, in order."""
    table = record_types
    query = select(table.c.type).where(table.c.app == app, table.c.made).order_by(table.c.type)
    return [row.type for row in await tx.connection.execute(query)]


@functools.cache
def _made(dialect_name: str) -> Select[tuple[str]]:
    table = record_types
    is_wanted = dialect.is_in_rows("rows", dialect_name, table.c.app, table.c.type)
    return select(table.c.type).where(*is_wanted, table.c.made)


async def number(tx: Transaction, app: str, record_type: str, names: Collection[str]) -> None:
    """Set every missing sequence field in the records of a type to the next number."""
    next_values = await fields.lock_sequences(tx, app, [(record_type, name) for name in names])

    def numbered(data: Data) -> Data:
        changed = dict(data)
        for sequence, value in next_values.items():
            if sequence[1] not in data:
                changed[sequence[1]] = value
                next_values[sequence] = value + 1
        return changed

    await _rewrite(tx, app, record_type, numbered)
    await fields.set_next_values(tx, app, next_values)


async def load_all(tx: Transaction, app: str) -> dict[str, FieldMap]:
    """Return every record type with its fields."""
    table = record_fields
    found: dict[str, FieldMap] = {name: {} for name in await load_type_names(tx, app)}
    query = select(table.c.type, table.c.field, table.c.kind, table.c.target, table.c.column_type)
    for row in await tx.connection.execute(query.where(table.c.app == app)):
        found.setdefault(row.type, {})[row.field] = Field(row.kind, row.target, row.column_type)
    return found


async def rename(tx: Transaction, app: str, record_type: str, name: str, new_name: str) -> None:
    """Rename a field, in all records too."""
    table = record_fields
    where = (table.c.app == app, table.c.type == record_type, table.c.field == name)

    def renamed(data: Data) -> Data:
        return {new_name if key == name else key: value for key, value in data.items()}

    await _rewrite(tx, app, record_type, renamed)
    await tx.connection.execute(update(table).where(*where).values(field=new_name))
    tx.on_commit.append(tx.fields.forget)


async def remove(tx: Transaction, app: str, record_type: str, name: str) -> None:
    """Remove a field, and its values from all records."""
    table = record_fields
    where = (table.c.app == app, table.c.type == record_type, table.c.field == name)

    def without(data: Data) -> Data:
        return {key: value for key, value in data.items() if key != name}

    await _rewrite(tx, app, record_type, without)
    await tx.connection.execute(delete(table).where(*where))
    tx.on_commit.append(tx.fields.forget)


async def _rewrite(
    tx: Transaction, app: str, record_type: str, change: Callable[[Data], Data]
) -> None:
    """Apply *change* to the data of all records of a type, in every database."""
    columns = (records.c.database_id, records.c.id)
    query = select(*columns, records.c.data).with_for_update()
    query = query.where(records.c.app == app, records.c.type == record_type)
    rewrite = dialect.update_rows(records, "rewritten", tx.dialect, ("data",))
    async for rows in table_rows.pages(tx, query, *columns):
        changed = [
            {"app": app, "type": record_type, **row._mapping, "data": data}
            for row in rows
            if (data := change(row.data)) != row.data
        ]
        if changed:
            await tx.connection.execute(rewrite, {"rewritten": changed})
