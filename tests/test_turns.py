"""An event loop whose turn another thread can take: what is run where, and who waits for whom."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextvars import ContextVar
from datetime import datetime

import pytest
from skylogin.clock import system_now
from skylogin.testing import SkyloginServer
from skylogin.testing.turns import LoopClosedError, TurnLoop

SECONDS_MAX = 10
AWHILE = 0.05
MARK: ContextVar[str] = ContextVar("MARK", default="none")


@pytest.fixture
def loop() -> Iterator[TurnLoop]:
    """A loop that runs in a thread of its own."""
    loop, stop = TurnLoop(), asyncio.Event()
    started = threading.Event()

    async def serve() -> None:
        started.set()
        await stop.wait()

    def run() -> None:
        with loop.hold(), asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    started.wait(SECONDS_MAX)
    yield loop
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)
    thread.join()


async def whose() -> int:
    """Return the thread that runs this."""
    return threading.get_ident()


def test_what_waits_for_nothing_is_run_by_who_asks(loop: TurnLoop) -> None:
    """And by the loop's thread where that is asked for."""
    assert loop.run_here(whose(), SECONDS_MAX) == threading.get_ident()
    assert loop.run_there(whose(), SECONDS_MAX) != threading.get_ident()


def sleep() -> Awaitable[object]:
    """Return what waits for a time."""
    return asyncio.sleep(AWHILE)


def give_way() -> Awaitable[object]:
    """Return what lets others run."""
    return asyncio.sleep(0)


def work_in_thread() -> Awaitable[object]:
    """Return what waits for a thread."""
    return asyncio.to_thread(time.sleep, AWHILE)


def task() -> Awaitable[object]:
    """Return what waits for a task, made here."""
    return asyncio.create_task(whose())


@pytest.mark.parametrize("wait", [sleep, give_way, work_in_thread, task])
def test_what_waits_is_ended_by_the_loop(
    wait: Callable[[], Awaitable[object]], loop: TurnLoop
) -> None:
    """However often it waits; what comes after is a task, with all that a task can do."""

    async def work() -> list[int]:
        threads = [await whose()]
        for _ in range(3):
            await wait()
            threads.append(await whose())
        async with asyncio.timeout(SECONDS_MAX):
            await give_way()
        return threads

    first, *others = loop.run_here(work(), SECONDS_MAX)

    assert first == threading.get_ident()
    assert set(others) == {loop.run_there(whose(), SECONDS_MAX)}


def test_an_error_comes_to_who_asks(loop: TurnLoop) -> None:
    """Before it waits and after it waited; the loop goes on."""

    async def fail(seconds: float | None) -> None:
        if seconds is not None:
            await asyncio.sleep(seconds)
        raise LookupError("mine")

    for seconds in (None, 0, AWHILE):
        with pytest.raises(LookupError, match="mine"):
            loop.run_here(fail(seconds), SECONDS_MAX)
    assert loop.run_here(whose(), SECONDS_MAX) == threading.get_ident()


@pytest.mark.parametrize("waits", [1, 3])
def test_the_work_hears_of_an_error_that_it_waits_for(waits: int, loop: TurnLoop) -> None:
    """As any coroutine does: it may handle it, and wait for more that fails."""

    def fail() -> None:
        raise LookupError("theirs")

    async def work() -> int:
        heard = 0
        for _ in range(waits):
            try:
                await asyncio.get_running_loop().run_in_executor(None, fail)
            except LookupError:
                heard += 1
        await asyncio.sleep(0)
        return heard

    assert loop.run_here(work(), SECONDS_MAX) == waits


def test_the_work_hears_that_the_loop_ends(loop: TurnLoop) -> None:
    """What it has to put away is put away; who asked is told."""
    put_away = threading.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(SECONDS_MAX)
        finally:
            await asyncio.sleep(0)
            put_away.set()

    async def cancel_others() -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if "_rest" in str(task.get_coro()):
                task.cancel()

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(loop.run_here, work(), SECONDS_MAX)
        time.sleep(AWHILE)
        loop.run_there(cancel_others(), SECONDS_MAX)
        with pytest.raises(CancelledError):
            asked.result(SECONDS_MAX)
    assert put_away.is_set()


