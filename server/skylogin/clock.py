"""The system's clocks, which only this module reads."""

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime


def system_now() -> datetime:
    """Return the time by the system's clock, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds for measuring time-outs, which no change of the system's time moves.

    Libraries that freeze the time of a test replace `time.monotonic`, but not this clock:
    with a frozen one, no time-out of the test's server would ever end.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Throttle:
    """Says whether something is due that happens at most once per *seconds*."""

    def __init__(self, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._now = now
        self._last: dict[Hashable, float] = {}

    def allows(self, kind: Hashable = None) -> bool:
        """Return whether a *kind* of it may happen now. If so, it counts as done."""
        now, last = self._now(), self._last.get(kind)
        if last is not None and now - last < self._seconds:
            return False
        self._last[kind] = now
        return True
