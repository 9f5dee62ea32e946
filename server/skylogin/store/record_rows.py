"""Rows of the table of records: their columns, and writing them."""

from collections.abc import Sequence
from typing import Any

from skylogin.database import dialect
from skylogin.database.tables import records
from skylogin.database.transaction import Transaction
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Record
from skylogin.encoding import rfc3339

# In the order of the fields of Record.
COLUMNS = (
    records.c.id,
    records.c.owner_id,
    records.c.access,
    records.c.created_at,
    records.c.created_by,
    records.c.updated_at,
    records.c.updated_by,
    records.c.data,
    records.c.type,
)
# The record of a user has the user's id.
OF_USERS = (records.c.database_id == PUBLIC_DATABASE, records.c.type == USER_TYPE)


def write(
    tx: Transaction,
    app: str,
    new: Sequence[Record],
    changed: Sequence[Record],
    database_id: str = PUBLIC_DATABASE,
) -> None:
    """Insert the *new* records and update the *changed* ones, at the end of the transaction."""
    new_rows = [_new_row(app, database_id, record) for record in new]
    changed_rows = [_changed_row(app, database_id, record) for record in changed]
    insert = dialect.insert_rows(records, "new_records", tx.dialect)
    update = dialect.update_rows(records, "changed_records", tx.dialect, _CHANGED)
    tx.defer_write(insert, "new_records", new_rows)
    tx.defer_write(update, "changed_records", changed_rows)


_CHANGED = ("access", "updated_at", "updated_by", "data")


def _new_row(app: str, database_id: str, record: Record) -> dict[str, Any]:
    return {
        **_changed_row(app, database_id, record),
        "owner_id": record.owner_id,
        "created_at": rfc3339.stored(record.created_at),
        "created_by": record.created_by,
    }


def _changed_row(app: str, database_id: str, record: Record) -> dict[str, Any]:
    return {
        "app": app,
        "database_id": database_id,
        "type": record.type,
        "id": record.id,
        "access": record.access,
        "updated_at": rfc3339.stored(record.updated_at),
        "updated_by": record.updated_by,
        "data": record.data,
    }
