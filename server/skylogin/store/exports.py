"""The rows of an app, for export and import, without its secrets and its history.

Keys, custom token secrets and access tokens belong to a server, and so do the login log, the
counts and the audit log. Unique keys are rebuilt from the records.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Integer, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.schema import Table

from skylogin.database import dialect
from skylogin.database.dialect import Json, Timestamp
from skylogin.database.tables import (
    devices,
    field_access,
    password_history,
    principals,
    record_fields,
    record_types,
    records,
    roles,
    user_roles,
    users,
)
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain import subject
from skylogin.domain.device import TOKEN_BYTES_MAX
from skylogin.domain.fields import fits_stored, is_integer
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import ExpectedError
from skylogin.store import fields, table_rows
from skylogin.store.table_rows import OTHER_KEYS, Row, columns_of, key_of

# In the order in which they are written: tables that describe others come first.
TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        roles,
        record_types,
        record_fields,
        field_access,
        users,
        user_roles,
        password_history,
        principals,
        devices,
        records,
    )
}
# Existing rows of these tables are overwritten; in other tables they are a conflict.
_DESCRIBING = frozenset(("roles", "record_types", "record_fields", "field_access"))


class TakenError(ExpectedError):
    """A row conflicts with an existing one."""


async def count(tx: Transaction, app: str) -> int:
    """Return the number of rows that `read` yields."""
    return sum([await table_rows.count(tx, app, table) for table in TABLES.values()])


async def read(tx: Transaction, app: str) -> AsyncIterator[tuple[str, list[dict[str, JsonValue]]]]:
    """Yield all rows of *app* as JSON values, in batches of one table."""
    for name, table in TABLES.items():
        query = select(*columns_of(table)).where(table.c.app == app)
        async for page in table_rows.pages(tx, query, *key_of(table)):
            yield name, [written(row._mapping) for row in page]


def written(row: Mapping[Any, Any]) -> dict[str, JsonValue]:
    """Return a row as JSON values, without its nulls."""
    return {
        name: rfc3339.stored(value) if isinstance(value, datetime) else value
        for name, value in row.items()
        if value is not None
    }


def read_row(table_name: str, row: Mapping[str, JsonValue]) -> Row:
    """Return a row with values for the database. Raises ValueError on an invalid row."""
    table = TABLES[table_name]
    columns = columns_of(table)
    unknown = sorted(set(row) - {column.name for column in columns})
    if unknown:
        raise ValueError(f"{table_name} has no {unknown[0]!r}")
    return {column.name: _value(column, row.get(column.name)) for column in columns}


def read_key(table: Table, row: Mapping[str, JsonValue], names: Sequence[str]) -> Row:
    """Return the columns *names* of a row with values for the database."""
    return {name: _value(table.c[name], row.get(name)) for name in names}


def _value(column: Column[Any], value: JsonValue) -> Any:
    if value is None:
        if column.nullable:
            return None
        if isinstance(column.type, Boolean) and column.server_default is not None:
            return False
        raise ValueError(f"{column.name} is missing")
    kind = column.type
    if isinstance(kind, Json):
        _check_shape(column.name, value)
        return value
    if isinstance(kind, Timestamp):
        return _moment(column.name, value)
    if isinstance(kind, Boolean):
        wanted, is_good = "true or false", isinstance(value, bool)
    elif isinstance(kind, Integer):
        wanted, is_good = "an integer of 32 bits", is_integer(value)
    else:
        wanted, is_good = "a text", isinstance(value, str)
    if not is_good:
        raise ValueError(f"{column.name} has to be {wanted}")
    bytes_max = _BYTES_MAX.get((column.table.name, column.name), KEY_BYTES_MAX)
    if _is_indexed(column) and len(str(value).encode()) > bytes_max:
        raise ValueError(f"{column.name} is longer than {bytes_max} bytes")
    return value


# What may be longer than other parts of keys.
_BYTES_MAX: Mapping[tuple[str, str], int] = {
    ("principals", "principal"): subject.BYTES_MAX,
    ("devices", "token"): TOKEN_BYTES_MAX,
}


def _is_indexed(column: Column[Any]) -> bool:
    indexes = column.table.indexes
    return column.primary_key or any(column.name in index.columns for index in indexes)


def _moment(name: str, value: JsonValue) -> datetime:
    try:
        return rfc3339.read_moment(value if isinstance(value, str) else "")
    except ValueError as error:
        raise ValueError(f"{name} is not a time: {error}") from None


def _check_shape(name: str, value: JsonValue) -> None:
    wanted = _LISTS.get(name)
    if wanted is None:
        if name == "data" and not isinstance(value, dict):
            raise ValueError("data has to be an object")
    elif not isinstance(value, list) or not all(isinstance(one, wanted) for one in value):
        what = "texts" if wanted is str else "objects"
        raise ValueError(f"{name} has to be a list of {what}")


# The JSON columns that hold lists, and the type of their items.
_LISTS: Mapping[str, type] = {"create_roles": str, "access": dict, "default_access": dict}


async def write(
    tx: Transaction, app: str, table_name: str, rows: Sequence[Row], *, replace: bool
) -> None:
    """Write at most a thousand rows, as `read_row` returns them, to *app*.

    Raises TakenError if a user, a principal or a record exists and *replace* is false, and if
    a field has another type.
    """
    if table_name == "record_fields":
        rows = await _new_fields(tx, app, rows)
    if table_name == "record_types":
        rows = await _with_made(tx, app, rows)
    if table_name == "records":
        await _check_data(tx, app, rows)
    table = TABLES[table_name]
    may_replace = replace or table_name in _DESCRIBING
    key = tuple(column.name for column in key_of(table))
    for names in filter(None, (key, OTHER_KEYS.get(table_name))):
        keys = [{"app": app} | {name: row[name] for name in names} for row in rows]
        if may_replace:
            await table_rows.remove(tx, table, keys)
        else:
            await _check_free(tx, table, keys)
    if not rows:
        return
    try:
        await tx.connection.execute(insert(table), [{"app": app, **row} for row in rows])
    except IntegrityError:
        raise TakenError(f"{table_name}: two rows have the same key") from None
    if table_name == "users":
        tx.users_added += len(rows)


async def _check_free(tx: Transaction, table: Table, keys: Sequence[Row]) -> None:
    columns = [table.c[name] for name in keys[0]]
    is_taken = dialect.is_in_rows("rows", tx.dialect, *columns)
    query = select(*columns[1:]).where(*is_taken).limit(1)
    found = await tx.connection.execute(query, {"rows": [written(key) for key in keys]})
    taken = found.first()
    if taken is not None:
        values = ", ".join(f"{name} {value!r}" for name, value in taken._mapping.items())
        raise TakenError(f"{table.name}: a row with the {values} already exists")


async def _new_fields(tx: Transaction, app: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of new fields; existing sequences continue from the higher number."""
    new, next_values = [], {}
    known = {name: await fields.read(tx, app, name) for name in {row["type"] for row in rows}}
    for row in rows:
        field = known[row["type"]].get(row["field"])
        if field is None:
            new.append(row)
        elif (field.kind, field.target) != (row["kind"], row["target"]):
            raise TakenError(
                f"record_fields: the field {row['field']} of {row['type']} is a {field.kind} "
                "here, and a field keeps its type"
            )
        elif row["next_value"] is not None:
            next_values[row["type"], row["field"]] = row["next_value"]
    locked = await fields.lock_sequences(tx, app, list(next_values))
    higher = {key: value for key, value in next_values.items() if value > locked.get(key, value)}
    await fields.set_next_values(tx, app, higher)
    return new


async def _with_made(tx: Transaction, app: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of types; an existing type stays made."""
    query = select(record_types.c.type).where(record_types.c.app == app, record_types.c.made)
    made = set((await tx.connection.execute(query)).scalars())
    return [{**row, "made": row["made"] or row["type"] in made} for row in rows]


async def _check_data(tx: Transaction, app: str, rows: Sequence[Row]) -> None:
    """Raise ValueError on a value that is not of its field's type."""
    known: dict[str, FieldMap] = {
        name: await fields.read(tx, app, name) for name in {row["type"] for row in rows}
    }
    for row in rows:
        for name, value in row["data"].items():
            field = known[row["type"]].get(name)
            if field is None or not fits_stored(field, value):
                why = "is not a field of its type" if field is None else f"is a {field.kind}"
                raise ValueError(f"records: {row['type']}/{row['id']}: {name} {why}")
