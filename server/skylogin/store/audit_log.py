"""The audit list: what operators did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select

from skylogin.database.tables import operator_audit
from skylogin.database.transaction import Transaction


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


async def keep_latest(tx: Transaction, app: str, number: int, name: str = "") -> None:
    """Delete the acts but for the *number* latest ones; only the acts *name*, if it is given."""
    table = operator_audit
    chosen = [table.c.app == app, *([table.c.act == name] if name else ())]
    ids = select(table.c.id).where(*chosen).order_by(table.c.id.desc())
    last_kept = ids.limit(1).offset(number - 1).scalar_subquery()
    await tx.connection.execute(delete(table).where(*chosen, table.c.id < last_kept))


async def load_latest(tx: Transaction, app: str, before: str, number: int) -> list[Act]:
    """Return the *number* latest acts on *app*, newest first; *before* an id if one is given."""
    columns = [column for column in operator_audit.c if column.name != "app"]
    query = select(*columns).where(operator_audit.c.app == app)
    if before:
        query = query.where(operator_audit.c.id < before)
    rows = await tx.connection.execute(query.order_by(operator_audit.c.id.desc()).limit(number))
    return [Act(*tuple(row)) for row in rows]
