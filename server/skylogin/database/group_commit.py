"""Group commit: one transaction for all waiting work.

It has no timer: an idle server begins at once, and items that arrive during a
transaction share the next one. If a batch fails, each of its items is done again
in its own transaction, so that one item cannot fail others.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from skylogin.clock import monotonic
from skylogin.database.database import Store
from skylogin.database.transaction import Transaction
from skylogin.errors import SkygearError, database_trouble
from skylogin.metrics import BATCHES

if TYPE_CHECKING:
    from skylogin.traces import CallSpan

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

BATCH_SIZE_MAX = 256


class _Waiting(NamedTuple, Generic[Item, Outcome]):
    """An item, the future its caller awaits, the caller's span if any, and when it arrived."""

    item: Item
    future: asyncio.Future[Outcome]
    call: "CallSpan | None"
    since: float


Work = Callable[[Transaction, Sequence[Item]], Awaitable[Sequence[Outcome | SkygearError]]]
WasCommitted = Callable[[Transaction, Sequence[Item]], Awaitable[bool]]


class Batcher(Generic[Item, Outcome]):
    """Does work in batches, in the order in which it was submitted."""

    def __init__(  # noqa: PLR0913
        self,
        store: Store,
        work: Work[Item, Outcome],
        was_committed: WasCommitted[Item] | None = None,
        *,
        write: bool = True,
        kind: str = "",
        note_wait: Callable[[float], None] | None = None,
    ) -> None:
        self._note_wait = note_wait
        self._kind = kind or BATCHES[0]
        store.metrics.batch_waiting.follow(lambda: len(self._waiting), self._kind)
        self._store = store
        self._work = work
        self._was_committed = was_committed
        self._write = write
        self._waiting: list[_Waiting[Item, Outcome]] = []
        # PostgreSQL works in another process; SQLite has one writer at a time.
        self._runners_max = 2 if store.dialect == "postgresql" else 1
        self._runners: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Outcome:
        """Return the outcome of *item* once its transaction is committed.

        Raises its SkygearError, or any other error of its transaction. An item whose
        caller is cancelled before the batch begins is not in it.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        traces = self._store.traces
        call = traces.current() if traces else None
        self._waiting.append(_Waiting(item, future, call, monotonic()))
        if len(self._runners) < self._runners_max:
            self._runners.add(asyncio.create_task(self._run()))
        return await future

    async def close(self) -> None:
        """Wait until everything submitted is done."""
        while self._runners:
            await asyncio.wait(self._runners)

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:BATCH_SIZE_MAX]
                del self._waiting[:BATCH_SIZE_MAX]
                await self._settle([one for one in batch if not one.future.done()])
                if self._note_wait is not None:
                    self._note_wait(monotonic() - batch[0].since)
        finally:
            # At once, so that the next item starts another runner.
            self._runners -= {asyncio.current_task()}

    async def _settle(self, batch: list[_Waiting[Item, Outcome]]) -> None:
        if not batch:
            return
        self._store.metrics.batches.observe(len(batch), self._kind)
        try:
            with self._traced(batch):
                outcomes = await self._commit([one.item for one in batch])
        except Exception as error:
            for one in batch:
                if database_trouble(error):
                    # Trying each item alone would only add to the load on the database.
                    _settle(one.future, error)
                else:
                    await self._settle_alone(one.item, one.future)
            return
        for one, outcome in zip(batch, outcomes, strict=True):
            _settle(one.future, outcome)

    def _traced(self, batch: list[_Waiting[Item, Outcome]]) -> AbstractContextManager[object]:
        traces = self._store.traces
        if traces is None:
            return nullcontext()
        return traces.batch(self._kind, [one.call for one in batch if one.call is not None])

    async def _settle_alone(self, item: Item, future: asyncio.Future[Outcome]) -> None:
        if future.done():
            return
        try:
            [outcome] = await self._commit([item])
        except Exception as error:
            _settle(future, error)
        else:
            _settle(future, outcome)

    async def _commit(self, items: Sequence[Item]) -> Sequence[Outcome | SkygearError]:
        was_committed = self._was_committed

        async def work(tx: Transaction) -> Sequence[Outcome | SkygearError]:
            return await self._work(tx, items)

        async def all_committed(tx: Transaction) -> bool:
            return was_committed is not None and await was_committed(tx, items)

        return await self._store.run(work, write=self._write, was_committed=all_committed)


def _settle(future: asyncio.Future[Outcome], outcome: Outcome | BaseException) -> None:
    """Set the outcome of *future*, unless its caller was cancelled."""
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
