"""The fields of record types. A field keeps its type as long as it is there."""

from collections.abc import Iterable, Mapping

from sqlalchemy import Text, bindparam, select

from skylogin.login import LookAgain
from skylogin.store import dialect
from skylogin.store.tables import record_fields
from skylogin.store.transaction import FieldMap, Transaction
from skylogin.user import Field

_FIELDS = select(record_fields).where(
    record_fields.c.app == bindparam("app"), record_fields.c.type == bindparam("type")
)


async def load(tx: Transaction, app: str, record_type: str, names: Iterable[str]) -> FieldMap:
    """Return the fields of *record_type*; of all that exist, at least those *names*."""
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
        row = dialect.json_rows("rows", tx.dialect, field=Text)
        query = query.where(record_fields.c.field == row["field"])
        values["rows"] = [{"field": name} for name in sorted(unknown)]
    rows = await tx.connection.execute(query, values)
    read = {row.field: Field(row.kind, row.target, row.column_type, row.next_value) for row in rows}
    if committed is None:
        tx.fields_read_at[app, record_type] = moment
    tx.new_fields[app, record_type] = {**own, **read}
    return {**(committed or {}), **own, **read}


async def add(tx: Transaction, app: str, record_type: str, fields: Mapping[str, Field]) -> None:
    """Add *fields*. Raises LookAgain where another node added one with another type."""
    await add_missing(tx, app, record_type, fields)
    stored = await load(tx, app, record_type, fields)
    if any((stored[n].kind, stored[n].target) != (f.kind, f.target) for n, f in fields.items()):
        raise LookAgain


async def add_missing(
    tx: Transaction, app: str, record_type: str, fields: Mapping[str, Field]
) -> None:
    """Add those of *fields* that are not there, whatever the type of those that are."""
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
