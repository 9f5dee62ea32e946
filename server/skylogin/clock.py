"""The system's clocks, which only this module reads."""

import time
from collections.abc import Callable, Hashable
from datetime import UTC, datetime

MINUTE_SECONDS = 60


def system_now() -> datetime:
    """Return the time by the system's clock, in UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Return seconds for measuring time-outs, unaffected by changes of the system's time.

    Libraries that freeze the time of a test replace `time.monotonic`, but not this clock:
    with a frozen one, no time-out of the test's server would ever end.
    """
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Throttle:
    """Allows something at most once a minute."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._last: dict[Hashable, float] = {}

    def allows(self, kind: Hashable = None) -> bool:
        """Return whether *kind* may happen now; if so, it counts as done."""
        now, last = self._now(), self._last.get(kind)
        if last is not None and now - last < MINUTE_SECONDS:
            return False
        self._last[kind] = now
        return True
