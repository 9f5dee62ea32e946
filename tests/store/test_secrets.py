"""Stored custom token secrets, and how soon a change takes effect."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from skylogin.apps import token_secrets
from skylogin.apps.refreshed import KNOWN_SECONDS
from skylogin.apps.token_secrets import SecretCache
from skylogin.database import Store
from skylogin.operations import secrets
from skylogin.operations.operator import MissingError, Operator
from skylogin.store import apps

from tests.clocks import Seconds
from tests.factories import NOW
from tests.stores import MakeOperator

APP = "myapp"
MakeStore = Callable[[], Awaitable[Store]]


@pytest.fixture
def ticks() -> Seconds:
    """The clock of the cache."""
    return Seconds()


@pytest.fixture
def cache(store: Store, ticks: Seconds) -> SecretCache:
    """The secrets as a server sees them."""
    return SecretCache(store, APP, None, ticks)


async def ids_in(cache: SecretCache, after: timedelta = timedelta()) -> list[str]:
    """Return the ids of the secrets that are accepted after some time."""
    return [secret.id for secret in await cache.accepted(NOW + after)]


async def test_a_rotated_secret_stays_valid_for_a_while(operator: Operator, store: Store) -> None:
    """And not longer than it would have been anyway."""
    first = await secrets.rotate(operator, APP)
    second = await secrets.rotate(operator, APP, timedelta(hours=1))
    third = await secrets.rotate(operator, APP, timedelta(hours=5))

    assert first.old == ()
    assert [secret.id for secret in second.old] == [first.new.id]
    ends = {secret.id: secret.ends_at for secret in (await secrets.listing(operator, APP)).secrets}
    assert ends == {
        first.new.id: NOW + timedelta(hours=1),
        second.new.id: NOW + timedelta(hours=5),
        third.new.id: None,
    }
    assert (await secrets.listing(operator, "other")).secrets == []


async def test_a_secret_expires_at_its_time(
    operator: Operator, store: Store, cache: SecretCache
) -> None:
    """Exactly then, even if the database is not read in between."""
    first = await secrets.rotate(operator, APP)
    second = await secrets.rotate(operator, APP, timedelta(hours=1))
    both = {first.new.id, second.new.id}

    assert set(await ids_in(cache)) == both
    assert set(await cache.texts(NOW)) == {first.new.secret, second.new.secret}
    assert set(await ids_in(cache, timedelta(minutes=59, seconds=59))) == both
    assert await ids_in(cache, timedelta(hours=1)) == [second.new.id]


async def test_a_revoked_secret_is_gone_when_the_cache_reloads(
    operator: Operator, store: Store, cache: SecretCache, ticks: Seconds
) -> None:
    """After a second at most; it cannot be revoked twice."""
    made = (await secrets.rotate(operator, APP)).new
    assert await ids_in(cache) == [made.id]

    await secrets.revoke(operator, APP, made.id)

    ticks.now += KNOWN_SECONDS
    assert await ids_in(cache) == []
    for secret_id in (made.id, "unknown"):
        with pytest.raises(MissingError):
            await secrets.revoke(operator, APP, secret_id)


async def test_a_secret_that_another_server_just_made_is_accepted(
    operator: Operator, cache: SecretCache
) -> None:
    """However recently the secrets were read, and with any number of callers."""
    assert await ids_in(cache) == []
    for _ in range(3):
        made = (await secrets.rotate(operator, APP)).new
        answers = await asyncio.gather(*(cache.accepted_anew(NOW) for _ in range(20)))
        assert all(made.id in {one.id for one in answer} for answer in answers)


async def test_callers_during_the_first_load_get_the_secrets(
    operator: Operator, store: Store, cache: SecretCache
) -> None:
    """None gets an empty list while another one is still reading."""
    made = (await secrets.rotate(operator, APP)).new

    asked = await asyncio.gather(*(ids_in(cache) for _ in range(20)))

    assert asked == [[made.id]] * 20


async def test_a_secret_in_the_environment_is_the_only_one(
    operator: Operator, store: Store
) -> None:
    """If it is set to nothing, no secret is accepted."""
    await secrets.rotate(operator, APP)

    [only] = await SecretCache(store, APP, "é").accepted(NOW)
    assert (only.id, only.key) == ("environment", "é".encode())
    assert await SecretCache(store, APP, "é").texts(NOW) == ["é"]
    assert await SecretCache(store, APP, "").accepted(NOW) == []
    assert await SecretCache(store, APP, "").texts(NOW) == []


async def test_secrets_that_a_start_read_are_loaded_a_second_later(
    cache: SecretCache, ticks: Seconds
) -> None:
    """A server that starts has just read or made them."""
    first = token_secrets.generate(NOW)
    cache.put([first])
    assert await ids_in(cache) == [first.id]

    ticks.now += KNOWN_SECONDS

    assert await ids_in(cache) == []


async def test_the_first_secret_is_generated_once(operator: Operator, store: Store) -> None:
    """If an app ever had a secret, even a revoked one, no other is generated."""
    for _ in range(2):
        await store.run(lambda tx: token_secrets.keep_first(tx, APP, NOW))
    [kept] = (await secrets.listing(operator, APP)).secrets
    assert len(kept.secret) >= 43  # noqa: PLR2004

    await secrets.revoke(operator, APP, kept.id)
    await store.run(lambda tx: token_secrets.keep_first(tx, APP, NOW))

    assert len((await secrets.listing(operator, APP)).secrets) == 1


async def test_servers_that_start_together_agree_on_the_first_secret(
    make_store: MakeStore, make_operator: MakeOperator
) -> None:
    """On a database that exists already, so that no other lock separates them."""
    stores = [await make_store() for _ in range(4)]
    for store in stores:
        # Each connects first, so that all of them are equally fast.
        await store.run(lambda tx: apps.read_setting(tx, APP, "x"))

    found = await asyncio.gather(
        *(store.run(lambda tx: token_secrets.keep_first(tx, APP, NOW)) for store in stores)
    )

    [only] = (await secrets.listing(make_operator(stores[0]), APP)).secrets
    assert [[one.id for one in each] for each in found] == [[only.id]] * len(stores)
