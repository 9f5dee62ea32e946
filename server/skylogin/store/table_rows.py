"""Count, page through and delete the rows of any table."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Select, Table, bindparam, delete, func, literal, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database.transaction import Transaction

Row = Mapping[str, Any]
ROWS_AT_ONCE = 1000


def columns_of(table: Table) -> list[Column[Any]]:
    """Return the columns of a table, without the app."""
    return [column for column in table.columns if column.name != "app"]


def key_of(table: Table) -> tuple[Column[Any], ...]:
    """Return the columns of the primary key, without the app."""
    return tuple(column for column in table.primary_key if column.name != "app")


# Unique columns other than the primary key.
OTHER_KEYS: Mapping[str, tuple[str, ...]] = {"principals": ("kind", "provider", "user_id")}


async def count(tx: Transaction, app: str, table: Table) -> int:
    """Return the number of rows of *app*."""
    query = select(func.count()).select_from(table).where(table.c.app == app)
    return int((await tx.connection.execute(query)).scalar_one())


async def pages(
    tx: Transaction, query: Select[Any], *key: Column[Any]
) -> AsyncIterator[Sequence[Any]]:
    """Yield the rows of *query* in the order of *key*, which it selects, a thousand at a time."""
    query = query.order_by(*key).limit(ROWS_AT_ONCE)
    rows = (await tx.connection.execute(query)).all()
    while rows:
        yield rows
        if len(rows) < ROWS_AT_ONCE:
            break
        last = (literal(rows[-1]._mapping[column.name], column.type) for column in key)
        rows = (await tx.connection.execute(query.where(tuple_(*key) > tuple_(*last)))).all()


async def remove(tx: Transaction, table: Table, keys: Sequence[Row]) -> None:
    """Delete the rows with *keys*, which all have the same columns."""
    if keys:
        same = (table.c[name] == bindparam(name) for name in keys[0])
        await tx.connection.execute(delete(table).where(*same), keys)


async def keep_latest(
    tx: Transaction, order: Column[Any], number: int, *where: ColumnElement[bool]
) -> None:
    """Delete the rows that match *where*, except the *number* last ones in *order*."""
    latest = select(order).where(*where).order_by(order.desc())
    last_kept = latest.limit(1).offset(number - 1).scalar_subquery()
    await tx.connection.execute(delete(order.table).where(*where, order < last_kept))
