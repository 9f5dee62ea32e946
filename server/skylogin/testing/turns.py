"""An event loop whose turn another thread can take, to run what belongs to it there.

Sending a call to the loop's thread and waiting for the answer wakes two threads, and beside
other busy processes each of them first waits for its own turn in the machine's queue. A call
that waits for nothing is over sooner than that, so the thread that asks runs it itself. It
holds the turn meanwhile: the loop's thread runs nothing of its own then.
"""

import asyncio
import selectors
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class LoopClosedError(RuntimeError):
    """The loop runs nothing any more."""


class TurnLoop(asyncio.SelectorEventLoop):
    """Has its turn but while it waits for something to do. `hold` it for as long as it runs."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self._thread: int | None = None
        # The other thread that has the turn.
        self._holder: int | None = None
        self._was_given_work = False
        super().__init__(_Yielding(self.turn))

    @contextmanager
    def hold(self) -> Generator[None]:
        """Have the turn, in the thread that is to run the loop."""
        with self.turn:
            self._thread = threading.get_ident()
            yield

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Note that there is something to do, where another thread has the turn."""
        self._note_work()
        return super().call_soon(callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Note that there is something to do later, where another thread has the turn."""
        self._note_work()
        return super().call_at(when, callback, *args, context=context)

    def _note_work(self) -> None:
        self._was_given_work |= threading.get_ident() != self._thread

    def run_here(self, work: Coroutine[Any, Any, T], seconds_max: float) -> T:
        """Return what *work* returns: run in this thread until it has to wait, if it has to.

        Raises what it raises, LoopClosedError, ConnectionResetError where the loop is closed
        while it waits, and TimeoutError where it, or its turn, lets wait for longer than
        *seconds_max*. As long as it is run here it is no task, and so cannot begin a time-out.
        """
        if self.get_debug():
            # That allows no other thread than its own.
            return self.run_there(work, seconds_max)
        # Nothing of the caller's context is anybody's business there.
        context = Context()
        try:
            with self._taken(seconds_max):
                awaited = context.run(work.send, None)
        except StopIteration as end:
            result: T = end.value
            return result
        except BaseException:
            work.close()
            raise
        try:
            return context.run(self.run_there, _rest(work, awaited), seconds_max)
        except LoopClosedError:
            work.close()
            raise ConnectionResetError("the server ended in the middle of a call") from None

    @contextmanager
    def _taken(self, seconds_max: float) -> Generator[None]:
        """Have the turn in a thread that is not the loop's, as if it were."""
        if threading.get_ident() == self._holder:
            raise RuntimeError("a call to the server cannot make another one")
        if not self.turn.acquire(timeout=seconds_max):
            raise TimeoutError(f"the server was busy for {seconds_max:g} s")
        outer, self._holder = asyncio._get_running_loop(), threading.get_ident()
        try:
            if self.is_closed():
                raise LoopClosedError
            asyncio._set_running_loop(self)
            try:
                yield
            finally:
                asyncio._set_running_loop(outer)
                self._wake()
        finally:
            self._holder = None
            self.turn.release()

    def run_there(self, work: Coroutine[Any, Any, T], seconds_max: float) -> T:
        """Return what *work* returns, run in the loop's own thread.

        Raises what it raises, LoopClosedError, and TimeoutError after *seconds_max*.
        """
        try:
            running = asyncio.run_coroutine_threadsafe(work, self)
        except RuntimeError:
            work.close()
            raise LoopClosedError from None
        return running.result(seconds_max)

    def _wake(self) -> None:
        """Have the loop's thread see what there is to do: it waits without knowing of it."""
        if self._was_given_work:
            self._was_given_work = False
            self.call_soon_threadsafe(lambda: None)


class _Yielding(selectors.DefaultSelector):
    """Gives the turn away while it waits."""

    def __init__(self, turn: threading.Lock) -> None:
        super().__init__()
        self._turn = turn

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turn.release()
        try:
            return super().select(timeout)
        finally:
            self._turn.acquire()


async def _rest(work: Coroutine[Any, Any, T], awaited: Any) -> T:
    """Return what *work* returns, which was begun outside of a task and waits for *awaited*."""
    return await _Begun(work, awaited)


class _Begun(Generator[Any, Any, T]):
    """What a task steps through, as if the coroutine had been its own from the beginning."""

    def __init__(self, work: Coroutine[Any, Any, T], awaited: Any) -> None:
        self._work = work
        self._first = [awaited]

    def __await__(self) -> Generator[Any, Any, T]:
        return self

    def send(self, value: Any) -> Any:
        return self._first.pop() if self._first else self._work.send(value)

    def throw(self, kind: Any, error: Any = None, traceback: Any = None) -> Any:
        return self._work.throw(kind if error is None else error)
