"""Who may create, read and write records, and which of their fields."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.access import (
    ANONYMOUS,
    FIRST_FIELD_RULES,
    AccessRules,
    Actor,
    FieldRule,
    FieldRules,
    FieldUse,
    TypeRules,
    denied_update,
    may_read,
    may_write,
    read_entry,
    read_field_rule,
    read_field_rules,
)
from skylogin.errors import SkygearError

from tests.factories import make_record

AL, BO = Actor("al"), Actor("bo", ("editor",))
MASTER = Actor("_god", has_master_key=True)
RECORD = make_record("al", {"username": "al", "name": "Al"})

ACCESS = {
    # The list, and then who may read, and who may write: of al, bo and a stranger.
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
EVERYBODY = {"al": AL, "bo": BO, "stranger": ANONYMOUS}


@pytest.mark.parametrize(("access", "readers", "writers"), ACCESS.values(), ids=ACCESS)
def test_an_access_list_says_who_may_read_and_write(access, readers, writers):
    """The owner always may; others by an entry that is for them."""
    record = replace(RECORD, access=access)

    assert [name for name, who in EVERYBODY.items() if may_read(record, who)] == readers.split()
    found = [n for n, who in EVERYBODY.items() if may_write(record, who, documented=False)]
    assert found == writers.split()
    assert may_read(record, MASTER)
    assert may_write(record, MASTER, documented=True)


def test_a_users_record_is_the_owners_by_the_documented_contract():
    """Without an access list nobody else writes it; other records stay open."""
    assert may_write(RECORD, AL, documented=True)
    assert not may_write(RECORD, BO, documented=True)
    assert may_write(replace(RECORD, type="note"), BO, documented=True)


def rule(user_role, flags="", *, record_type="user", record_field="name"):
    """Return a rule with those of the four flags whose first letter is in *flags*."""
    return FieldRule(record_type, record_field, user_role, *(flag in flags for flag in "wrcd"))


def test_a_new_app_shows_names_to_whoever_is_logged_in():
    """Strangers see neither user name nor e-mail; only the owner changes them."""
    rules = FieldRules(FIRST_FIELD_RULES)
    data = {"username": "al", "email": "al@example.com", "name": "Al"}

    assert rules.readable("user", data, ANONYMOUS, RECORD) == {"name": "Al"}
    assert rules.readable("user", data, BO, RECORD) == data
    assert rules.refused_writes("user", data, BO, RECORD) == ["username", "email"]
    assert rules.refused_writes("user", data, AL, RECORD) == []
    assert rules.readable("note", data, ANONYMOUS, RECORD) == data
    assert not rules.may_query("user", "username", ANONYMOUS, FieldUse.DISCOVER)
    assert rules.may_query("user", "username", BO, FieldUse.COMPARE)


GROUPS = {
    "type and field": ("user", "name"),
    "type": ("user", "*"),
    "field": ("*", "name"),
    "all": ("*", "*"),
}


def test_the_nearest_group_of_rules_decides():
    """Rules of the type and the field come first; a group that has any hides the rest."""
    for position, nearest in enumerate(GROUPS.values()):
        further = list(GROUPS.values())[position + 1 :]
        rules = [rule("_public", "r", record_type=t, record_field=f) for t, f in further]
        rules.append(rule("_public", "", record_type=nearest[0], record_field=nearest[1]))

        assert FieldRules(rules).readable("user", {"name": "Al"}, BO, RECORD) == {}


ROLES = {
    "owner": ("_owner", "al"),
    "user": ("_user_id:bo", "bo"),
    "field": ("_field:editor", "bo"),
    "list": ("_field:editors", "bo"),
    "reserved field": ("_field:_created_by", "al"),
    "no such field": ("_field:nothing", ""),
    "role": ("_role:editor", "bo"),
    "any user": ("_any_user", "al bo"),
    "public": ("_public", "al bo stranger"),
}


@pytest.mark.parametrize(("user_role", "readers"), ROLES.values(), ids=ROLES)
def test_a_rule_is_for_whom_its_role_names(user_role, readers):
    """Whom no rule of the group is for may nothing."""
    rules = FieldRules([rule(user_role, "r")])
    record = replace(RECORD, data={"editor": "bo", "editors": ["cy", "bo"]})

    found = [n for n, who in EVERYBODY.items() if rules.readable("user", {"name": 1}, who, record)]
    assert found == readers.split()


def test_the_strongest_role_decides():
    """An owner goes by the rule for owners, even where everybody may more."""
    rules = FieldRules([rule("_public", "r"), rule("_owner", ""), rule("_any_user", "r")])

    assert rules.readable("user", {"name": "Al"}, AL, RECORD) == {}
    assert rules.readable("user", {"name": "Al"}, BO, RECORD) == {"name": "Al"}


def test_queries_look_at_no_record():
    """Neither owners nor fields count there; what may be compared may be discovered."""
    owners = FieldRules([rule("_owner", "cd"), rule("_field:editor", "cd")])
    comparable = FieldRules([rule("_public", "c")])
    discoverable = FieldRules([rule("_public", "d")])

    assert not owners.may_query("user", "name", AL, FieldUse.COMPARE)
    assert comparable.may_query("user", "name", AL, FieldUse.DISCOVER)
    assert discoverable.may_query("user", "name", AL, FieldUse.DISCOVER)
    assert not discoverable.may_query("user", "name", AL, FieldUse.COMPARE)
    assert discoverable.may_query("user", "_owner_id", AL, FieldUse.COMPARE)


def test_rules_are_listed_as_they_are_evaluated():
    """Wildcards last, and of one field the strongest role first."""
    listed = [
        rule("_owner"),
        rule("_user_id:a"),
        rule("_user_id:b"),
        rule("_field:x"),
        rule("_role:x"),
        rule("_any_user"),
        rule("_public"),
        rule("_owner", record_field="zeal"),
        rule("_owner", record_field="*"),
        rule("_owner", record_type="*"),
        rule("_owner", record_type="*", record_field="*"),
    ]

    assert list(FieldRules(reversed(listed)).rules) == listed


@given(st.lists(st.sampled_from([r for r, _ in ROLES.values()]), max_size=4))
def test_the_master_key_passes_all_rules(user_roles):
    """Whatever they are."""
    rules = AccessRules(FieldRules(rule(user_role) for user_role in user_roles))

    assert rules.readable("user", {"name": "Al"}, MASTER, RECORD) == {"name": "Al"}
    assert rules.refused_writes("user", ["name"], MASTER, RECORD) == []
    assert rules.fields.may_query("user", "name", MASTER, FieldUse.COMPARE)


def test_roles_may_be_needed_to_create():
    """A type without roles is open to everybody."""
    rules = AccessRules(types={"book": TypeRules(("editor",)), "note": TypeRules(())})

    assert [rules.may_create("book", who) for who in (AL, BO, MASTER)] == [False, True, True]
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
    """A level and somebody; what says nothing is left out."""
    assert read_entry(raw) == kept


GOOD = {
    "record_type": "user",
    "record_field": "*",
    "user_role": "_role:editor",
    **dict.fromkeys(("writable", "readable", "comparable", "discoverable"), True),
}
BAD_RULES = {
    "no type": {"record_type": ""},
    "field of another type": {"record_field": 5},
    "no such role": {"user_role": "_nobody"},
    "role without a name": {"user_role": "_role"},
    "owner with a name": {"user_role": "_owner:al"},
    "flag of another type": {"readable": "yes"},
    "no flag": {"discoverable": None},
}


@pytest.mark.parametrize("change", BAD_RULES.values(), ids=BAD_RULES)
def test_a_rule_for_fields_needs_all_of_its_members(change):
    """One that lacks any makes the whole call fail."""
    assert read_field_rule({**GOOD, **change}) is None
    with pytest.raises(SkygearError, match="invalid access entry"):
        read_field_rules([GOOD, {**GOOD, **change}])


def test_a_rule_for_fields_is_read():
    """With its role as it was written."""
    assert read_field_rules([GOOD]).rules == (rule("_role:editor", "wrcd", record_field="*"),)
    assert read_field_rule(None) is None


def test_a_denied_update_names_the_fields():
    """In order."""
    assert denied_update(["b", "a"]).info == {"arguments": ["a", "b"]}
