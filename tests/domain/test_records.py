"""Deciding what saving and deleting records does."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from skylogin.domain import records
from skylogin.domain.access import AccessRules, TypeRules
from skylogin.domain.field_rules import FIRST_FIELD_RULES, FieldRules
from skylogin.domain.fields import FIRST_USER_FIELDS, new_field
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import RecordSnapshot, SaveContext
from skylogin.domain.unique_keys import UniqueKey
from skylogin.domain.user import Actor, FieldValue, RecordId
from skylogin.errors import SkygearError

from tests.factories import NOW, make_record

AL = RecordId("user", "al")
NOTE = RecordId("note", "1")
LATER = NOW + timedelta(hours=1)


def make_context(user_id: str = "al", now: datetime = NOW, **changes: Any) -> SaveContext:
    """Return the context of a save by *user_id* in a new app."""
    usual: dict[str, Any] = {
        "actor": Actor(user_id),
        "database_id": "",
        "now": now,
        "rules": AccessRules(FieldRules(FIRST_FIELD_RULES)),
        "key_sets": (("username",), ("email",)),
        "documented": False,
    }
    return SaveContext(**{**usual, **changes})


def snapshot(**changes: Any) -> RecordSnapshot:
    """Return a snapshot with the record of al."""
    usual: dict[str, Any] = {
        "records": {AL: make_record("al", {"username": "al", "age": 30})},
        "fields": {
            "user": {**FIRST_USER_FIELDS, "age": new_field("number"), "no": new_field("string")},
            "note": {"title": new_field("string"), "to": new_field("reference", "note")},
        },
        "types": frozenset(("user", "note")),
        "user_ids": frozenset(("al",)),
        "key_owners": {UniqueKey("username", "al"): "al"},
    }
    return RecordSnapshot(**{**usual, **changes})


def give(record_id: RecordId = AL, access: Any = None, **values: Any) -> GivenRecord:
    """Return a record of a call, with texts, numbers and nulls."""
    kinds: dict[type, str] = {str: "string", int: "number", float: "number"}
    read = {
        name: value
        if value is None or isinstance(value, FieldValue)
        else FieldValue(kinds[type(value)], value)
        for name, value in values.items()
    }
    return GivenRecord(record_id, access, read)


def decide_one(one: GivenRecord, stored: RecordSnapshot | None = None, **changes: Any) -> Any:
    """Return the record as saved, or its refusal."""
    [outcome], _, _ = records.decide_all([one], stored or snapshot(), make_context(**changes))
    return outcome


def test_a_new_record_belongs_to_its_creator() -> None:
    """The creator is its owner too."""
    saved = decide_one(give(NOTE, title="T"))

    assert (saved.owner_id, saved.created_by, saved.updated_by) == ("al",) * 3
    assert (saved.created_at, saved.updated_at) == (NOW, NOW)
    assert (saved.type, saved.id, saved.data) == ("note", "1", {"title": "T"})


def test_a_stored_record_keeps_its_owner() -> None:
    """And its creator; the record says who saved it last."""
    saved = decide_one(give(age=31, username=None), user_id="bo", now=LATER)

    assert (saved.owner_id, saved.created_by, saved.updated_by) == ("al", "al", "bo")
    assert saved.updated_at == LATER
    assert saved.data == {"username": "al", "age": 31}


def test_an_unchanged_field_may_be_sent() -> None:
    """Even if the actor may not write it, and the save is atomic."""
    assert decide_one(give(username="al", age=1), user_id="bo", atomic=True).data["age"] == 1
    refused = decide_one(give(username="x", age=1), user_id="bo", atomic=True)
    assert (refused.kind.name, refused.info) == ("DeniedArgument", {"arguments": ["username"]})


def test_a_record_sees_those_before_it() -> None:
    """The same record twice is saved twice; a reference may point to an earlier one."""
    to_itself, to_next = (FieldValue("reference", key, "note") for key in ("1", "2"))
    given = [
        give(NOTE, title="a", to=to_itself),
        give(NOTE, title="b", to=to_next),
        give(RecordId("note", "2"), to=to_itself),
        give(NOTE, title="c", to=to_next),
    ]

    outcomes, changes, _ = records.decide_all(given, snapshot(), make_context())

    assert [getattr(one, "data", None) for one in outcomes] == [
        {"title": "a", "to": "1"},
        None,
        {"to": "1"},
        {"title": "c", "to": "2"},
    ]
    assert set(changes.records) == changes.made == {NOTE, RecordId("note", "2")}


def test_deciding_leaves_the_snapshot_as_it_is() -> None:
    """So it can be repeated when the owners of the keys are known."""
    stored = snapshot()

    _, _, unknown = records.decide_all([give(username="new"), give(NOTE)], stored, make_context())

    assert stored == snapshot()
    assert unknown == {UniqueKey("username", "new")}


def test_unique_keys_are_taken_and_released() -> None:
    """A key of another user is refused; a released key is free for the next record."""
    owners = {UniqueKey("username", "new"): None, UniqueKey("username", "bo"): "bo"}
    stored = snapshot()
    stored.key_owners |= owners
    given = [give(username="bo"), give(username="new"), give(RecordId("user", "cy"), username="AL")]

    outcomes, changes, unknown = records.decide_all(given, stored, make_context())

    refused, taken, released = outcomes
    assert isinstance(refused, SkygearError)
    assert refused.message == "violate unique constraint"
    assert not isinstance(taken, SkygearError)
    assert not isinstance(released, SkygearError)
    assert not unknown
    assert changes.released == {UniqueKey("username", "al")}
    assert changes.key_owners == {
        UniqueKey("username", "new"): "al",
        UniqueKey("username", "al"): "cy",
    }


CREATION = {
    # The actor, the key of the record, whether the contract is the documented one, the outcome.
    "oneself": ("al", "al", True, True),
    "another user": ("bo", "al", True, False),
    "an unknown user": ("al", "nobody", True, False),
    "an unknown user, by the original contract": ("al", "nobody", False, True),
    "an actor without a user": ("cy", "cy", True, False),
}


@pytest.mark.parametrize(("user_id", "key", "documented", "may"), CREATION.values(), ids=CREATION)
def test_the_contract_says_who_creates_a_users_record(
    user_id: str, key: str, *, documented: bool, may: bool
) -> None:
    """Users may create their own, or anyone's. The master key creates all."""
    stored = snapshot(records={})
    one = give(RecordId("user", key))

    outcome = decide_one(one, stored, user_id=user_id, documented=documented)
    by_god = decide_one(one, stored, actor=Actor("_god", (), True), documented=documented)

    assert not isinstance(by_god, SkygearError)
    assert not isinstance(outcome, SkygearError) if may else "create" in outcome.message


