"""Reading the records of a call, and deciding what a save does."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from skylogin.domain import records
from skylogin.domain.access import FIRST_FIELD_RULES, AccessRules, Actor, FieldRules, TypeRules
from skylogin.domain.fields import FIRST_USER_FIELDS, new_field
from skylogin.domain.records import Given, RecordId, RecordSnapshot, SaveContext
from skylogin.domain.unique_keys import AuthKey
from skylogin.domain.user import FieldValue
from skylogin.errors import SkygearError

from tests.factories import NOW, make_record

AL = RecordId("user", "al")
NOTE = RecordId("note", "1")
LATER = NOW + timedelta(hours=1)


def around(user_id: str = "al", now: datetime = NOW, **changes: Any) -> SaveContext:
    """Return who saves, by the rules that a new app has."""
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
    """Return what is stored: the record of al."""
    usual: dict[str, Any] = {
        "records": {AL: make_record("al", {"username": "al", "age": 30})},
        "fields": {
            "user": {**FIRST_USER_FIELDS, "age": new_field("number"), "no": new_field("string")},
            "note": {"title": new_field("string"), "to": new_field("reference", "note")},
        },
        "types": frozenset(("user", "note")),
        "user_ids": frozenset(("al",)),
        "key_owners": {AuthKey("username", "al"): "al"},
    }
    return RecordSnapshot(**{**usual, **changes})


def give(record_id: RecordId = AL, access: Any = None, **values: Any) -> Given:
    """Return a record as a call brings it, with texts, numbers and nulls."""
    kinds: dict[type, str] = {str: "string", int: "number", float: "number"}
    read = {
        name: value
        if value is None or isinstance(value, FieldValue)
        else FieldValue(kinds[type(value)], value)
        for name, value in values.items()
    }
    return Given(record_id, access, read)


def decide_one(one: Given, stored: RecordSnapshot | None = None, **changes: Any) -> Any:
    """Return the record as saved, or the refusal."""
    [outcome], _, _ = records.decide_all([one], stored or snapshot(), around(**changes))
    return outcome


READ = {
    "id": ({"_id": "note/1"}, Given(NOTE, None, {})),
    "id with slashes": ({"_id": "a/b/c"}, Given(RecordId("a", "b/c"), None, {})),
    "fields": (
        {"_id": "note/1", "title": "T", "_type": "x", "": 1, "_y": {"$type": "?"}},
        Given(NOTE, None, {"title": FieldValue("string", "T")}),
    ),
    "list": (
        {"_id": "note/1", "_access": [{"level": "read", "role": "a", "x": 1}]},
        Given(NOTE, [{"level": "read", "role": "a"}], {}),
    ),
    "empty list": ({"_id": "note/1", "_access": []}, Given(NOTE, [], {})),
    "no list": ({"_id": "note/1", "_access": None}, Given(NOTE, None, {})),
}


@pytest.mark.parametrize(("raw", "expected"), READ.values(), ids=READ)
def test_a_record_of_a_call_is_read(raw: dict[str, Any], expected: Given) -> None:
    """Its id, its list and its fields; what begins with an underscore is nobody's."""
    assert records.read(raw) == expected


NOT_READ = {
    "no id": ({}, "missing required fields", ["id"]),
    "id of another type": ({"_id": 5}, "missing required fields", ["id"]),
    "no type": (
        {"_id": "abc"},
        'record: "_id" should be of format \'{type}/{id}\', got "abc"',
        ["id"],
    ),
    "no list": ({"_id": "a/b", "_access": "all"}, "_access must be an array", ["_access"]),
    "no entry": ({"_id": "a/b", "_access": [None]}, "invalid _access entry", ["_access"]),
    "bad value": ({"_id": "a/b", "x": {"$type": "foo"}}, "unknown $type = foo", None),
    "U+0000": ({"_id": "a/\0"}, 'invalid byte sequence for encoding "UTF8": 0x00', None),
}


