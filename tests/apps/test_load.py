"""How many calls may wait: as many as are answered in a moment."""

from skylogin.apps.load import CALLS_AT_FIRST, CALLS_MIN, WAIT_SECONDS_MAX, Load

BATCH, BOUND, FEW, NEAR = 256, 300, 5, 0.25


def room_of(load: Load) -> int:
    """Return how many calls it lets wait; they keep waiting."""
    while not load.is_full():
        load.enter()
    return load.calls


def work(load: Load, rate: int, batches: int = 200) -> int:
    """Let more calls come than *rate* can be answered a second; return how many wait."""
    waiting = 0
    for _ in range(batches):
        waiting = room_of(load)
        load.note(waiting / rate)
        for _ in range(min(BATCH, waiting)):
            load.leave()
    return waiting


def test_as_many_wait_as_are_answered_soon() -> None:
    """Whether the server becomes slower or faster, and never less than a few."""
    load = Load(10_000)
    assert room_of(load) == CALLS_AT_FIRST
    for rate in (5000, 1000, 400, 3000):
        assert abs(work(load, rate) / (rate * WAIT_SECONDS_MAX) - 1) < NEAR
    assert work(load, 10) == CALLS_MIN


def test_one_batch_does_not_close_a_server() -> None:
    """Not if it took very long, as while the database failed over."""
    load = Load(10_000)
    load.note(30)
    assert room_of(load) == CALLS_AT_FIRST / 2


def test_the_queue_is_bounded() -> None:
    """However fast the server is; without a bound, nobody is refused."""
    assert work(Load(BOUND), 10**6) == BOUND
    assert work(Load(FEW), 1) == FEW
    unbounded = Load(0)
    for _ in range(10_000):
        unbounded.enter()
    assert not unbounded.is_full()
