"""Records of any type: loaded and locked together; only changes are saved."""

import functools
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, select

from skylogin.database import dialect
from skylogin.database.tables import records
from skylogin.database.transaction import Transaction
from skylogin.domain import profile, schema
from skylogin.domain.fields import SEQUENCE, TypeAndField
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import RecordChanges, RecordSnapshot, SaveContext, decide_all
from skylogin.domain.schema import Extension
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Record, RecordId
from skylogin.errors import SkygearError
from skylogin.store import fields, login_batch, record_rows, references, table_rows, users
from skylogin.store import schema as stored_schema


async def load(
    tx: Transaction, app: str, ids: Collection[RecordId], database_id: str | None
) -> dict[RecordId, Record]:
    """Return the records that exist; without a *database_id*, in any database."""
    if not ids:
        return {}
    if database_id is None:
        values = references.as_rows(app, ids)
        rows = await tx.fetch(_records_anywhere(tx.dialect), values)
    else:
        values = references.as_rows(app, ids, [database_id])
        rows = await tx.fetch(_records_by_id(tx.dialect), values)
    found = {RecordId(row[-1], row[0]): Record(*row) for row in rows}
    await fields.load_of_records(tx, app, found.values())
    return found


async def load_to_change(
    tx: Transaction, app: str, ids: Collection[RecordId], database_id: str, *, to_stay: bool
) -> tuple[dict[RecordId, Record], frozenset[str]]:
    """Lock and return the records that exist, and the ids among them that belong to users.

    Unless the records are *to_stay*, new references to them have to wait too. Users
    are locked first and then records, in order of their ids, as by logins.
    """
    user_ids = {record_id.key for record_id in ids if record_id.type == USER_TYPE}
    existing = await users.load(tx, app, user_ids, lock=True) if user_ids else {}
    # A separate statement: only the next one sees what the holder of the lock wrote.
    lock = _lock_records(tx.dialect, to_stay=to_stay)
    await tx.connection.execute(lock, references.as_rows(app, ids, [database_id]))
    return await load(tx, app, ids, database_id), frozenset(existing)


@functools.cache
def _records_by_id(dialect_name: str) -> Select[Any]:
    return select(*record_rows.COLUMNS).where(*references.of_rows(dialect_name))


@functools.cache
def _records_anywhere(dialect_name: str) -> Select[Any]:
    columns = (records.c.app, records.c.type, records.c.id)
    is_wanted = dialect.is_in_rows("rows", dialect_name, *columns)
    return select(*record_rows.COLUMNS).where(*is_wanted)


@functools.cache
def _lock_records(dialect_name: str, *, to_stay: bool) -> Select[Any]:
    query = select(records.c.id).where(*references.of_rows(dialect_name))
    return dialect.locked(query, references.WHOLE_ID, [records], dialect_name, to_stay=to_stay)


async def decide(
    tx: Transaction,
    app: str,
    given: Sequence[GivenRecord],
    context: SaveContext,
    *,
    may_extend: bool,
) -> tuple[list[Record | SkygearError], RecordChanges] | Extension:
    """Return what saving *given* does, or how the schema has to be extended first.

    Raises SkygearError if the schema does not fit and may not be extended.
    """
    snapshot = await _load_schema(tx, app, given)
    values = [(one.id.type, one.values) for one in given]
    extension = schema.extend(values, snapshot.fields, snapshot.types, may_extend=may_extend)
    if extension:
        return extension
    await _load_snapshot(tx, app, given, context, snapshot)
    while True:
        outcomes, changes, unknown = decide_all(given, snapshot, context)
        if not unknown:
            return outcomes, changes
        snapshot.key_owners |= await login_batch.load_key_owners(tx, app, unknown)


async def _load_schema(tx: Transaction, app: str, given: Sequence[GivenRecord]) -> RecordSnapshot:
    names = _names(given)
    targets = {record_type for one in given for record_type, _ in profile.references(one.values)}
    types = await stored_schema.find_types(tx, app, set(names) | targets)
    known = {
        record_type: await fields.load(tx, app, record_type, of_type)
        for record_type, of_type in names.items()
        if record_type in types
    }
    return RecordSnapshot({}, known, types)


def _names(given: Sequence[GivenRecord]) -> dict[str, set[str]]:
    """Return the names of the given fields, by record type."""
    names: dict[str, set[str]] = {}
    for one in given:
        names.setdefault(one.id.type, set()).update(one.values)
    return names


async def _load_snapshot(
    tx: Transaction,
    app: str,
    given: Sequence[GivenRecord],
    context: SaveContext,
    snapshot: RecordSnapshot,
) -> None:
    """Fill *snapshot* with what *given* needs from the database, locked against changes."""
    ids = {one.id for one in given}
    snapshot.records, snapshot.user_ids = await load_to_change(
        tx, app, ids, context.database_id, to_stay=True
    )
    names = _names(given)
    # The cache may hold the fields from before some of these were added.
    snapshot.fields = {
        record_type: await fields.load(tx, app, record_type, names[record_type])
        for record_type in snapshot.fields
    }
    others = [d for d in (PUBLIC_DATABASE, context.actor.user_id) if d != context.database_id]
    new = ids - set(snapshot.records)
    snapshot.elsewhere = frozenset(await references.find(tx, app, new, others))
    referred = {pair for one in given for pair in profile.references(one.values)}
    snapshot.existing = set(
        await references.find_to_refer(tx, app, referred, [context.database_id, *others])
    )
    sequences = [
        (record_type, name)
        for record_type, known in snapshot.fields.items()
        for name, kind in known.items()
        if kind.kind == SEQUENCE
    ]
    if sequences:
        snapshot.next_values = await fields.lock_sequences(tx, app, sequences)
        snapshot.numbers = await _load_numbers(tx, app, given, sequences)


async def _load_numbers(
    tx: Transaction, app: str, given: Sequence[GivenRecord], sequences: Collection[TypeAndField]
) -> dict[tuple[TypeAndField, int], RecordId]:
    """Return the records that already have the sequence numbers in *given*."""
    asked: dict[TypeAndField, set[str]] = {}
    for one in given:
        for name, value in one.values.items():
            if (
                value is not None
                and isinstance(value.value, int)
                and (one.id.type, name) in sequences
            ):
                asked.setdefault((one.id.type, name), set()).add(str(value.value))
    return {
        (sequence, int(number)): RecordId(sequence[0], holder)
        for sequence, numbers in asked.items()
        for number, holder in await references.find_holders(tx, app, sequence, numbers)
    }


async def save(tx: Transaction, app: str, database_id: str, changes: RecordChanges) -> None:
    """Save *changes*: records, unique keys of users, and next numbers of sequences."""
    new = [record for key, record in changes.records.items() if key in changes.made]
    changed = [record for key, record in changes.records.items() if key not in changes.made]
    record_rows.write(tx, app, new, changed, database_id)
    await login_batch.save_keys(tx, app, changes.released, changes.key_owners)
    await fields.set_next_values(tx, app, changes.next_values)


async def remove(tx: Transaction, app: str, database_id: str, ids: Collection[RecordId]) -> None:
    """Delete records."""
    await table_rows.remove(tx, records, references.as_rows(app, ids, [database_id])["rows"])
