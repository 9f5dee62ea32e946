"""The tasks of transactions, which may outlive their callers, and end with the server."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from skylogin.database import failures, queries
from skylogin.errors import ExpectedError, SkygearError

logger = logging.getLogger("skylogin.store")

T = TypeVar("T")

CLOSE_SECONDS_MAX, CANCEL_SECONDS_MAX = 10, 2
# How long a transaction may take that begins after `give_up`.
LAST_SECONDS_MAX = 2


class Tasks:
    """The tasks of a store. *interrupt* ends the statement of one that is being cancelled."""

    def __init__(self, interrupt: Callable[[asyncio.Task[Any]], None]) -> None:
        self._interrupt = interrupt
        self._running: set[asyncio.Task[Any]] = set()
        # Those that run on although their callers left.
        self._abandoned: set[asyncio.Task[Any]] = set()
        self._has_given_up = self._hangs = False

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]], *, must_finish: bool) -> T:
        """Return the result of *work*, in a task of its own.

        If the caller leaves, the task ends, unless it *must_finish*.
        Raises SkygearError if the server ends the task.
        """
        if self._hangs:
            raise _given_up()
        task = self.start(work())
        if self._has_given_up:
            end = asyncio.get_running_loop().call_later(LAST_SECONDS_MAX, self._refuse_all)
            task.add_done_callback(lambda _: end.cancel())
        try:
            # Not `asyncio.shield`: from Python 3.14 on, it logs an error without a caller itself.
            await asyncio.wait([task])
        except asyncio.CancelledError:
            if must_finish and not task.done():
                self._abandoned.add(task)
            else:
                self.cancel(task)
            task.add_done_callback(self._end_without_caller)
            raise
        if task.cancelled():
            raise _given_up() if self._has_given_up else queries.ended()
        return task.result()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run *work* in a task, for which `close` waits."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancel *task*, and end its statement."""
        self._interrupt(task)
        # Cancelling a task twice would leave the driver's connection half closed.
        if not task.cancelling():
            task.cancel()

    def is_abandoned(self) -> bool:
        """Return whether the caller of the current task has left."""
        return asyncio.current_task() in self._abandoned

    def _end_without_caller(self, task: asyncio.Task[Any]) -> None:
        """Log the error of *task*, which no caller gets, unless it is a refusal."""
        self._abandoned.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ExpectedError):
            logger.error("a transaction failed after its caller had left", exc_info=error)

    def give_up(self) -> None:
        """End all tasks: the database may hang, and the server stops.

        Later ones, such as the last writes of the login log, have a short time. If one of them
        is not done by then, the database hangs, and all are refused.
        """
        self._has_given_up = True
        for task in tuple(self._running):
            self.cancel(task)

    def _refuse_all(self) -> None:
        self._hangs = True
        self.give_up()

    async def close(self) -> None:
        """Give the tasks time to end, and end the others."""
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=CLOSE_SECONDS_MAX)
        for task in late:
            self.cancel(task)
        if late:
            await asyncio.wait(late, timeout=CANCEL_SECONDS_MAX)


def _given_up() -> SkygearError:
    return failures.unavailable(TimeoutError("it did not answer while the server stopped"))
