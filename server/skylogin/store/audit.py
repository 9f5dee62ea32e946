"""The audit list: what operators did."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from skylogin.store.tables import operator_audit
from skylogin.store.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Act:
    """Something an operator did to *target*, by which way and from where."""

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
    await tx.connection.execute(insert(operator_audit), row)


async def has(tx: Transaction, app: str, act_id: str) -> bool:
    """Return whether the act is there, and so everything of its transaction."""
    table = operator_audit
    query = select(table.c.id).where(table.c.app == app, table.c.id == act_id)
    return (await tx.connection.execute(query)).first() is not None


async def load_latest(tx: Transaction, app: str, before: str, number: int) -> list[Act]:
    """Return the *number* latest acts on *app* before the id *before*, the newest first."""
    columns = [column for column in operator_audit.c if column.name != "app"]
    query = select(*columns).where(operator_audit.c.app == app)
    if before:
        query = query.where(operator_audit.c.id < before)
    rows = await tx.connection.execute(query.order_by(operator_audit.c.id.desc()).limit(number))
    return [Act(*row) for row in rows]