def test_who_waits_for_the_turn_too_long_is_told(loop: TurnLoop) -> None:
    """The loop is busy with something that never waits."""
    loop.call_soon_threadsafe(time.sleep, 4 * AWHILE)
    time.sleep(AWHILE)

    with pytest.raises(TimeoutError, match="busy"):
        loop.run_here(whose(), AWHILE)
    assert loop.run_here(whose(), SECONDS_MAX) == threading.get_ident()


def test_a_call_within_a_call_is_an_error(loop: TurnLoop) -> None:
    """It would wait for itself."""

    async def ask_again() -> int:
        again = whose()
        try:
            return loop.run_here(again, SECONDS_MAX)
        finally:
            again.close()

    with pytest.raises(RuntimeError, match="another"):
        loop.run_here(ask_again(), SECONDS_MAX)
    assert loop.run_here(whose(), SECONDS_MAX) == threading.get_ident()


def test_who_waits_too_long_is_told(loop: TurnLoop) -> None:
    """The loop goes on with it."""
    done = threading.Event()

    async def work() -> None:
        await asyncio.sleep(AWHILE)
        done.set()

    with pytest.raises(TimeoutError):
        loop.run_here(work(), AWHILE / 10)
    assert done.wait(SECONDS_MAX)


def test_the_loop_is_woken_for_what_is_left_to_it(loop: TurnLoop) -> None:
    """It waits for a socket, or for nothing at all, and was not told in its own thread."""
    done, later = threading.Event(), threading.Event()

    async def leave() -> None:
        running = asyncio.get_running_loop()
        assert running is loop
        running.call_soon(done.set)
        running.call_later(AWHILE, later.set)

    loop.run_here(leave(), SECONDS_MAX)

    assert done.wait(SECONDS_MAX)
    assert later.wait(SECONDS_MAX)


def let_go() -> None:
    """Let go of the interpreter, and not of the turn."""
    time.sleep(0.000_01)


def test_threads_and_loop_never_run_at_once(loop: TurnLoop) -> None:
    """Between two awaits nothing changes: so everything on the loop is written."""
    count = 0
    threads = 4
    times = 200

    async def add() -> None:
        nonlocal count
        before = count
        let_go()
        count = before + 1

    async def add_often() -> None:
        for _ in range(times):
            await add()
            await asyncio.sleep(0)

    def add_here(_number: int) -> None:
        for _ in range(times):
            loop.run_here(add(), SECONDS_MAX)

    there = asyncio.run_coroutine_threadsafe(add_often(), loop)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(add_here, range(threads)))
    there.result(SECONDS_MAX)

    assert count == times * (threads + 1)


def test_the_callers_loop_and_context_stay_as_they_are(loop: TurnLoop) -> None:
    """An asynchronous test that asks goes on in its own loop."""

    async def look(*, late: bool) -> tuple[str, bool]:
        if late:
            await asyncio.sleep(0)
        seen = MARK.get()
        MARK.set("theirs")
        return seen, asyncio.get_running_loop() is loop

    async def test() -> None:
        MARK.set("mine")
        mine = asyncio.get_running_loop()
        for late in (False, True):
            assert loop.run_here(look(late=late), SECONDS_MAX) == ("none", True)
        assert asyncio.get_running_loop() is mine
        assert MARK.get() == "mine"
        await asyncio.sleep(0)

    asyncio.run(test())
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_loop_that_is_closed_says_so() -> None:
    """Whichever thread was to run it."""
    loop = TurnLoop()
    loop.close()

    for run in (loop.run_here, loop.run_there):
        with pytest.raises(LoopClosedError):
            run(whose(), SECONDS_MAX)


def test_a_loop_that_checks_its_threads_runs_all_in_its_own(loop: TurnLoop) -> None:
    """As PYTHONASYNCIODEBUG has it."""
    loop.set_debug(True)

    assert loop.run_here(whose(), SECONDS_MAX) != threading.get_ident()


def test_a_server_is_asked_in_the_thread_of_the_test() -> None:
    """No other has to wake for it, where its database waits for nothing."""
    threads: set[int] = set()

    def now() -> datetime:
        threads.add(threading.get_ident())
        return system_now()

    with SkyloginServer(now=now) as server:
        app = server.app()
        threads.clear()
        app.reset()
        app.clock.advance(1)
        app.mint("alice")

    assert threads == {threading.get_ident()}
