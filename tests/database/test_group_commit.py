"""Group commit: waiting items share a transaction, a failing item fails alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from skylogin.database import Store, Transaction, tasks
from skylogin.database.group_commit import BATCH_SIZE_MAX, Batcher
from skylogin.errors import Reason, SkygearError, not_decodable
from skylogin.store import apps

from tests.waiting import let_tasks_run

APP = "myapp"
Blocked = Callable[[], Any]


class Broken(Exception):
    """Raised by an item that breaks its batch."""


class Keeping:
    """Work that stores each item, and records the batches."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    async def __call__(self, tx: Transaction, items: Sequence[str]) -> list[str | SkygearError]:
        self.batches.append(list(items))
        for item in items:
            await apps.write_setting(tx, APP, item, "kept")
            if item.startswith("breaks"):
                raise Broken(item)
        return [
            not_decodable(Reason.EXPIRED, item) if item.startswith("refused") else f"did {item}"
            for item in items
        ]


@pytest.fixture
def keeping() -> Keeping:
    """The work of a batcher."""
    return Keeping()


@pytest.fixture
async def batcher(store: Store, keeping: Keeping) -> AsyncIterator[Batcher[str, str]]:
    """A batcher that stores items."""
    made: Batcher[str, str] = Batcher(store, keeping)
    yield made
    await made.close()


async def kept(query: Callable[[str], Awaitable[list[Any]]]) -> set[str]:
    """Return the items in the database."""
    return {name for (name,) in await query("SELECT name FROM settings WHERE value = 'kept'")}


async def submitted(batcher: Batcher[str, str], *items: str) -> list[asyncio.Task[str]]:
    """Return tasks that submit *items*, one for each."""
    tasks = [asyncio.create_task(batcher.submit(item)) for item in items]
    await asyncio.sleep(0)
    return tasks


async def test_a_lone_item_does_not_wait(
    batcher: Batcher[str, str], keeping: Keeping, query: Any
) -> None:
    """It is committed when its caller gets the outcome."""
    assert await batcher.submit("a") == "did a"
    assert keeping.batches == [["a"]]
    assert await kept(query) == {"a"}


async def test_items_that_wait_for_a_commit_share_the_next(
    batcher: Batcher[str, str], keeping: Keeping, writes_blocked: Blocked
) -> None:
    """In the order of submission, up to the largest batch."""
    many = [f"{number:04}" for number in range(BATCH_SIZE_MAX + 10)]
    async with writes_blocked():
        first = await submitted(batcher, "first")
        rest = await submitted(batcher, *many)

    assert await asyncio.gather(*first, *rest) == [f"did {item}" for item in ["first", *many]]
    # The first may have been retried while the database was blocked, and either of two
    # waiting batches may be quicker.
    batches = sorted(batch for batch in keeping.batches if batch != ["first"])
    assert batches == [many[:BATCH_SIZE_MAX], many[BATCH_SIZE_MAX:]]


async def test_an_item_that_fails_fails_alone(
    batcher: Batcher[str, str], keeping: Keeping, writes_blocked: Blocked, query: Any
) -> None:
    """The other items are done again without it, and its own work is rolled back."""
    async with writes_blocked():
        tasks = await submitted(batcher, "first")
        tasks += await submitted(batcher, "a", "breaks", "b")

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert outcomes[0:2] + outcomes[3:] == ["did first", "did a", "did b"]
    assert isinstance(outcomes[2], Broken)
    assert await kept(query) == {"first", "a", "b"}
    # In PostgreSQL two batches run at once, so the first item's batch may come at any place.
    keeping.batches.remove(["first"])
    assert keeping.batches == [["a", "breaks", "b"], ["a"], ["breaks"], ["b"]]


async def test_a_refusal_is_an_outcome_and_not_a_failure(
    batcher: Batcher[str, str], keeping: Keeping, writes_blocked: Blocked
) -> None:
    """The batch is not done again."""
    async with writes_blocked():
        tasks = await submitted(batcher, "first")
        tasks += await submitted(batcher, "a", "refused", "b")

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(outcomes[2], SkygearError)
    assert outcomes[1] == "did a"
    assert keeping.batches.count(["a", "refused", "b"]) == 1


async def test_a_lone_item_that_fails_is_retried_once(
    batcher: Batcher[str, str], keeping: Keeping
) -> None:
    """Like an item of a batch; then its caller gets the error."""
    with pytest.raises(Broken):
        await batcher.submit("breaks")

    assert keeping.batches == [["breaks"], ["breaks"]]


async def test_an_item_cancelled_before_its_batch_is_not_in_it(
    batcher: Batcher[str, str], keeping: Keeping, writes_blocked: Blocked, query: Any
) -> None:
    """Its work is not done."""
    async with writes_blocked():
        [first] = await submitted(batcher, "first")
        left, stays = await submitted(batcher, "left", "stays")
        left.cancel()
        await asyncio.sleep(0)

    assert await asyncio.gather(first, stays) == ["did first", "did stays"]
    assert left.cancelled()
    assert await kept(query) == {"first", "stays"}


async def test_an_item_cancelled_during_its_batch_does_not_affect_others(
    batcher: Batcher[str, str], writes_blocked: Blocked, query: Any
) -> None:
    """Its work may still be done."""
    async with writes_blocked():
        [first] = await submitted(batcher, "first")
        await let_tasks_run()
        later = await submitted(batcher, "later")
        first.cancel()
        await asyncio.sleep(0)

    assert await asyncio.gather(*later) == ["did later"]
    # On PostgreSQL, both batches run at once.
    await batcher.close()
    assert await kept(query) == {"first", "later"}


async def test_closing_waits_for_what_was_submitted(batcher: Batcher[str, str], query: Any) -> None:
    """A server that stops finishes what it began."""
    tasks = await submitted(batcher, "a", "b", "c")

    await batcher.close()

    assert await kept(query) == {"a", "b", "c"}
    assert all(task.done() or not task.cancelled() for task in tasks)
    await asyncio.gather(*tasks)


async def test_batches_whose_database_hangs_end_with_their_server(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the server would wait for them for ever."""
    monkeypatch.setattr(tasks, "LAST_SECONDS_MAX", 0)
    began = asyncio.Event()

    async def hang(tx: Transaction, items: Sequence[str]) -> list[str | SkygearError]:
        began.set()
        await asyncio.Event().wait()
        return []

    batcher: Batcher[str, str] = Batcher(store, hang)
    first, second = await submitted(batcher, "first", "second")
    await began.wait()
    later = asyncio.create_task(batcher.submit("later"))

    store.give_up()
    await batcher.close()

    for one in (first, second, later):
        with pytest.raises(SkygearError) as caught:
            await one
        assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
