"""Waiting for something that happens in another process or task.

A test waits for what it needs, never for a fixed time: if the event cannot be awaited,
the test looks for its effect again and again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from inspect import isawaitable

PAUSE_SECONDS = 0.005


def wait_until(is_so: Callable[[], object], seconds_max: float = 20) -> None:
    """Return once *is_so* returns something true; fail after *seconds_max*."""
    deadline = time.monotonic() + seconds_max
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds_max} seconds"
        time.sleep(PAUSE_SECONDS)


async def wait_until_async(
    is_so: Callable[[], object | Awaitable[object]], seconds_max: float = 20
) -> None:
    """Do the same in an event loop; *is_so* may be a coroutine function."""
    deadline = time.monotonic() + seconds_max
    while not (await found if isawaitable(found := is_so()) else found):
        assert time.monotonic() < deadline, f"not within {seconds_max} seconds"
        await asyncio.sleep(PAUSE_SECONDS)


async def let_tasks_run() -> None:
    """Give the tasks of the event loop several turns, until each waits for something outside."""
    for _ in range(10):
        await asyncio.sleep(0)
