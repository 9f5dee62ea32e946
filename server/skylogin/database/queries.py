"""Queries of clients: a few at once, so that logins always find a connection.

A query runs for as long as its caller waits, unless the server stops.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from skylogin.errors import SkygearError, took_too_long

T = TypeVar("T")


class Queries:
    """The queries of one store, *most* at once. The others wait for their turn."""

    def __init__(self, most: int) -> None:
        self._turns = asyncio.Semaphore(most)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._has_ended = False

    async def run(self, query: Callable[[], Awaitable[T]]) -> T:
        """Return the result of *query*, in a task of its own."""
        if self._has_ended:
            raise ended()
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with self._turns:
                return await query()
        finally:
            self._tasks.discard(task)

    def close(self) -> list[asyncio.Task[Any]]:
        """Refuse new queries, and return those that still run."""
        self._has_ended = True
        return list(self._tasks)


def ended() -> SkygearError:
    """Return the refusal of a call whose query was ended by the server."""
    return took_too_long("the server stops")