@pytest.mark.parametrize(("raw", "message", "arguments"), NOT_READ.values(), ids=NOT_READ)
def test_what_is_no_record_is_refused(
    raw: dict[str, Any], message: str, arguments: list[str] | None
) -> None:
    """With the argument that is wrong."""
    with pytest.raises(SkygearError) as caught:
        records.read(raw)

    assert caught.value.message == message
    assert caught.value.info == (arguments and {"arguments": arguments})


def test_a_new_record_is_its_makers() -> None:
    """Who is its owner, too."""
    saved = decide_one(give(NOTE, title="T"))

    assert (saved.owner_id, saved.created_by, saved.updated_by) == ("al",) * 3
    assert (saved.created_at, saved.updated_at) == (NOW, NOW)
    assert (saved.type, saved.id, saved.data) == ("note", "1", {"title": "T"})


def test_a_stored_record_keeps_its_owner() -> None:
    """And its maker; who writes it is noted."""
    saved = decide_one(give(age=31, username=None), user_id="bo", now=LATER)

    assert (saved.owner_id, saved.created_by, saved.updated_by) == ("al", "al", "bo")
    assert saved.updated_at == LATER
    assert saved.data == {"username": "al", "age": 31}


def test_a_field_that_stays_the_same_may_be_sent() -> None:
    """Even where it is closed, and all has to be done."""
    assert decide_one(give(username="al", age=1), user_id="bo", atomic=True).data["age"] == 1
    refused = decide_one(give(username="x", age=1), user_id="bo", atomic=True)
    assert (refused.kind.name, refused.info) == ("DeniedArgument", {"arguments": ["username"]})


def test_records_see_those_before_them() -> None:
    """The same one twice is saved twice; a reference may be to one before."""
    to_itself, to_next = (FieldValue("reference", key, "note") for key in ("1", "2"))
    given = [
        give(NOTE, title="a", to=to_itself),
        give(NOTE, title="b", to=to_next),
        give(RecordId("note", "2"), to=to_itself),
        give(NOTE, title="c", to=to_next),
    ]

    outcomes, changes, _ = records.decide_all(given, snapshot(), around())

    assert [getattr(one, "data", None) for one in outcomes] == [
        {"title": "a", "to": "1"},
        None,
        {"to": "1"},
        {"title": "c", "to": "2"},
    ]
    assert set(changes.records) == changes.made == {NOTE, RecordId("note", "2")}


def test_deciding_changes_no_snapshot() -> None:
    """So that it can be done again, when the owners of keys are known."""
    stored = snapshot()

    _, _, unknown = records.decide_all([give(username="new"), give(NOTE)], stored, around())

    assert stored == snapshot()
    assert unknown == {AuthKey("username", "new")}


def test_keys_are_taken_and_given_up() -> None:
    """Another user's is refused; what one gives up, the next may have."""
    owners = {AuthKey("username", "new"): None, AuthKey("username", "bo"): "bo"}
    stored = snapshot()
    stored.key_owners |= owners
    given = [give(username="bo"), give(username="new"), give(RecordId("user", "cy"), username="AL")]

    outcomes, changes, unknown = records.decide_all(given, stored, around())

    refused, taken, released = outcomes
    assert isinstance(refused, SkygearError)
    assert refused.message == "violate unique constraint"
    assert not isinstance(taken, SkygearError)
    assert not isinstance(released, SkygearError)
    assert not unknown
    assert changes.released == {AuthKey("username", "al")}
    assert changes.key_owners == {AuthKey("username", "new"): "al", AuthKey("username", "al"): "cy"}


CREATION = {
    # Who, whose record, by which contract, and whether they may.
    "oneself": ("al", "al", True, True),
    "another user": ("bo", "al", True, False),
    "nobody": ("al", "nobody", True, False),
    "nobody, by the code": ("al", "nobody", False, True),
    "who is no user": ("cy", "cy", True, False),
}


@pytest.mark.parametrize(("user_id", "key", "documented", "may"), CREATION.values(), ids=CREATION)
def test_the_record_of_a_user_is_made_by_whom_the_contract_says(
    user_id: str, key: str, *, documented: bool, may: bool
) -> None:
    """By themselves, or by anybody; the master key makes all."""
    stored = snapshot(records={})
    one = give(RecordId("user", key))

    outcome = decide_one(one, stored, user_id=user_id, documented=documented)
    by_god = decide_one(one, stored, actor=Actor("_god", (), True), documented=documented)

    assert not isinstance(by_god, SkygearError)
    assert not isinstance(outcome, SkygearError) if may else "create" in outcome.message


