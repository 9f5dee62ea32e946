"""The audit log: what operators did."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import insert, select

from skylogin.database.tables import operator_audit
from skylogin.database.transaction import Transaction
from skylogin.store import table_rows


class Act(NamedTuple):
    """An operator's act on *target*, *via* an interface and from an *address*."""

    id: str
    at: datetime
    name: str
    target: str
    via: str
    address: str
    details: Mapping[str, object]


async def add(tx: Transaction, app: str, act: Act) -> None:
    """Add an act."""
    values = act._asdict()
    row = {"app": app, "act": values.pop("name"), **values}
    await tx.connection.execute(insert(operator_audit), row)


async def has(tx: Transaction, app: str, act_id: str) -> bool:
    """Return whether the act, and so its whole transaction, was committed."""
    table = operator_audit
    query = select(table.c.id).where(table.c.app == app, table.c.id == act_id)
    return (await tx.connection.execute(query)).first() is not None


async def keep_latest(tx: Transaction, app: str, number: int, name: str = "") -> None:
    """Delete all acts, or those called *name*, except the *number* latest."""
    columns = operator_audit.c
    chosen = [columns.app == app, *([columns.act == name] if name else ())]
    await table_rows.keep_latest(tx, columns.id, number, *chosen)


async def load_latest(tx: Transaction, app: str, before: str, number: int) -> list[Act]:
    """Return the *number* latest acts on *app*, newest first; *before* an id if one is given."""
    columns = table_rows.columns_of(operator_audit)
    query = select(*columns).where(operator_audit.c.app == app)
    if before:
        query = query.where(operator_audit.c.id < before)
    rows = await tx.connection.execute(query.order_by(operator_audit.c.id.desc()).limit(number))
    return [Act(*tuple(row)) for row in rows]
