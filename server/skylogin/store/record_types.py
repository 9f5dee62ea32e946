"""Record types. A type is made by its first record, or by an operator."""

import functools
from collections.abc import Collection

from sqlalchemy import Select, Text, select, update

from skylogin.database import dialect
from skylogin.database.tables import record_types
from skylogin.database.transaction import Transaction


async def make(tx: Transaction, app: str, record_type: str) -> None:
    """Make a record type, unless it exists."""
    row = {"app": app, "type": record_type, "made": True}
    await tx.connection.execute(dialect.insert_missing(record_types, tx.dialect), row)
    table = record_types
    only_rules = (table.c.app == app, table.c.type == record_type, table.c.made.is_(False))
    await tx.connection.execute(update(table).where(*only_rules).values(made=True))


async def find(tx: Transaction, app: str, wanted: Collection[str]) -> frozenset[str]:
    """Return the record types in *wanted* that are made."""
    if not wanted:
        return frozenset()
    rows = [{"app": app, "type": record_type} for record_type in sorted(wanted)]
    found = await tx.connection.execute(_made(tx.dialect), {"rows": rows})
    return frozenset(row.type for row in found)


async def load_names(tx: Transaction, app: str) -> list[str]:
    """Return the names of all record types, in order."""
    table = record_types
    query = select(table.c.type).where(table.c.app == app, table.c.made).order_by(table.c.type)
    return [row.type for row in await tx.connection.execute(query)]


@functools.cache
def _made(dialect_name: str) -> Select[tuple[str]]:
    row = dialect.json_rows("rows", dialect_name, app=Text, type=Text)
    table = record_types
    return select(table.c.type).where(
        table.c.app == row["app"], table.c.type == row["type"], table.c.made
    )