LISTS = {
    # Stored, given, the type's default, and the list that is kept.
    "kept": ([], None, None, []),
    "given": (None, [], None, []),
    "given, not the default": (None, [], [{"level": "read"}], []),
    "reset": ([], None, [{"level": "read"}], [{"level": "read"}]),
    "reset to none for anybody": (None, None, [], []),
}


@pytest.mark.parametrize(("stored", "given", "default", "kept"), LISTS.values(), ids=LISTS)
def test_an_access_list_is_given_or_the_default_or_kept(
    stored: Any, given: Any, default: Any, kept: Any
) -> None:
    """In this order."""
    record = replace(make_record("al", {}), access=stored)
    rules = AccessRules(types={"user": TypeRules((), default)})

    assert (
        decide_one(give(access=given), snapshot(records={AL: record}), rules=rules).access == kept
    )


@for_all(st.lists(st.none() | st.integers(1, 30), max_size=12))
def test_numbers_of_a_sequence_are_used_once(numbers: list[int | None]) -> None:
    """Whatever is asked for, each record that is saved has one of its own."""
    sequence = ("note", "no")
    stored = snapshot(next_values={sequence: 1})
    stored.fields = {"note": {"no": new_field("sequence")}}
    given = [give(RecordId("note", str(i)), no=number) for i, number in enumerate(numbers)]

    outcomes, changes, _ = records.decide_all(given, stored, around())

    saved = [one.data["no"] for one in outcomes if not isinstance(one, SkygearError)]
    assert len(set(saved)) == len(saved)
    assert changes.next_values.get(sequence, 1) == max(saved, default=0) + 1
    assert all(
        asked in saved[:i] or one.message == "violate unique constraint"
        for i, (asked, one) in enumerate(zip(numbers, outcomes, strict=True))
        if isinstance(one, SkygearError)
    )


def test_a_number_that_a_stored_record_has_is_refused() -> None:
    """Unless it is the record's own."""
    stored = snapshot(
        next_values={("note", "no"): 8}, numbers={(("note", "no"), 7): RecordId("note", "7")}
    )
    stored.fields = {"note": {"no": new_field("sequence")}}

    refused = decide_one(give(NOTE, no=7), stored)
    assert (refused.kind.name, refused.message) == ("Duplicated", "violate unique constraint")
    assert decide_one(give(RecordId("note", "7"), no=7), stored).data == {"no": 7}


def test_ids_of_other_databases_are_taken() -> None:
    """An id is used once in all of them."""
    refused = decide_one(give(NOTE), snapshot(elsewhere=frozenset((NOTE,))))

    assert refused.kind.name == "Duplicated"


def test_whole_calls_tell_of_each_record() -> None:
    """Of what cannot be read by its place, of what cannot be done by its id."""
    refusal = records.not_permitted()
    body = {"name": "PermissionDenied", "code": 102, "message": refusal.message}

    with pytest.raises(SkygearError) as unread:
        records.check_whole([give(), refusal])
    with pytest.raises(SkygearError) as undone:
        records.check_all_done([(AL, None), (NOTE, refusal)])

    assert unread.value.info == {"arguments": "records", "errors": [body]}
    assert undone.value.info == {"note/1": body}
    records.check_whole([give()])
    records.check_all_done([(AL, None)])


def test_records_of_users_are_never_deleted() -> None:
    """Others are by whoever may write them."""
    record = make_record("al", {})

    def refusal(record_id: RecordId, stored: Any, user_id: str = "bo") -> Any:
        found = records.refusal_to_delete(record_id, stored, around(user_id))
        return found and found.message

    assert refusal(AL, record, "al") == "cannot delete user record"
    assert refusal(NOTE, None) == "record not found"
    assert refusal(NOTE, replace(record, access=[])) == "no permission to perform operation"
    assert refusal(NOTE, record) is None
