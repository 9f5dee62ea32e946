"""Work in transactions: all or nothing, and retried if that may help."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from skylogin.database import Store, Transaction
from skylogin.database.tables import settings
from skylogin.errors import UNEXPECTED_ERROR, RetryTransaction, SkygearError
from skylogin.store import apps
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError

APP = "myapp"


async def names_of(store: Store) -> set[str]:
    """Return the names of the stored settings."""

    async def load(tx: Transaction) -> set[str]:
        rows = await tx.connection.execute(select(settings.c.name))
        return {row.name for row in rows}

    return await store.run(load, write=False)


async def test_work_is_committed_when_run_returns(store: Store, query: Any) -> None:
    """Also for readers outside of the store."""

    async def work(tx: Transaction) -> str:
        return await apps.keep_setting(tx, APP, "name", "value")

    assert await store.run(work) == "value"
    assert await query("SELECT app, name, value FROM settings") == [("myapp", "name", "value")]


async def test_work_that_raises_leaves_nothing_and_is_not_retried(store: Store) -> None:
    """The caller gets the error."""
    runs = []

    async def work(tx: Transaction) -> None:
        runs.append(1)
        await apps.write_setting(tx, APP, "name", "value")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await store.run(work)

    assert len(runs) == 1
    assert await names_of(store) == set()


async def test_an_error_does_not_show_the_values_of_a_statement(store: Store) -> None:
    """It is logged, and they may be passwords' hashes or secrets."""
    statement = text("INSERT INTO missing VALUES (CAST(:value AS TEXT))")
    values = {"value": "a secret"}

    with pytest.raises(SkygearError if store.dialect == "postgresql" else DBAPIError) as caught:
        await store.run(lambda tx: tx.connection.execute(statement, values))

    lines = "".join(traceback.format_exception(caught.value))
    assert "INSERT INTO missing" in lines
    assert "a secret" not in lines


async def test_work_that_loses_a_race_for_a_key_is_retried(store: Store) -> None:
    """From its beginning, in a new transaction."""
    row = {"app": APP, "name": "taken", "value": "x"}
    await store.run(lambda tx: apps.keep_setting(tx, APP, "taken", "x"))
    runs = []

    async def work(tx: Transaction) -> str:
        runs.append(1)
        await apps.write_setting(tx, APP, f"try {len(runs)}", "x")
        if len(runs) == 1:
            await tx.connection.execute(insert(settings), row)
        return "done"

    assert await store.run(work) == "done"
    assert await names_of(store) == {"taken", "try 2"}


async def test_work_that_finds_its_snapshot_too_small_is_retried(store: Store) -> None:
    """Until the snapshot is large enough."""
    runs = []

    async def work(tx: Transaction) -> int:
        runs.append(1)
        if len(runs) < 4:  # noqa: PLR2004
            raise RetryTransaction
        return len(runs)

    assert await store.run(work) == 4  # noqa: PLR2004


@pytest.mark.slow
async def test_work_that_loses_every_race_ends_with_an_error(store: Store) -> None:
    """It does not retry forever, and the error has no details of the database."""
    row = {"app": APP, "name": "taken", "value": "x"}
    await store.run(lambda tx: apps.keep_setting(tx, APP, "taken", "x"))

    async def work(tx: Transaction) -> None:
        await tx.connection.execute(insert(settings), row)

    with pytest.raises(SkygearError) as caught:
        await store.run(work)

    assert caught.value.kind is UNEXPECTED_ERROR
    assert "settings" not in caught.value.message


async def test_a_busy_database_is_waited_for(store: Store, writes_blocked: Any) -> None:
    """Another process may write to it for a moment."""
    async with writes_blocked():
        writing = asyncio.create_task(store.run(lambda tx: apps.keep_setting(tx, APP, "a", "b")))
        done, _ = await asyncio.wait({writing}, timeout=0.2)
        assert not done

    assert await writing == "b"


async def test_readers_do_not_wait_for_a_writer(store: Store, writes_blocked: Any) -> None:
    """They see the last commit."""
    async with writes_blocked():
        assert await asyncio.wait_for(names_of(store), 5) == set()


async def test_a_setting_is_stored_once_with_any_number_of_callers(
    make_store: Callable[[], Awaitable[Store]],
) -> None:
    """All servers get the first value, such as a generated secret."""
    stores = [await make_store() for _ in range(4)]

    def keep(store: Store, number: int) -> Awaitable[str]:
        return store.run(lambda tx: apps.keep_setting(tx, APP, "secret", f"value {number}"))

    kept = await asyncio.gather(*(keep(stores[number % 4], number) for number in range(20)))

    assert len(set(kept)) == 1
    assert await keep(stores[0], 99) == kept[0]


async def test_a_setting_that_is_written_replaces_the_old_one(store: Store) -> None:
    """Each app has its own settings."""
    await store.run(lambda tx: apps.write_setting(tx, APP, "name", "first"))
    await store.run(lambda tx: apps.write_setting(tx, APP, "name", "second"))
    await store.run(lambda tx: apps.write_setting(tx, "other", "name", "third"))

    async def read(tx: Transaction) -> tuple[str | None, str | None, str | None]:
        return (
            await apps.read_setting(tx, APP, "name"),
            await apps.read_setting(tx, "other", "name"),
            await apps.read_setting(tx, APP, "nothing"),
        )

    assert await store.run(read, write=False) == ("second", "third", None)
