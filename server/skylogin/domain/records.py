"""Reading the records of a call, and deciding what saving them does. Pure.

A save is a fold over what is stored: each record sees those before it. The
rules and messages are the original's (records, section 3).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from skylogin.domain import access, fields, profile, unique_keys
from skylogin.domain.access import AccessRules, Actor
from skylogin.domain.claims import Profile
from skylogin.domain.fields import SEQUENCE, TypeAndField
from skylogin.domain.limits import check_keys
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.unique_keys import AuthKey, KeySet
from skylogin.domain.user import Field, FieldValue, Record
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
    invalid_argument,
    text_with_nul,
)


class RecordId(NamedTuple):
    """What tells a record in a database."""

    type: str
    key: str

    def __str__(self) -> str:
        """Return it in wire form."""
        return f"{self.type}/{self.key}"


def read_id(text: str) -> RecordId | None:
    """Return the id that *text* means, None where it has no type."""
    record_type, slash, key = text.partition("/")
    return RecordId(record_type, key) if slash else None


@dataclass(frozen=True, slots=True)
class Given:
    """A record as a call brings it. Without *access* the list stays, or becomes the default."""

    id: RecordId
    access: list[JsonValue] | None
    values: Profile


def read(raw: Mapping[str, object]) -> Given:
    """Return the record that the JSON object *raw* means. Raises SkygearError."""
    text = raw.get("_id")
    if not isinstance(text, str):
        raise invalid_argument("missing required fields", "id")
    record_id = read_id(text)
    if record_id is None:
        raise bad_id(text, "id")
    if "\0" in text:
        raise text_with_nul()
    check_keys(record_id)
    values = {name: value for name, value in raw.items() if name and not name.startswith("_")}
    return Given(record_id, _read_access(raw.get("_access")), profile.read(values))


def bad_id(text: str, argument: str) -> SkygearError:
    """Return the refusal of an id without a type."""
    message = f'record: "_id" should be of format \'{{type}}/{{id}}\', got "{text}"'
    return invalid_argument(message, argument)


def _read_access(raw: object) -> list[JsonValue] | None:
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise invalid_argument("_access must be an array", "_access")
    entries: list[JsonValue] = []
    for item in raw:
        entry = access.read_entry(item)
        if entry is None:
            raise invalid_argument("invalid _access entry", "_access")
        entries.append(entry)
    return entries


@dataclass(frozen=True, slots=True)
class SaveContext:
    """Who saves, where and when, and by which rules."""

    actor: Actor
    database_id: str
    now: datetime
    rules: AccessRules
    key_sets: tuple[KeySet, ...]
    documented: bool
    atomic: bool = False


@dataclass(slots=True)
class RecordSnapshot:
    """What is stored around the records of a call.

    *elsewhere* are those whose ids another database has. *next_values* are what
    the sequences give out next, *numbers* who has the numbers that are asked for.
    """

    records: dict[RecordId, Record]
    fields: Mapping[str, Mapping[str, Field]]
    types: frozenset[str]
    user_ids: frozenset[str] = frozenset()
    existing: set[tuple[str, str]] = field(default_factory=set)
    elsewhere: frozenset[RecordId] = frozenset()
    key_owners: dict[AuthKey, str | None] = field(default_factory=dict)
    next_values: dict[TypeAndField, int] = field(default_factory=dict)
    numbers: dict[tuple[TypeAndField, int], RecordId] = field(default_factory=dict)


@dataclass(slots=True)
class RecordChanges:
    """What is to be saved. Records in *made* are new."""

    records: dict[RecordId, Record] = field(default_factory=dict)
    made: set[RecordId] = field(default_factory=set)
    released: set[AuthKey] = field(default_factory=set)
    key_owners: dict[AuthKey, str | None] = field(default_factory=dict)
    wanted: set[AuthKey] = field(default_factory=set)
    next_values: dict[TypeAndField, int] = field(default_factory=dict)


def decide_all(
    given: Sequence[Given], snapshot: RecordSnapshot, circumstances: SaveContext
) -> tuple[list[Record | SkygearError], RecordChanges, set[AuthKey]]:
    """Return each record as saved, or why it is not, and what they all change together.

    The last are keys whose owners the snapshot does not tell. They were taken
    for free: with their owners known, the decision has to be made again.
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
    outcomes = [_decide_or_refuse(one, now, circumstances, changes) for one in given]
    unknown = {key for key in changes.wanted if key not in snapshot.key_owners}
    return outcomes, changes, unknown


