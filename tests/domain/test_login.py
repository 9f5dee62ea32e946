"""Deciding what logins do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from skylogin.domain import login
from skylogin.domain.fields import new_field
from skylogin.domain.login import Login, LoginChanges, LoginSnapshot
from skylogin.domain.unique_keys import UniqueKey
from skylogin.domain.user import Account, FieldValue, User
from skylogin.errors import (
    DUPLICATED,
    INCOMPATIBLE_SCHEMA,
    USER_DISABLED,
    RetryTransaction,
    SkygearError,
)

from tests.factories import NOW, make_attempt, make_snapshot, make_user

LATER = NOW + timedelta(seconds=1)
STORED_NOW, STORED_LATER = "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:06.000000Z"


def known(user: User | None, user_id: str = "1") -> dict[str, Account]:
    """Return the stored account of alice."""
    return {"alice": Account(user_id, user)}


def accepted(outcome: Login | SkygearError) -> Login:
    """Return *outcome*, which is accepted."""
    assert isinstance(outcome, Login), outcome
    return outcome


def refused(outcome: Login | SkygearError) -> SkygearError:
    """Return *outcome*, which is refused."""
    assert isinstance(outcome, SkygearError), outcome
    return outcome


def data_after(changes: LoginChanges, user_id: str) -> dict[str, Any]:
    """Return the fields of a user that are to be saved."""
    record = changes.after[user_id].record
    assert record is not None
    return dict(record.data)


def test_the_first_login_creates_the_user() -> None:
    """With a record that holds the profile."""
    [outcome], changes = login.decide_all([make_attempt("alice", name="A")], make_snapshot())

    shown = accepted(outcome)
    assert shown.created
    assert (shown.user.id, shown.user.last_seen_at) == ("new-alice", None)
    record = shown.user.record
    assert record is not None
    assert record.data == {"name": "A"}
    assert record.created_at == record.updated_at == NOW
    assert record.id == record.owner_id == record.created_by == record.updated_by == "new-alice"
    assert record.access is None
    [principal] = changes.principals
    assert (principal.kind, principal.id, principal.user_id, principal.created_at) == (
        "custom_token",
        "alice",
        "new-alice",
        NOW,
    )
    assert changes.before == {"new-alice": None}
    assert changes.after["new-alice"].last_seen_at == NOW
    assert data_after(changes, "new-alice") == {"name": "A", "last_login_at": STORED_NOW}
    assert changes.fields == {"name": new_field("string")}


def test_a_later_login_shows_the_times_before_and_saves_the_new_ones() -> None:
    """The profile it shows is the new one."""
    seen = NOW - timedelta(days=1)
    data = {"name": "A", "age": 1, "last_login_at": "2025-01-01T00:00:00.000000Z"}
    before = make_user("1", data=data, last_seen_at=seen, roles=("editor",))
    snapshot = make_snapshot(
        accounts=known(before),
        fields={"name": new_field("string"), "age": new_field("number"), **make_snapshot().fields},
    )

    [outcome], changes = login.decide_all([make_attempt("alice", name="B")], snapshot)

    shown = accepted(outcome)
    assert not shown.created
    assert (shown.user.id, shown.user.roles, shown.user.last_seen_at) == ("1", ("editor",), seen)
    record = shown.user.record
    assert record is not None
    assert before.record is not None
    assert record.data == {**data, "name": "B"}
    assert record.updated_at == NOW
    assert record.created_at == before.record.created_at
    assert changes.principals == []
    assert changes.before == {"1": before}
    assert data_after(changes, "1") == {**data, "name": "B", "last_login_at": STORED_NOW}
    assert changes.after["1"].last_seen_at == NOW


def test_a_last_login_in_the_profile_is_shown_once() -> None:
    """The answer has it, and the login overwrites it."""
    given = FieldValue("datetime", "1999-01-01T00:00:00.000000Z")
    attempt = make_attempt("alice", last_login_at=given)

    [outcome], changes = login.decide_all([attempt], make_snapshot())

    record = accepted(outcome).user.record
    assert record is not None
    assert record.data == {"last_login_at": given.value}
    assert data_after(changes, "new-alice") == {"last_login_at": STORED_NOW}


ODD: dict[str, tuple[User | None, bool, Any]] = {
    "user gone": (None, True, None),
    "record gone": (make_user("1", record=False), False, NOW),
}


@pytest.mark.parametrize(("stored", "created", "seen"), ODD.values(), ids=ODD)
def test_a_deleted_user_is_created_again_with_the_same_id(
    stored: User | None, created: bool, seen: datetime | None
) -> None:
    """The principal keeps its user id, whatever else was deleted."""
    snapshot = make_snapshot(accounts=known(stored))

    [outcome], changes = login.decide_all([make_attempt("alice", name="A")], snapshot)

    shown = accepted(outcome)
    assert (shown.user.id, shown.created, shown.user.last_seen_at) == ("1", created, seen)
    assert changes.principals == []
    assert data_after(changes, "1")["name"] == "A"


DISABLED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "for good": ({}, {}),
    "with a message": ({"disabled_message": "bad <boy>"}, {"message": "bad <boy>"}),
    "until then": (
        {"disabled_expiry": datetime(2099, 1, 1, 0, 0, 0, 999, UTC)},
        {"expiry": "2099-01-01T00:00:00Z"},
    ),
    "for a moment more": (
        {"disabled_expiry": NOW + timedelta(microseconds=1), "disabled_message": "x"},
        {"expiry": "2026-01-02T03:04:05Z", "message": "x"},
    ),
}


@pytest.mark.parametrize(("how", "info"), DISABLED.values(), ids=DISABLED)
def test_a_disabled_user_is_refused_and_nothing_is_written(
    how: dict[str, Any], info: dict[str, Any]
) -> None:
    """Not even the profile, unlike in the original."""
    snapshot = make_snapshot(accounts=known(make_user("1", disabled=True, **how)))

    [outcome], changes = login.decide_all([make_attempt("alice", name="A")], snapshot)

    error = refused(outcome)
    assert (error.kind, error.message, error.info) == (USER_DISABLED, "user is disabled", info)
    assert changes == LoginChanges()


@pytest.mark.parametrize("expiry", [NOW, NOW - timedelta(days=1)])
def test_an_expired_disabling_is_cleared(expiry: datetime) -> None:
    """It ends at the exact time of its expiry."""
    stored = make_user("1", disabled=True, disabled_expiry=expiry, disabled_message="x")
    snapshot = make_snapshot(accounts=known(stored))

    [outcome], changes = login.decide_all([make_attempt("alice")], snapshot)

    assert accepted(outcome).user.id == "1"
    after = changes.after["1"]
    assert (after.disabled, after.disabled_expiry, after.disabled_message) == (False, None, None)


def test_first_logins_of_a_principal_in_a_batch_create_one_user() -> None:
    """The second sees what the first did, in their order of arrival."""
    attempts = [
        make_attempt("alice", name="A")._replace(new_user=User("first")),
        make_attempt("alice", at=LATER, age=1)._replace(new_user=User("second")),
    ]

    outcomes, changes = login.decide_all(attempts, make_snapshot())

    first, second = map(accepted, outcomes)
    assert (first.created, second.created) == (True, False)
    assert first.user.id == second.user.id == "first"
    assert second.user.last_seen_at == NOW
    record = second.user.record
    assert record is not None
    assert record.data == {"name": "A", "age": 1, "last_login_at": STORED_NOW}
    assert len(changes.principals) == 1
    assert changes.before == {"first": None}
    assert data_after(changes, "first") == {"name": "A", "age": 1, "last_login_at": STORED_LATER}


def test_a_refused_login_leaves_no_trace_in_the_batch() -> None:
    """Neither a field nor a user; the next login is accepted."""
    text = FieldValue("string", "x")
    attempts = [
        make_attempt("alice", fresh=1, username=FieldValue("number", 1)),
        make_attempt("alice", fresh=text),
    ]

    outcomes, changes = login.decide_all(attempts, make_snapshot())

    assert refused(outcomes[0]).kind is INCOMPATIBLE_SCHEMA
    assert accepted(outcomes[1]).created
    assert changes.fields == {"fresh": new_field("string")}


def test_a_field_has_the_type_that_the_first_login_of_a_batch_gave_it() -> None:
    """The next login with another type is refused."""
    attempts = [make_attempt("alice", f="text"), make_attempt("bob", f=1)]

    outcomes, changes = login.decide_all(attempts, make_snapshot())

    assert accepted(outcomes[0]).created
    assert refused(outcomes[1]).kind is INCOMPATIBLE_SCHEMA
    assert changes.fields == {"f": new_field("string")}


# --- user names ---------------------------------------------------------------

ALICE, BOB = UniqueKey("username", "alice"), UniqueKey("username", "bob")


def with_owners(**owners: str | None) -> dict[UniqueKey, str | None]:
    """Return the owners of user names."""
    return {UniqueKey("username", name): owner for name, owner in owners.items()}


def test_a_user_name_goes_to_the_first_login_with_it() -> None:
    """In a batch, whatever its case; users are not linked by it."""
    attempts = [make_attempt("a", username="Alice"), make_attempt("b", username="ALICE")]

    outcomes, changes = login.decide_all(
        attempts, make_snapshot(key_owners=with_owners(alice=None))
    )

    assert accepted(outcomes[0]).created
    error = refused(outcomes[1])
    assert (error.kind, error.message, error.info) == (DUPLICATED, "user duplicated", None)
    assert changes.key_owners == with_owners(alice="new-a")
    assert set(changes.after) == {"new-a"}


def test_a_user_name_of_another_user_is_refused() -> None:
    """The login leaves no trace."""
    snapshot = make_snapshot(key_owners=with_owners(alice="other"))

    [outcome], changes = login.decide_all([make_attempt("a", username="alice")], snapshot)

    assert refused(outcome).kind is DUPLICATED
    assert changes == LoginChanges()


def test_a_user_may_change_the_case_of_the_user_name() -> None:
    """The key stays the same, and the last spelling is stored."""
    snapshot = make_snapshot(accounts=known(make_user("1", data={"username": "alice"})))

    [outcome], changes = login.decide_all([make_attempt("alice", username="ALICE")], snapshot)

    assert accepted(outcome).user.id == "1"
    assert data_after(changes, "1")["username"] == "ALICE"
    assert (changes.key_owners, changes.released) == ({}, set())


def test_a_released_user_name_may_be_taken() -> None:
    """Even in the same batch: it is released, then taken."""
    snapshot = make_snapshot(
        accounts=known(make_user("1", data={"username": "alice"})),
        key_owners=with_owners(alice="1", bob=None),
    )
    attempts = [make_attempt("alice", username="bob"), make_attempt("b", username="alice")]

    outcomes, changes = login.decide_all(attempts, snapshot)

    assert all(accepted(outcome) for outcome in outcomes)
    assert changes.released == {ALICE}
    assert changes.key_owners == with_owners(alice="new-b", bob="1")


def test_a_user_name_taken_and_released_in_a_batch_is_free_at_its_end() -> None:
    """The difference to the stored state is saved."""
    attempts = [
        make_attempt("a", username="alice"),
        make_attempt("a", username=None),
        make_attempt("b", username="alice"),
    ]

    outcomes, changes = login.decide_all(
        attempts, make_snapshot(key_owners=with_owners(alice=None))
    )

    assert all(accepted(outcome) for outcome in outcomes)
    assert changes.key_owners == with_owners(alice="new-b")


def test_two_users_cannot_swap_their_names_in_a_batch() -> None:
    """The first one asks while the other still has the name."""
    snapshot = make_snapshot(
        accounts={
            "a": Account("1", make_user("1", data={"username": "alice"})),
            "b": Account("2", make_user("2", data={"username": "bob"})),
        },
        key_owners=with_owners(alice="1", bob="2"),
    )
    attempts = [make_attempt("a", username="bob"), make_attempt("b", username="alice")]

    outcomes, _ = login.decide_all(attempts, snapshot)

    assert [refused(outcome).kind for outcome in outcomes] == [DUPLICATED, DUPLICATED]


def test_a_key_without_a_known_owner_repeats_the_transaction() -> None:
    """Its owner has to be loaded first."""
    with pytest.raises(RetryTransaction):
        login.decide_all([make_attempt("a", username="alice")], make_snapshot())


# --- the keys whose owners are loaded --------------------------------------------


def wanted(snapshot: LoginSnapshot, *attempts: login.LoginAttempt) -> set[UniqueKey]:
    """Return the keys that deciding *attempts* needs."""
    return login.wanted_keys(attempts, snapshot.accounts, snapshot.fields, snapshot.key_sets)


def test_only_owners_of_new_keys_are_loaded() -> None:
    """Most logins have the same user name every time."""
    snapshot = make_snapshot(accounts=known(make_user("1", data={"username": "alice"})))

    assert wanted(snapshot, make_attempt("alice", username="Alice", age=1)) == set()
    assert wanted(snapshot, make_attempt("alice", age=1)) == set()
    assert wanted(snapshot, make_attempt("alice", username=None)) == set()
    assert wanted(snapshot, make_attempt("alice", username="bob")) == {BOB}
    assert wanted(snapshot, make_attempt("new", username="ALICE")) == {ALICE}


def test_the_owner_of_a_key_is_loaded_even_if_it_is_in_the_batch() -> None:
    """Otherwise the whole batch would be repeated again and again."""
    holder = make_user("1", data={"username": "alice"})
    snapshot = make_snapshot(accounts=known(holder))
    attempts = [make_attempt("thief", username="alice"), make_attempt("alice", username="alice")]

    assert wanted(snapshot, *attempts) == {ALICE}


def test_the_owner_of_a_pair_is_loaded_if_two_logins_complete_it() -> None:
    """One login has the e-mail, the next one has the realm."""
    snapshot = make_snapshot(
        key_sets=(("email", "realm"),),
        fields={**make_snapshot().fields, "realm": new_field("string")},
    )
    attempts = [make_attempt("a", email="a@b"), make_attempt("a", realm="x")]
    snapshot.key_owners = dict.fromkeys(wanted(snapshot, *attempts))

    outcomes, changes = login.decide_all(attempts, snapshot)

    assert all(accepted(outcome) for outcome in outcomes)
    assert list(changes.key_owners.values()) == ["new-a"]


def test_a_seeded_user_has_not_logged_in() -> None:
    """The profile is merged; times and disabling stay."""
    there = make_user("old", data={"a": 1}, last_seen_at=None, disabled=True)
    attempts = [make_attempt(one, a=2)._replace(seeded=True) for one in ("old", "new")]
    snapshot = make_snapshot(accounts={"old": Account("old", there)})

    _, changes = login.decide_all(attempts, snapshot)

    for user_id in ("old", "new-new"):
        after = changes.after[user_id]
        assert after.record is not None
        assert (after.record.data, after.last_seen_at) == ({"a": 2}, None)
    assert changes.after["old"].disabled
    assert [principal.id for principal in changes.principals] == ["new"]
