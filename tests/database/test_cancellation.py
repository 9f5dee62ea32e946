"""Callers that are cancelled during a transaction: a write finishes, a read ends."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from skylogin.database import Store, Transaction
from skylogin.errors import RESPONSE_TIMEOUT, RetryTransaction, SkygearError, database_busy
from skylogin.operations.operator import ConflictError
from skylogin.store import apps
from skylogin.store.apps import KeysTakenError
from sqlalchemy import text

from tests.waiting import let_tasks_run, wait_until_async

APP = "myapp"


class Slow:
    """Work that writes, waits for an event, and writes again."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.go_on = asyncio.Event()

    async def __call__(self, tx: Transaction) -> None:
        await apps.write_setting(tx, APP, "first", "written")
        self.began.set()
        await self.go_on.wait()
        await apps.write_setting(tx, APP, "second", "written")


async def written(store: Store) -> list[str | None]:
    """Return what is stored under the two names."""

    async def read(tx: Transaction) -> list[str | None]:
        return [await apps.read_setting(tx, APP, name) for name in ("first", "second")]

    return await store.run(read, write=False)


@pytest.mark.parametrize("way", ["cancelled", "timed out"])
async def test_a_write_finishes_without_its_caller(store: Store, way: str) -> None:
    """Neither a cancelled caller nor a timeout interrupts a statement."""
    work = Slow()
    caller = asyncio.create_task(store.run(work))
    await work.began.wait()

    if way == "cancelled":
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
    else:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(caller, 0.01)
    assert await written(store) == [None, None]
    work.go_on.set()

    async def both_are_written() -> bool:
        return await written(store) == ["written", "written"]

    await wait_until_async(both_are_written)


ERRORS = [
    (KeyError("x"), True),
    (database_busy(), False),
    # Of an operator's act.
    (ConflictError("there is another one"), False),
    (KeysTakenError("two users share a key"), False),
]


@pytest.mark.parametrize(("error", "logged"), ERRORS)
async def test_an_error_without_a_caller_is_logged_unless_it_is_a_refusal(
    error: Exception, logged: bool, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """By the store, not by asyncio, which knows only that it was not retrieved."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def work(tx: Transaction) -> None:
        began.set()
        await go_on.wait()
        raise error

    caller = asyncio.create_task(store.run(work))
    await began.wait()
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    go_on.set()
    await store.close()
    gc.collect()

    assert [record.name for record in caplog.records] == ["skylogin.store"] * logged


async def test_closing_waits_for_a_write_without_a_caller(
    make_store: Callable[[], Awaitable[Store]], store_url: str, query: Any
) -> None:
    """It is committed before the store is closed."""
    closing = Store(store_url)
    work = Slow()
    caller = asyncio.create_task(closing.run(work))
    await work.began.wait()
    caller.cancel()

    closed = asyncio.create_task(closing.close())
    await asyncio.sleep(0)
    assert not closed.done()
    work.go_on.set()
    await closed

    assert len(await query("SELECT name FROM settings WHERE app = 'myapp'")) == len(
        ("first", "second")
    )


async def test_a_cancelled_read_leaves_the_store_usable(store: Store) -> None:
    """With any number of them."""

    async def read(tx: Transaction) -> None:
        while True:
            await apps.read_setting(tx, APP, "first")

    for _ in range(12):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(store.run(read, write=False), 0.02)

    assert await written(store) == [None, None]


async def test_a_cancelled_read_does_not_keep_its_caller(store: Store) -> None:
    """Although the statement that it waits for goes on for a while."""
    slow = {
        "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
        " WHERE i < 3000000) SELECT count(*) FROM n",
        "postgresql": "SELECT pg_sleep(1)",
    }[store.dialect]
    has_ended: list[bool] = []

    async def read(tx: Transaction) -> None:
        await tx.connection.execute(text(slow))
        has_ended.append(True)

    # So that its statement is cancelled, not its connecting.
    await written(store)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(store.run(read, write=False), 0.05)

    await store.close()
    assert has_ended == []


ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT max(i) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


class Endless:
    """Work with a statement that never ends by itself."""

    def __init__(self) -> None:
        self.began = asyncio.Event()

    async def __call__(self, tx: Transaction) -> None:
        """Run the statement."""
        self.began.set()
        await tx.connection.execute(text(ENDLESS[tx.dialect]))

    async def begun(self) -> None:
        """Wait until one is on its way to the database."""
        await self.began.wait()
        await let_tasks_run()


def threads_of_statements() -> set[threading.Thread]:
    """Return the threads of connections to SQLite, those of other tests' servers included."""
    return {one for one in threading.enumerate() if "_connection_worker_thread" in one.name}


@pytest.mark.parametrize("is_query", [True, False])
async def test_the_statement_of_a_cancelled_read_ends(
    store: Store, query: Any, is_query: bool
) -> None:
    """The database does not work on for a caller that has left."""
    others = threads_of_statements()
    endless = Endless()
    callers = [
        asyncio.create_task(store.run(endless, write=False, is_query=is_query)) for _ in range(8)
    ]
    await endless.begun()
    for caller in callers:
        caller.cancel()
    await asyncio.gather(*callers, return_exceptions=True)

    assert await written(store) == [None, None]
    await store.close()

    async def nothing_runs() -> bool:
        if store.dialect == "sqlite":
            return threads_of_statements() <= others
        running = "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%600%'"
        return not await query(f"{running} AND pid <> pg_backend_pid()")

    await wait_until_async(nothing_runs)


async def test_queries_leave_connections_to_others(store: Store) -> None:
    """However many wait, a login reads."""
    endless = Endless()
    callers = [
        asyncio.create_task(store.run(endless, write=False, is_query=True)) for _ in range(40)
    ]
    await endless.begun()
    try:
        async with asyncio.timeout(10):
            assert await written(store) == [None, None]
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


async def test_closing_ends_queries(store: Store) -> None:
    """Their callers get the answer for a timeout."""
    endless = Endless()
    callers = [
        asyncio.create_task(store.run(endless, write=False, is_query=True)) for _ in range(8)
    ]
    await endless.begun()

    async with asyncio.timeout(8):
        store.end_queries()
        outcomes = await asyncio.gather(*callers, return_exceptions=True)

    kinds = [one.kind for one in outcomes if isinstance(one, SkygearError)]
    assert kinds == [RESPONSE_TIMEOUT] * 8


async def test_a_write_without_its_caller_is_not_retried(store: Store) -> None:
    """Nobody waits for it, and the store can be closed."""
    tries = 0
    began, go_on = asyncio.Event(), asyncio.Event()

    async def conflict(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        began.set()
        await go_on.wait()
        raise RetryTransaction

    caller = asyncio.create_task(store.run(conflict))
    await began.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    await store.close()

    assert tries == 1