LISTS = {
    # The stored list, the given one, the default of the type, and the one that is saved.
    "kept": ([], None, None, []),
    "given": (None, [], None, []),
    "given, not the default": (None, [], [{"level": "read"}], []),
    "reset": ([], None, [{"level": "read"}], [{"level": "read"}]),
    "reset to a closed list": (None, None, [], []),
}


@pytest.mark.parametrize(("stored", "given", "default", "kept"), LISTS.values(), ids=LISTS)
def test_the_access_list_is_the_given_one_the_default_or_the_stored_one(
    stored: Any, given: Any, default: Any, kept: Any
) -> None:
    """In this order."""
    record = make_record("al", {})._replace(access=stored)
    rules = AccessRules(types={"user": TypeRules((), default)})

    assert (
        decide_one(give(access=given), snapshot(records={AL: record}), rules=rules).access == kept
    )


@for_all(st.lists(st.none() | st.integers(1, 30), max_size=12))
def test_numbers_of_a_sequence_are_used_once(numbers: list[int | None]) -> None:
    """Each saved record has its own number, whatever the call gives."""
    sequence = ("note", "no")
    stored = snapshot(next_values={sequence: 1})
    stored.fields = {"note": {"no": new_field("sequence")}}
    given = [give(RecordId("note", str(i)), no=number) for i, number in enumerate(numbers)]

    outcomes, changes, _ = records.decide_all(given, stored, make_context())

    saved = [one.data["no"] for one in outcomes if not isinstance(one, SkygearError)]
    assert len(set(saved)) == len(saved)
    assert changes.next_values.get(sequence, 1) == max(saved, default=0) + 1
    assert all(
        asked in saved[:i] or one.message == "violate unique constraint"
        for i, (asked, one) in enumerate(zip(numbers, outcomes, strict=True))
        if isinstance(one, SkygearError)
    )


def test_a_number_of_another_record_is_refused() -> None:
    """A record may give its own."""
    stored = snapshot(
        next_values={("note", "no"): 8}, numbers={(("note", "no"), 7): RecordId("note", "7")}
    )
    stored.fields = {"note": {"no": new_field("sequence")}}

    refused = decide_one(give(NOTE, no=7), stored)
    assert (refused.kind.name, refused.message) == ("Duplicated", "violate unique constraint")
    assert decide_one(give(RecordId("note", "7"), no=7), stored).data == {"no": 7}


def test_an_id_of_another_database_is_refused() -> None:
    """An id is unique among all databases."""
    refused = decide_one(give(NOTE), snapshot(elsewhere=frozenset((NOTE,))))

    assert refused.kind.name == "Duplicated"


def test_an_atomic_call_reports_the_error_of_each_record() -> None:
    """In order if a record cannot be read, by its id if it was refused."""
    refusal = records.not_permitted()
    body = {"name": "PermissionDenied", "code": 102, "message": refusal.message}

    with pytest.raises(SkygearError) as unread:
        records.check_all_read([give(), refusal])
    with pytest.raises(SkygearError) as undone:
        records.check_all_done([(AL, None), (NOTE, refusal)])

    assert unread.value.info == {"arguments": "records", "errors": [body]}
    assert undone.value.info == {"note/1": body}
    records.check_all_read([give()])
    records.check_all_done([(AL, None)])


def test_a_users_record_is_never_deleted() -> None:
    """Other records may be deleted by those who may write them."""
    record = make_record("al", {})

    def refusal(record_id: RecordId, stored: Any, user_id: str = "bo") -> Any:
        found = records.refusal_to_delete(record_id, stored, make_context(user_id))
        return found and found.message

    assert refusal(AL, record, "al") == "cannot delete user record"
    assert refusal(NOTE, None) == "record not found"
    assert refusal(NOTE, record._replace(access=[])) == "no permission to perform operation"
    assert refusal(NOTE, record) is None
