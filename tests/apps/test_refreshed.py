"""A value that is loaded again after a second."""

import asyncio

import pytest
from skylogin.apps.refreshed import KNOWN_SECONDS, Refreshed

from tests.clocks import Seconds
from tests.waiting import let_tasks_run

# Far fewer than there are calls.
MANY_TURNS = 50


class Loader:
    """Counts its loads, and returns their number. A load lasts until *may_end* is set."""

    def __init__(self) -> None:
        self.loads = 0
        self.has_begun = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def __call__(self) -> int:
        """Load the value."""
        self.loads += 1
        loaded = self.loads
        self.has_begun.set()
        await self.may_end.wait()
        return loaded


async def test_a_value_is_loaded_again_after_a_second() -> None:
    """And not before, unless it is forgotten."""
    seconds, load = Seconds(), Loader()
    refreshed = Refreshed(load, seconds)
    assert await refreshed.get() == await refreshed.get() == 1

    seconds.now += KNOWN_SECONDS
    assert await refreshed.get() == await refreshed.get() == 2  # noqa: PLR2004
    refreshed.forget()
    assert await refreshed.get() == 3  # noqa: PLR2004


async def test_the_last_value_needs_no_load() -> None:
    """Unless there is none, or it is known to have changed."""
    seconds, load = Seconds(), Loader()
    refreshed = Refreshed(load, seconds)
    assert await refreshed.get_last() == 1

    seconds.now += 100 * KNOWN_SECONDS
    assert await refreshed.get_last() == 1
    refreshed.forget()
    assert await refreshed.get_last() == 2  # noqa: PLR2004


async def test_a_load_that_takes_longer_than_a_value_is_known_is_good_enough() -> None:
    """Otherwise a slow database would be asked for ever."""
    seconds = Seconds()

    async def load_slowly() -> str:
        seconds.now += 2 * KNOWN_SECONDS
        return "loaded"

    refreshed = Refreshed(load_slowly, seconds)

    async with asyncio.timeout(5):
        assert await asyncio.gather(refreshed.get(), refreshed.get()) == ["loaded"] * 2
        assert await refreshed.get_newer() == "loaded"
    assert seconds.now <= 3 * 2 * KNOWN_SECONDS


async def test_calls_at_the_same_time_share_a_failure() -> None:
    """Else each would wait anew for a database that is gone; a later call loads again."""
    loads = 0

    async def fail() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0)
        raise OSError

    refreshed = Refreshed(fail)
    for number in (1, 2):
        found = await asyncio.gather(*(refreshed.get() for _ in range(20)), return_exceptions=True)
        assert [type(one) for one in found] == [OSError] * 20
        assert loads == number


async def test_a_failure_is_not_logged_for_a_call_that_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Only the other calls get it."""
    load = Loader()

    async def fail() -> int:
        await load()
        raise OSError

    load.may_end.clear()
    refreshed = Refreshed(fail)
    first = asyncio.create_task(refreshed.get())
    await load.has_begun.wait()
    other = asyncio.create_task(refreshed.get())
    await let_tasks_run()
    other.cancel()
    await asyncio.gather(other, return_exceptions=True)
    load.may_end.set()

    assert [type(one) for one in await asyncio.gather(first, return_exceptions=True)] == [OSError]
    await let_tasks_run()
    assert not caplog.records


async def test_calls_at_the_same_time_share_a_load() -> None:
    """All of them get its value, the first one too."""
    refreshed = Refreshed(Loader())

    assert await asyncio.gather(*(refreshed.get() for _ in range(20))) == [1] * 20


async def test_a_value_that_is_forgotten_while_it_is_loaded_is_loaded_again() -> None:
    """The load that began before the change is not kept."""
    load = Loader()
    load.may_end.clear()
    refreshed = Refreshed(load)
    asked = asyncio.create_task(refreshed.get())
    await load.has_begun.wait()
    refreshed.forget()
    load.may_end.set()

    assert await asked == 2  # noqa: PLR2004


async def test_a_newer_value_is_from_a_load_that_begins_after_the_call() -> None:
    """Even if the known one is recent; calls at the same time share that load."""
    load = Loader()
    refreshed = Refreshed(load)
    await refreshed.get()

    assert await asyncio.gather(*(refreshed.get_newer() for _ in range(20))) == [2] * 20


async def test_calls_for_a_newer_value_wait_for_the_load_that_one_of_them_began() -> None:
    """It is not there yet."""
    load = Loader()
    refreshed = Refreshed(load)
    await refreshed.get()
    load.has_begun.clear()
    load.may_end.clear()
    asked = [asyncio.create_task(refreshed.get_newer()) for _ in range(20)]
    await load.has_begun.wait()
    await let_tasks_run()
    assert not any(one.done() for one in asked)
    load.may_end.set()

    assert await asyncio.gather(*asked) == [2] * 20


async def test_many_calls_wait_for_one_load_together() -> None:
    """It ends for all of them in the same turn of the event loop, and not one after the other."""
    loads, turns = 0, 0

    async def load() -> int:
        nonlocal loads
        loads += 1
        await asyncio.sleep(0)
        return loads

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    value = Refreshed(load)
    assert await asyncio.gather(*(value.get() for _ in range(500))) == [1] * 500
    counting.cancel()
    assert turns < MANY_TURNS
