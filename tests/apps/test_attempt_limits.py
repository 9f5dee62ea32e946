"""Limits on wrong passwords: who waits, and for how long."""

import asyncio

from skylogin.apps.attempt_limits import WAIT_SECONDS_MAX, AttemptLimits

from tests.clocks import Seconds


async def test_the_wait_doubles_up_to_five_minutes() -> None:
    """The first five failures cost nothing; a success forgets them."""
    clock = Seconds()
    limits = AttemptLimits(clock)
    waits = []
    for _ in range(12):
        await limits.fail("a")
        waits.append(await limits.wait_seconds("a"))
        clock.now += waits[-1]

    assert waits == [0, 0, 0, 0, 10, 20, 40, 80, 160, 300, 300, 300]
    await limits.succeed("a")
    await limits.fail("a")
    assert await limits.wait_seconds("a") == 0


async def test_who_has_not_failed_never_waits() -> None:
    """However often others fail."""
    limits = AttemptLimits(Seconds())
    for _ in range(2000):
        await limits.fail("a")

    assert await limits.wait_seconds("a") == WAIT_SECONDS_MAX
    assert await limits.wait_seconds("b") == 0


async def test_a_quiet_hour_forgets_the_failures() -> None:
    """The next failure is the first one."""
    clock = Seconds()
    limits = AttemptLimits(clock)
    for _ in range(9):
        await limits.fail("a")
    clock.now += 3600

    assert await limits.fail("a") == 1


async def test_the_memory_is_bounded() -> None:
    """It forgets the source that failed least lately."""
    limits = AttemptLimits(Seconds(), sources_max=3)
    for source in ("a", "b", "c", "a", "d"):
        for _ in range(5):
            await limits.fail(source)

    assert [await limits.wait_seconds(source) > 0 for source in "abcd"] == [True, False, True, True]


async def test_attempts_of_a_source_take_turns() -> None:
    """Those of another one do not wait for them."""
    limits = AttemptLimits(Seconds())
    async with limits.one_at_a_time("a"):
        second = asyncio.create_task(_take_turn(limits, "a"))
        await asyncio.wait_for(_take_turn(limits, "b"), 5)
        assert not second.done()
    await asyncio.wait_for(second, 5)


async def _take_turn(limits: AttemptLimits, source: str) -> None:
    async with limits.one_at_a_time(source):
        await asyncio.sleep(0)