def _decide_or_refuse(
    given: Given, snapshot: RecordSnapshot, circumstances: SaveContext, changes: RecordChanges
) -> Record | SkygearError:
    try:
        return _decide(given, snapshot, circumstances, changes)
    except SkygearError as refusal:
        return refusal


def _decide(
    given: Given, snapshot: RecordSnapshot, around: SaveContext, changes: RecordChanges
) -> Record:
    record_id, known = given.id, snapshot.fields.get(given.id.type, {})
    if record_id.type.startswith("_"):
        raise SkygearError(UNEXPECTED_ERROR, f"failed to fetch record id = {record_id}")
    stored = snapshot.records.get(record_id)
    if stored is None:
        _check_may_create(record_id, snapshot, around)
    elif not access.may_write(stored, around.actor, documented=around.documented):
        raise not_permitted()
    base = stored or _new_record(record_id, around)
    values = _writable(given, base, around)
    if not record_id.key:
        raise SkygearError(UNEXPECTED_ERROR, "db.save: got empty record id")
    if record_id in snapshot.elsewhere:
        raise _duplicated()

    _check_references(record_id, values, snapshot)
    values = _number(record_id, values, base, snapshot)
    data = fields.merge(base.data, values, known, str(record_id))
    if record_id.type == USER_TYPE:
        _move_keys(record_id.key, base.data, data, snapshot, around, changes)

    saved = replace(
        base,
        access=_access(given, base, around.rules),
        updated_at=around.now,
        updated_by=around.actor.user_id,
        data=data,
    )
    if stored is None:
        changes.made.add(record_id)
    changes.records[record_id] = snapshot.records[record_id] = saved
    snapshot.existing.add(record_id)
    _count_on(record_id, data, snapshot, changes)
    return saved


def not_permitted() -> SkygearError:
    """Return the refusal of a record that somebody may not read, or not write."""
    return SkygearError(PERMISSION_DENIED, "no permission to perform operation")


def not_found() -> SkygearError:
    """Return the refusal of a record that is not there."""
    return SkygearError(RESOURCE_NOT_FOUND, "record not found")


def _check_may_create(record_id: RecordId, snapshot: RecordSnapshot, around: SaveContext) -> None:
    actor = around.actor
    may = around.rules.may_create(record_id.type, actor)
    if around.documented and record_id.type == USER_TYPE and not actor.has_master_key:
        # Whoever made the record of another user would own it, and its user name.
        may = may and record_id.key == actor.user_id and actor.user_id in snapshot.user_ids
    if not may:
        raise SkygearError(PERMISSION_DENIED, "no permission to create")


def _new_record(record_id: RecordId, around: SaveContext) -> Record:
    user_id, now = around.actor.user_id, around.now
    return Record(
        id=record_id.key,
        owner_id=user_id,
        access=None,
        created_at=now,
        created_by=user_id,
        updated_at=now,
        updated_by=user_id,
        data={},
        type=record_id.type,
    )


def _writable(given: Given, base: Record, around: SaveContext) -> Profile:
    """Return the values of *given* without those that may not be changed."""
    changed = [
        name
        for name, value in given.values.items()
        if name not in base.data or base.data[name] != (value.value if value else None)
    ]
    refused = around.rules.refused_writes(base.type, changed, around.actor, base)
    if refused and around.atomic:
        raise access.denied_update(refused)
    return {name: value for name, value in given.values.items() if name not in refused}


def _duplicated(explanation: str = "") -> SkygearError:
    return SkygearError(DUPLICATED, "violate unique constraint", explanation=explanation)


