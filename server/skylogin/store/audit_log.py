"""The audit list: what operators did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select

from skylogin.database.tables import operator_audit
from skylogin.database.transaction import Transaction
from skylogin.ids import timed_prefix


@dataclass(frozen=True, slots=True)
class Act:
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
    row = {
        "app": app,
        "id": act.id,
        "at": act.at,
        "act": act.name,
        "target": act.target,
        "via": act.via,
        "address": act.address,
        "details": act.details,
    }
    await tx.connection.execute(_ADD, row)


_ADD = insert(operator_audit)


async def has(tx: Transaction, app: str, act_id: str) -> bool:
    """Return whether the act, and so its whole transaction, was committed."""
    table = operator_audit
    query = select(table.c.id).where(table.c.app == app, table.c.id == act_id)
    return (await tx.connection.execute(query)).first() is not None


async def remove(tx: Transaction, app: str, act_id: str) -> None:
    """Remove an act that did not happen after all."""
    await tx.connection.execute(
        delete(operator_audit).where(operator_audit.c.app == app, operator_audit.c.id == act_id)
    )


async def load_latest(tx: Transaction, app: str, before: str, number: int) -> list[Act]:
    """Return the *number* latest acts on *app*, newest first; *before* an id if one is given."""
    columns = [column for column in operator_audit.c if column.name != "app"]
    query = select(*columns).where(operator_audit.c.app == app)
    if before:
        query = query.where(operator_audit.c.id < before)
    rows = await tx.connection.execute(query.order_by(operator_audit.c.id.desc()).limit(number))
    return [Act(*tuple(row)) for row in rows]


async def count(
    tx: Transaction, app: str, name: str, since: datetime, address: str
) -> tuple[int, int]:
    """Return the number of acts *name* since a time, in all and from *address*."""
    table = operator_audit
    from_address = func.count().filter(table.c.address == address)
    query = select(func.count(), from_address).where(
        table.c.app == app,
        # Ids begin with the time, so only the last rows are read.
        table.c.id >= timed_prefix(since),
        table.c.act == name,
        table.c.at >= since,
    )
    numbers: Sequence[int] = (await tx.connection.execute(query)).one()
    return numbers[0], numbers[1]
