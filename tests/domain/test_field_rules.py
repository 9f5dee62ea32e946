"""The rules for fields: who may read, write and query which fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.domain.field_rules import (
    FIRST_FIELD_RULES,
    FieldRule,
    FieldRules,
    FieldUse,
    denied_update,
    read_field_rule,
    read_field_rules,
)
from skylogin.domain.user import ANONYMOUS, Actor
from skylogin.errors import SkygearError

from tests.factories import make_record

AL, BO = Actor("al"), Actor("bo", ("editor",))
MASTER = Actor("_god", has_master_key=True)
ACTORS = {"al": AL, "bo": BO, "stranger": ANONYMOUS}
RECORD = make_record("al", {"username": "al", "name": "Al"})


def rule(user_role, flags="", *, record_type="user", record_field="name"):
    """Return a rule; *flags* are the first letters of the flags that are set."""
    return FieldRule(record_type, record_field, user_role, *(flag in flags for flag in "wrcd"))


def test_a_new_app_shows_names_to_logged_in_users():
    """Strangers see neither the user name nor the e-mail; only the owner may change them."""
    rules = FieldRules(FIRST_FIELD_RULES)
    data = {"username": "al", "email": "al@example.com", "name": "Al"}

    assert rules.readable(data, ANONYMOUS, RECORD) == {"name": "Al"}
    assert rules.readable(data, BO, RECORD) == data
    assert rules.refused_writes(data, BO, RECORD) == ["username", "email"]
    assert rules.refused_writes(data, AL, RECORD) == []
    assert rules.readable(data, ANONYMOUS, RECORD._replace(type="note")) == data
    assert not rules.may_query("user", "username", ANONYMOUS, FieldUse.DISCOVER)
    assert rules.may_query("user", "username", BO, FieldUse.COMPARE)


GROUPS = {
    "type and field": ("user", "name"),
    "type": ("user", "*"),
    "field": ("*", "name"),
    "all": ("*", "*"),
}


def test_the_most_specific_group_of_rules_decides():
    """Rules for the type and the field come first; a group with rules hides the others."""
    for position, nearest in enumerate(GROUPS.values()):
        further = list(GROUPS.values())[position + 1 :]
        rules = [rule("_public", "r", record_type=t, record_field=f) for t, f in further]
        rules.append(rule("_public", "", record_type=nearest[0], record_field=nearest[1]))

        assert FieldRules(rules).readable({"name": "Al"}, BO, RECORD) == {}


ROLES = {
    "owner": ("_owner", "al"),
    "user": ("_user_id:bo", "bo"),
    "field": ("_field:editor", "bo"),
    "list": ("_field:editors", "bo"),
    "reserved field": ("_field:_created_by", "al"),
    "unknown field": ("_field:nothing", ""),
    "role": ("_role:editor", "bo"),
    "any user": ("_any_user", "al bo"),
    "public": ("_public", "al bo stranger"),
}


@pytest.mark.parametrize(("user_role", "readers"), ROLES.values(), ids=ROLES)
def test_a_rule_applies_to_its_user_role(user_role, readers):
    """An actor to whom no rule of the group applies may do nothing."""
    rules = FieldRules([rule(user_role, "r")])
    record = RECORD._replace(data={"editor": "bo", "editors": ["cy", "bo"]})

    found = [n for n, actor in ACTORS.items() if rules.readable({"name": 1}, actor, record)]
    assert found == readers.split()


def test_the_strongest_user_role_decides():
    """The rule for owners applies to the owner, even if the public may do more."""
    rules = FieldRules([rule("_public", "r"), rule("_owner", ""), rule("_any_user", "r")])

    assert rules.readable({"name": "Al"}, AL, RECORD) == {}
    assert rules.readable({"name": "Al"}, BO, RECORD) == {"name": "Al"}


def test_queries_ignore_the_record():
    """Owners and fields do not count; a comparable field is discoverable too."""
    owners = FieldRules([rule("_owner", "cd"), rule("_field:editor", "cd")])
    comparable = FieldRules([rule("_public", "c")])
    discoverable = FieldRules([rule("_public", "d")])

    assert not owners.may_query("user", "name", AL, FieldUse.COMPARE)
    assert comparable.may_query("user", "name", AL, FieldUse.DISCOVER)
    assert discoverable.may_query("user", "name", AL, FieldUse.DISCOVER)
    assert not discoverable.may_query("user", "name", AL, FieldUse.COMPARE)
    assert discoverable.may_query("user", "_owner_id", AL, FieldUse.COMPARE)


def test_rules_are_listed_in_the_order_of_evaluation():
    """Wildcards come last, and of one field the strongest user role comes first."""
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
    rules = FieldRules(rule(user_role) for user_role in user_roles)

    assert rules.readable({"name": "Al"}, MASTER, RECORD) == {"name": "Al"}
    assert rules.refused_writes(["name"], MASTER, RECORD) == []
    assert rules.may_query("user", "name", MASTER, FieldUse.COMPARE)


GOOD = {
    "record_type": "user",
    "record_field": "*",
    "user_role": "_role:editor",
    **dict.fromkeys(("writable", "readable", "comparable", "discoverable"), True),
}
BAD_RULES = {
    "no type": {"record_type": ""},
    "field of another type": {"record_field": 5},
    "unknown role": {"user_role": "_nobody"},
    "role without a name": {"user_role": "_role"},
    "owner with a name": {"user_role": "_owner:al"},
    "flag of another type": {"readable": "yes"},
    "no flag": {"discoverable": None},
}


@pytest.mark.parametrize("change", BAD_RULES.values(), ids=BAD_RULES)
def test_a_rule_for_fields_needs_all_of_its_members(change):
    """One that lacks a member makes the whole call fail."""
    assert read_field_rule({**GOOD, **change}) is None
    with pytest.raises(SkygearError, match="invalid access entry"):
        read_field_rules([GOOD, {**GOOD, **change}])


def test_a_rule_for_fields_is_read():
    """Its user role stays as it was written."""
    assert read_field_rules([GOOD]).rules == (rule("_role:editor", "wrcd", record_field="*"),)
    assert read_field_rule(None) is None


def test_a_denied_update_names_the_fields():
    """In alphabetical order."""
    assert denied_update(["b", "a"]).info == {"arguments": ["a", "b"]}