def _check_references(record_id: RecordId, values: Profile, snapshot: RecordSnapshot) -> None:
    """Raise SkygearError where *values* refer to what is not there; to itself a record may."""
    others = {
        name: value
        for name, value in values.items()
        if value is not None and (value.target, value.value) != record_id
    }
    fields.check_references(others, snapshot.existing, snapshot.types)


def _sequences(record_type: str, snapshot: RecordSnapshot) -> list[str]:
    known = snapshot.fields.get(record_type, {})
    return [name for name, kind in known.items() if kind.kind == SEQUENCE]


def _number(
    record_id: RecordId, values: Profile, base: Record, snapshot: RecordSnapshot
) -> Profile:
    """Return *values* with a number for each sequence that the record has none of yet."""
    numbered = dict(values)
    for name in _sequences(record_id.type, snapshot):
        sequence, value = (record_id.type, name), values.get(name)
        if value is not None and isinstance(number := value.value, int):
            if snapshot.numbers.get((sequence, number), record_id) != record_id:
                raise _duplicated()
        elif value is None or value.value is None:
            # It cannot be cleared: a column of this kind is never null.
            numbered.pop(name, None)
            if name not in base.data:
                numbered[name] = FieldValue("number", snapshot.next_values[sequence])
    return numbered


def _count_on(
    record_id: RecordId,
    data: Mapping[str, JsonValue],
    snapshot: RecordSnapshot,
    changes: RecordChanges,
) -> None:
    """Have the sequences go on behind the numbers in *data*."""
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
    around: SaveContext,
    changes: RecordChanges,
) -> None:
    """Have a user's record give up keys and take others. Raises SkygearError (Duplicated)."""
    known = snapshot.fields[USER_TYPE]
    held = unique_keys.keys_of(old, around.key_sets, known)
    wanted = unique_keys.keys_of(new, around.key_sets, known)
    changes.wanted |= wanted - held
    for key in sorted(wanted - held, key=lambda key: key.name):
        if snapshot.key_owners.get(key) not in (None, user_id):
            raise _duplicated(f"another user has the same {key.name}")
    owners = {**dict.fromkeys(held - wanted), **dict.fromkeys(wanted - held, user_id)}
    changes.released |= held - wanted
    changes.key_owners |= owners
    snapshot.key_owners |= owners


def _access(given: Given, base: Record, rules: AccessRules) -> JsonValue:
    if given.access is not None:
        return given.access
    default = rules.default_access(base.type)
    return base.access if default is None else default


def check_whole(errors: Iterable[SkygearError | object]) -> None:
    """Raise SkygearError where a record of a call that has to be whole cannot be read."""
    refusals = [error_body(error) for error in errors if isinstance(error, SkygearError)]
    if refusals:
        info = {"arguments": "records", "errors": refusals}
        raise SkygearError(INVALID_ARGUMENT, "fails to de-serialize records", info=info)


def check_all_done(outcomes: Iterable[tuple[RecordId, object]]) -> None:
    """Raise SkygearError where a record of a call that has to be whole was refused."""
    refused = ((record_id, e) for record_id, e in outcomes if isinstance(e, SkygearError))
    info = {str(record_id): error_body(error) for record_id, error in refused}
    if info:
        message = "Atomic Operation rolled back due to one or more errors"
        raise SkygearError(ATOMIC_OPERATION_FAILURE, message, info=info)


def refusal_to_delete(
    record_id: RecordId, stored: Record | None, around: SaveContext
) -> SkygearError | None:
    """Return why a record may not be deleted, None where it may: a user's never may."""
    if record_id.type == USER_TYPE:
        return SkygearError(PERMISSION_DENIED, "cannot delete user record")
    if stored is None:
        return not_found()
    if not access.may_write(stored, around.actor, documented=around.documented):
        return not_permitted()
    return None


def referred_to(record_id: RecordId) -> SkygearError:
    """Return the refusal to delete a record that others refer to."""
    message = (
        f"delete {record_id}: failed to delete record because other records have reference to it"
    )
    return SkygearError(CONSTRAINT_VIOLATED, message)
