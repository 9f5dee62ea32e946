"""AUTH_RECORD_KEYS that change between two starts."""

from typing import Any

import pytest
from skylogin.errors import SkygearError
from skylogin.store.apps import KeysTakenError

from tests.stores import LogIn, MakeServices


async def keys_in(query: Any) -> set[tuple[str, str]]:
    """Return the unique keys and their values."""
    return {(key, folded) for key, folded in await query("SELECT key, folded FROM auth_keys")}


async def test_other_keys_are_made_from_existing_users(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """Keys that are no longer required are removed."""
    services = await make_services()
    for name in ("a", "b"):
        await log_in(services, name, username=f"User {name}", phone=f"Phone {name}")
    await log_in(services, "c", email="c@example.com")
    assert await keys_in(query) == {
        *(("username", "user a"), ("username", "user b"), ("email", "c@example.com")),
    }

    services = await make_services(AUTH_RECORD_KEYS="phone")
    assert await keys_in(query) == {("phone", "Phone a"), ("phone", "Phone b")}
    await log_in(services, "d", username="User a", phone="phone a")
    with pytest.raises(SkygearError, match="user duplicated"):
        await log_in(services, "e", phone="Phone a")


async def test_keys_that_two_users_share_already_are_refused(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """The error names both users, and nothing changes."""
    services = await make_services()
    first = await log_in(services, "a", username="a", phone="1")
    second = await log_in(services, "b", username="b", phone="1")
    before = await keys_in(query)

    with pytest.raises(KeysTakenError) as caught:
        await make_services(AUTH_RECORD_KEYS="phone")

    message = str(caught.value)
    assert first.user.id in message
    assert second.user.id in message
    assert "phone" in message
    assert await keys_in(query) == before
    await make_services()


async def test_pairs_are_unique_as_pairs(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """One half may be the same; a user without one half has no key."""
    services = await make_services(AUTH_RECORD_KEYS="(email,realm)")
    await log_in(services, "a", email="x@example.com", realm="1")
    await log_in(services, "b", email="x@example.com", realm="2")
    await log_in(services, "c", email="x@example.com")
    await log_in(services, "d", email="x@example.com")

    with pytest.raises(SkygearError, match="user duplicated"):
        await log_in(services, "c", realm="1")

    assert len(await keys_in(query)) == 2  # noqa: PLR2004


async def test_the_same_keys_are_not_made_again(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """No matter in which order they are listed."""
    services = await make_services(AUTH_RECORD_KEYS="username,email")
    await log_in(services, "a", username="a")
    before = await query("SELECT * FROM auth_keys")

    await make_services(AUTH_RECORD_KEYS="email,username")

    assert await query("SELECT * FROM auth_keys") == before
