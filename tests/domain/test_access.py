"""Who may create, read and write records."""

import pytest
from skylogin.domain.access import AccessRules, TypeRules, may_read, may_write, read_entry
from skylogin.domain.field_rules import FieldRule, FieldRules
from skylogin.domain.user import ANONYMOUS, Actor, FieldValue

from tests.factories import make_record

AL, BO = Actor("al"), Actor("bo", ("editor",))
MASTER = Actor("_god", has_master_key=True)
RECORD = make_record("al", {"username": "al", "name": "Al"})

ACCESS = {
    # The access list, then which of al, bo and a stranger may read and write.
    "none": (None, "al bo stranger", "al bo"),
    "empty": ([], "al", "al"),
    "public, read": ([{"public": True, "level": "read"}], "al bo stranger", "al"),
    "public, write": ([{"public": True, "level": "write"}], "al bo stranger", "al bo stranger"),
    "not public": ([{"user_id": "", "level": "write"}], "al", "al"),
    "role, read": ([{"role": "editor", "level": "read"}], "al bo", "al"),
    "role, write": ([{"role": "editor", "level": "write"}], "al bo", "al bo"),
    "another role": ([{"role": "author", "level": "write"}], "al", "al"),
    "user, read": ([{"user_id": "bo", "level": "read"}], "al bo", "al"),
    "user, write": ([{"user_id": "bo", "level": "write"}], "al bo", "al bo"),
    "relation": ([{"relation": "_friend", "level": "write"}], "al", "al"),
}
ACTORS = {"al": AL, "bo": BO, "stranger": ANONYMOUS}


@pytest.mark.parametrize(("access", "readers", "writers"), ACCESS.values(), ids=ACCESS)
def test_an_access_list_grants_reading_and_writing(access, readers, writers):
    """The owner always may read and write, others by an entry for them."""
    record = RECORD._replace(access=access)

    assert [name for name, actor in ACTORS.items() if may_read(record, actor)] == readers.split()
    found = [n for n, actor in ACTORS.items() if may_write(record, actor, documented=False)]
    assert found == writers.split()
    assert may_read(record, MASTER)
    assert may_write(record, MASTER, documented=True)


def test_by_the_documented_contract_only_its_owner_writes_a_users_record():
    """If it has no access list. Other records without one stay open."""
    assert may_write(RECORD, AL, documented=True)
    assert not may_write(RECORD, BO, documented=True)
    assert may_write(RECORD._replace(type="note"), BO, documented=True)


def test_creating_may_require_a_role():
    """Everyone may create records of a type without roles."""
    rules = AccessRules(types={"book": TypeRules(("editor",)), "note": TypeRules(())})

    assert [rules.may_create("book", actor) for actor in (AL, BO, MASTER)] == [False, True, True]
    assert rules.may_create("note", AL)
    assert rules.may_create("never seen", AL)
    assert rules.default_access("book") is None


ENTRIES = {
    "public": ({"public": True, "level": "read"}, {"level": "read", "public": True}),
    "user": ({"user_id": "al", "level": "write"}, {"level": "write", "user_id": "al"}),
    "more": ({"role": "a", "x": 1, "level": "read"}, {"level": "read", "role": "a"}),
    "not public": ({"public": False, "level": "read"}, {"level": "read"}),
    "no level": ({"public": True}, None),
    "bad level": ({"public": True, "level": "create"}, None),
    "level of another type": ({"public": True, "level": ["read"]}, None),
    "no target": ({"level": "read"}, None),
    "target of another type": ({"level": "read", "public": "yes"}, None),
    "text": ("public", None),
}


@pytest.mark.parametrize(("raw", "kept"), ENTRIES.values(), ids=ENTRIES)
def test_an_entry_of_an_access_list_is_read(raw, kept):
    """It needs a level and a target; empty members are left out."""
    assert read_entry(raw) == kept


@pytest.mark.parametrize(
    ("stored", "given"), [({"on": 1}, {"on": True}), ([False], [0]), ({"a": [1]}, {"a": [True]})]
)
def test_a_refused_change_may_be_from_a_number_to_a_boolean(stored, given):
    """In Python, they are equal."""
    record = make_record("al", {"flags": stored})
    fields = FieldRules((FieldRule("user", "flags", "_any_user", *[False] * 4),))
    rules = AccessRules(fields=fields)

    assert rules.refused_changes(record, {"flags": FieldValue("json", given)}, AL) == ["flags"]
    assert rules.refused_changes(record, {"flags": FieldValue("json", stored)}, AL) == []
