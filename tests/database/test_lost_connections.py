"""Connections to PostgreSQL that are lost before a commit, or before its answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from skylogin.actions.services import Services
from skylogin.database import Store, Transaction
from skylogin.operations import secrets
from skylogin.store import apps

from tests.database.connection_cutter import ConnectionCutter
from tests.factories import make_token
from tests.stores import Ask, LogIn, MakeOperator, MakeServices

APP = "myapp"
# SQLite has no connection to lose.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("store_url", ["postgresql"], indirect=True),
]


@pytest.fixture
async def cutter(store_url: str) -> AsyncIterator[ConnectionCutter]:
    """A proxy to the database that can cut connections."""
    async with ConnectionCutter(store_url).open() as opened:
        yield opened


@pytest.fixture
async def far_store(store: Store, cutter: ConnectionCutter) -> AsyncIterator[Store]:
    """A store with its tables, connected through the proxy."""
    opened = Store(cutter.url)
    yield opened
    await opened.close()


@pytest.fixture
async def services(far_store: Store, make_services: MakeServices) -> Services:
    """The services of a server whose database is behind the proxy."""
    return await make_services(far_store)


async def count(query: Any, table: str) -> int:
    """Return the number of rows of a table."""
    [(number,)] = await query(f"SELECT count(*) FROM {table}")
    return int(number)


@pytest.mark.parametrize("cut", [(0, 1), (2, 0)], ids=["the answer", "the commit"])
async def test_a_login_is_done_once_if_its_commit_is_cut_off(
    cut: tuple[int, int],
    services: Services,
    cutter: ConnectionCutter,
    log_in: LogIn,
    query: Any,
) -> None:
    """One that was committed is found; any other is retried."""
    cutter.cut_before, cutter.cut_after = cut

    login = await log_in(services, "alice", username="alice")

    assert cutter.cut_before == cutter.cut_after == 0
    assert login.created
    assert await query("SELECT user_id FROM principals") == [(login.user.id,)]
    assert await count(query, "journal") == 1


async def test_a_whole_batch_whose_commit_was_not_answered_is_found(
    services: Services, cutter: ConnectionCutter, log_in: LogIn, query: Any
) -> None:
    """One of its rows is enough to tell."""
    cutter.cut_after = 1

    logins = await asyncio.gather(*(log_in(services, f"person {n}") for n in range(20)))

    assert cutter.cut_after == 0
    assert all(login.created for login in logins)
    assert await count(query, "users") == await count(query, "journal") == len(logins)


async def test_typed_values_keep_their_type_if_the_commit_was_not_answered(
    services: Services, cutter: ConnectionCutter, ask: Ask
) -> None:
    """The answer has the field that the login added."""
    date = {"$type": "date", "$date": "2001-02-03T04:05:06Z"}
    token = make_token(secret="a secret", skyprofile={"since": date})
    cutter.cut_after = 1

    answer = await ask(services, "sso:custom_token:login", token=token)

    assert cutter.cut_after == 0
    assert answer.body["result"]["profile"]["since"] == date


async def test_an_act_whose_commit_was_not_answered_is_not_done_twice(
    far_store: Store, cutter: ConnectionCutter, make_operator: MakeOperator
) -> None:
    """A rotation makes one new secret, and a revocation succeeds."""
    operator = make_operator(far_store)
    first = await secrets.rotate(operator, APP)
    cutter.cut_after = 1

    await secrets.rotate(operator, APP)
    assert cutter.cut_after == 0
    assert len((await secrets.listing(operator, APP)).secrets) == 2  # noqa: PLR2004

    cutter.cut_after = 1
    await secrets.revoke(operator, APP, first.new.id)
    assert cutter.cut_after == 0


async def test_connections_that_the_database_ended_are_replaced(
    store: Store, store_url: str
) -> None:
    """Calls after a restart of the database or a failover succeed."""

    async def keep(number: int) -> str:
        return await store.run(lambda tx: apps.keep_setting(tx, APP, f"{number}", "kept"))

    await asyncio.gather(*(keep(number) for number in range(10)))
    connection = await asyncpg.connect(store_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'skylogin' AND datname = current_database()"
    )
    await connection.close()

    kept = await asyncio.gather(*(keep(number) for number in range(10, 20)))

    assert kept == ["kept"] * 10


async def test_two_transactions_in_a_deadlock_are_both_done(store: Store) -> None:
    """PostgreSQL ends one of them, which is retried."""
    for name in "ab":
        await store.run(lambda tx, name=name: apps.keep_setting(tx, APP, name, "x"))  # type: ignore[misc]
    arrived = {"a": asyncio.Event(), "b": asyncio.Event()}

    async def cross(first: str, second: str) -> str:
        async def work(tx: Transaction) -> str:
            await apps.write_setting(tx, APP, first, f"by {first}")
            arrived[first].set()
            await arrived[second].wait()
            await apps.write_setting(tx, APP, second, f"by {first}")
            return "done"

        return await store.run(work)

    assert await asyncio.gather(cross("a", "b"), cross("b", "a")) == ["done", "done"]
