"""Deciding what saving and deleting records does. Pure.

Records are saved one after the other: each sees those before it. The rules and
messages are the original's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from skylogin.domain import access, fields
from skylogin.domain.access import AccessRules
from skylogin.domain.claims import Profile
from skylogin.domain.field_rules import denied_update
from skylogin.domain.fields import SEQUENCE, TypeAndField
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.unique_keys import KeySet, UniqueKey, key_change
from skylogin.domain.user import Actor, Field, FieldValue, Record, RecordId, new_record
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import (
    ATOMIC_OPERATION_FAILURE,
    CONSTRAINT_VIOLATED,
    DUPLICATED,
    INVALID_ARGUMENT,
    PERMISSION_DENIED,
    RESOURCE_NOT_FOUND,
    UNEXPECTED_ERROR,
    SkygearError,
    error_body,
)


@dataclass(frozen=True, slots=True)
class SaveContext:
    """The actor, time and database of a save, and the rules it follows."""

    actor: Actor
    database_id: str
    now: datetime
    rules: AccessRules
    key_sets: tuple[KeySet, ...]
    documented: bool
    atomic: bool = False


@dataclass(slots=True)
class RecordSnapshot:
    """What is stored about the records of a call.

    *elsewhere* are ids that another database has. *next_values* are the next
    numbers of the sequences, *numbers* the records that have the numbers in the call.
    """

    records: dict[RecordId, Record]
    fields: Mapping[str, Mapping[str, Field]]
    types: frozenset[str]
    user_ids: frozenset[str] = frozenset()
    existing: set[tuple[str, str]] = field(default_factory=set)
    elsewhere: frozenset[RecordId] = frozenset()
    key_owners: dict[UniqueKey, str | None] = field(default_factory=dict)
    next_values: dict[TypeAndField, int] = field(default_factory=dict)
    numbers: dict[tuple[TypeAndField, int], RecordId] = field(default_factory=dict)


@dataclass(slots=True)
class RecordChanges:
    """What to save. Records in *made* are new, keys in *wanted* were taken."""

    records: dict[RecordId, Record] = field(default_factory=dict)
    made: set[RecordId] = field(default_factory=set)
    released: set[UniqueKey] = field(default_factory=set)
    key_owners: dict[UniqueKey, str | None] = field(default_factory=dict)
    wanted: set[UniqueKey] = field(default_factory=set)
    next_values: dict[TypeAndField, int] = field(default_factory=dict)


def decide_all(
    given: Sequence[GivenRecord], snapshot: RecordSnapshot, context: SaveContext
) -> tuple[list[Record | SkygearError], RecordChanges, set[UniqueKey]]:
    """Return each record as saved or its refusal, what to save, and keys without a known owner.

    Keys that are not in the snapshot were assumed to be free. If there are any, the
    decision has to be repeated with their owners in the snapshot.
    """
    changes = RecordChanges()
    now = replace(
        snapshot,
        records=dict(snapshot.records),
        existing=set(snapshot.existing),
        key_owners=dict(snapshot.key_owners),
        next_values=dict(snapshot.next_values),
        numbers=dict(snapshot.numbers),
    )
    outcomes = [_decide_or_refuse(one, now, context, changes) for one in given]
    unknown = {key for key in changes.wanted if key not in snapshot.key_owners}
    return outcomes, changes, unknown


def _decide_or_refuse(
    given: GivenRecord, snapshot: RecordSnapshot, context: SaveContext, changes: RecordChanges
) -> Record | SkygearError:
    try:
        return _decide(given, snapshot, context, changes)
    except SkygearError as refusal:
        return refusal


def _decide(
    given: GivenRecord, snapshot: RecordSnapshot, context: SaveContext, changes: RecordChanges
) -> Record:
    record_id, actor = given.id, context.actor
    if record_id.type.startswith("_"):
        raise SkygearError(UNEXPECTED_ERROR, f"failed to fetch record id = {record_id}")
    stored = snapshot.records.get(record_id)
    if stored is None:
        _check_may_create(record_id, snapshot, context)
    elif access.is_hidden(stored, actor):
        raise _not_to_create()
    elif not access.may_write(stored, actor, documented=context.documented):
        raise not_permitted()
    base = stored or new_record(
        record_id.key, actor.user_id, context.now, record_type=record_id.type
    )
    values = _writable(given, base, context)
    if not record_id.key:
        raise SkygearError(UNEXPECTED_ERROR, "db.save: got empty record id")
    if record_id in snapshot.elsewhere:
        raise _duplicated()

    _check_references(base, values, snapshot, actor)
    values = _number(record_id, values, base, snapshot)
    data = fields.merge(base.data, values, snapshot.fields.get(record_id.type, {}), str(record_id))
    if record_id.type == USER_TYPE:
        _move_keys(record_id.key, base.data, data, snapshot, context, changes)

    saved = base._replace(
        access=_access(given, base, context.rules),
        updated_at=context.now,
        updated_by=actor.user_id,
        data=data,
    )
    if stored is None:
        changes.made.add(record_id)
    changes.records[record_id] = snapshot.records[record_id] = saved
    snapshot.existing.add(record_id)
    _advance_sequences(record_id, data, snapshot, changes)
    return saved


def not_permitted() -> SkygearError:
    """Return the refusal of a record that the actor may not read or write."""
    return SkygearError(PERMISSION_DENIED, "no permission to perform operation")


def not_found() -> SkygearError:
    """Return the refusal of a record that does not exist."""
    return SkygearError(RESOURCE_NOT_FOUND, "record not found")


def _check_may_create(record_id: RecordId, snapshot: RecordSnapshot, context: SaveContext) -> None:
    actor = context.actor
    may = context.rules.may_create(record_id.type, actor)
    if context.documented and record_id.type == USER_TYPE and not actor.has_master_key:
        # The creator of another user's record would own it, and with it the user name.
        may = may and record_id.key == actor.user_id and actor.user_id in snapshot.user_ids
    if not may:
        raise _not_to_create()


def _not_to_create() -> SkygearError:
    return SkygearError(PERMISSION_DENIED, "no permission to create")


def _writable(given: GivenRecord, base: Record, context: SaveContext) -> Profile:
    """Return the values of *given* that the actor may change."""
    refused = context.rules.refused_changes(base, given.values, context.actor)
    if refused and context.atomic:
        raise denied_update(refused)
    return {name: value for name, value in given.values.items() if name not in refused}


def _duplicated(explanation: str = "") -> SkygearError:
    return SkygearError(DUPLICATED, "violate unique constraint", explanation=explanation)


def _check_references(
    base: Record, values: Profile, snapshot: RecordSnapshot, actor: Actor
) -> None:
    """Raise SkygearError if *values* refer to a missing record, other than *base* itself.

    An asset that *base* already has is accepted: it was imported.
    """
    others = {
        name: value
        for name, value in values.items()
        if value is not None
        and (value.target, value.value) != (base.type, base.id)
        and not (value.kind == "asset" and value.value == base.data.get(name))
    }
    # A new reference would reveal whether a hidden user exists.
    hidden = {
        (USER_TYPE, str(value.value))
        for name, value in others.items()
        if value.target == USER_TYPE
        and value.value != base.data.get(name)
        and access.is_hidden_id(str(value.value), actor)
    }
    fields.check_references(others, snapshot.existing - hidden, snapshot.types)


def _sequences(record_type: str, snapshot: RecordSnapshot) -> list[str]:
    known = snapshot.fields.get(record_type, {})
    return [name for name, kind in known.items() if kind.kind == SEQUENCE]


def _number(
    record_id: RecordId, values: Profile, base: Record, snapshot: RecordSnapshot
) -> Profile:
    """Return *values* with a number from each sequence that the record lacks."""
    numbered = dict(values)
    for name in _sequences(record_id.type, snapshot):
        sequence, value = (record_id.type, name), values.get(name)
        if value is not None and isinstance(number := value.value, int):
            if snapshot.numbers.get((sequence, number), record_id) != record_id:
                raise _duplicated()
        elif value is None or value.value is None:
            # A sequence cannot be cleared: its column is never null.
            numbered.pop(name, None)
            if name not in base.data:
                numbered[name] = FieldValue("number", snapshot.next_values[sequence])
    return numbered


def _advance_sequences(
    record_id: RecordId,
    data: Mapping[str, JsonValue],
    snapshot: RecordSnapshot,
    changes: RecordChanges,
) -> None:
    """Continue the sequences after the numbers in *data*."""
    for name in _sequences(record_id.type, snapshot):
        sequence, number = (record_id.type, name), data[name]
        assert isinstance(number, int)
        snapshot.numbers[sequence, number] = record_id
        if number >= snapshot.next_values[sequence]:
            snapshot.next_values[sequence] = changes.next_values[sequence] = number + 1


def _move_keys(  # noqa: PLR0913, PLR0917
    user_id: str,
    old: Mapping[str, JsonValue],
    new: Mapping[str, JsonValue],
    snapshot: RecordSnapshot,
    context: SaveContext,
    changes: RecordChanges,
) -> None:
    """Release and take the unique keys of a user. Raises SkygearError (Duplicated)."""
    change = key_change(old, new, context.key_sets, snapshot.fields[USER_TYPE])
    changes.wanted |= change.taken
    for key in sorted(change.taken, key=lambda key: key.name):
        if snapshot.key_owners.get(key) not in (None, user_id):
            raise _duplicated(f"another user has the same {key.name}")
    changes.released |= change.released
    changes.key_owners |= change.owners(user_id)
    snapshot.key_owners |= change.owners(user_id)


def _access(given: GivenRecord, base: Record, rules: AccessRules) -> JsonValue:
    if given.access is not None:
        return given.access
    default = rules.default_access(base.type)
    return base.access if default is None else default


def check_all_read(errors: Iterable[SkygearError | object]) -> None:
    """Raise SkygearError if a record of an atomic call could not be read."""
    refusals = [error_body(error) for error in errors if isinstance(error, SkygearError)]
    if refusals:
        info = {"arguments": "records", "errors": refusals}
        raise SkygearError(INVALID_ARGUMENT, "fails to de-serialize records", info=info)


def check_all_done(outcomes: Iterable[tuple[RecordId, object]]) -> None:
    """Raise SkygearError if a record of an atomic call was refused."""
    refused = ((record_id, e) for record_id, e in outcomes if isinstance(e, SkygearError))
    info = {str(record_id): error_body(error) for record_id, error in refused}
    if info:
        message = "Atomic Operation rolled back due to one or more errors"
        raise SkygearError(ATOMIC_OPERATION_FAILURE, message, info=info)


def refusal_to_delete(
    record_id: RecordId, stored: Record | None, context: SaveContext
) -> SkygearError | None:
    """Return why a record may not be deleted, None if it may; a user's record never may."""
    if record_id.type == USER_TYPE:
        return SkygearError(PERMISSION_DENIED, "cannot delete user record")
    if stored is None:
        return not_found()
    if not access.may_write(stored, context.actor, documented=context.documented):
        return not_permitted()
    return None


def referred_to(record_id: RecordId) -> SkygearError:
    """Return the refusal to delete a record that other records refer to."""
    message = (
        f"delete {record_id}: failed to delete record because other records have reference to it"
    )
    return SkygearError(CONSTRAINT_VIOLATED, message)
