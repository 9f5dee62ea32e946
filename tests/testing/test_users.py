"""The users of an app, by subject."""

from datetime import UTC, datetime, timedelta

import pytest
from skylogin.testing import AdminError, CallRefusedError, LoginRefusedError, SkyloginApp

pytestmark = pytest.mark.slow

# More than a page of the admin API.
MANY = 205
SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_users_are_a_mapping(skylogin: SkyloginApp) -> None:
    """From subjects to users."""
    skylogin.login("alice")
    skylogin.users.add("bob", {"name": "Bob"}, roles=["editor"])

    assert set(skylogin.users) == {"alice", "bob"}
    assert len(skylogin.users) == len(set(skylogin.users))
    assert "alice" in skylogin.users
    assert "ali" not in skylogin.users
    assert skylogin.users.get("carol") is None
    assert skylogin.users["bob"].roles == ("editor",)
    assert skylogin.users["bob"].profile == {"name": "Bob"}
    assert skylogin.login("bob").user_id == skylogin.users["bob"].id
    assert repr(skylogin.users) == "<users: alice, bob>"
    with pytest.raises(KeyError):
        skylogin.users["carol"]


def test_all_pages_of_users_are_read(skylogin: SkyloginApp) -> None:
    """All with the same time, and still sorted. A user without a subject is left out."""
    skylogin.clock.freeze(SOME_DAY)
    subjects = [f"user{number:03}" for number in range(MANY)]
    skylogin.seed({"users": [{"sub": one} for one in reversed(subjects)]})
    skylogin.call("auth:signup", auth_data={"username": "dora"}, password="a password")

    assert list(skylogin.users) == subjects


def test_a_text_is_not_a_list_of_roles(skylogin: SkyloginApp) -> None:
    """The server refuses it; its letters are not taken for roles."""
    with pytest.raises(AdminError, match=r"users\[0\]\.roles: .*list"):
        skylogin.users.add("alice", roles="editor")


def test_a_user_is_disabled_until_a_time(skylogin: SkyloginApp) -> None:
    """Until then logins are refused with a message."""
    now = skylogin.clock.freeze(SOME_DAY)
    skylogin.login("alice")

    skylogin.users["alice"].disable("back soon", until=now + timedelta(hours=1))

    user = skylogin.users["alice"]
    assert (user.disabled, user.disabled_message) == (True, "back soon")
    assert user.disabled_until == now + timedelta(hours=1)
    with pytest.raises(LoginRefusedError, match="back soon") as refusal:
        skylogin.login("alice")
    assert refusal.value.reason == "user_disabled"
    skylogin.clock.advance(timedelta(hours=1))
    skylogin.login("alice")


def test_a_user_is_edited_disabled_and_deleted(skylogin: SkyloginApp) -> None:
    """Each method of a user changes it on the server."""
    first = skylogin.login("alice", {"name": "Alice", "age": 7})
    alice = skylogin.users["alice"]

    alice.set_roles("editor", "owner")
    alice.edit(name="Alys", age=None)
    assert skylogin.users["alice"].profile == {"name": "Alys"}
    assert set(skylogin.users["alice"].roles) == {"editor", "owner"}
    alice.disable()
    assert skylogin.users["alice"].disabled
    alice.enable()
    assert not skylogin.users["alice"].disabled
    alice.sign_out()
    with pytest.raises(CallRefusedError, match="401 AccessTokenNotAccepted"):
        skylogin.call("me", access_token=first.access_token)
    alice.delete()
    assert "alice" not in skylogin.users
    assert skylogin.login("alice").user_id != first.user_id
