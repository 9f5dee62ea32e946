"""How many calls a server carries out, and whether one more would wait too long.

What waits is bounded by what the server can do in a moment: calls beyond that would all be late,
and the server would only be busy with callers that no longer wait.
"""

from collections.abc import Callable

from skylogin.clock import monotonic

WAIT_SECONDS_MAX = 0.5
# So many may always wait: until it was busy, a server does not know how many it can answer.
CALLS_MIN = 256
MEASURE_SECONDS = 0.25
# By how much less is expected of a server that does less than before.
KEPT = 0.9
RATE_AT_FIRST = 1000.0


class Load:
    """The calls that are being carried out, at most *calls_max*; if it is 0, none is refused."""

    def __init__(self, calls_max: int, now: Callable[[], float] = monotonic) -> None:
        self.calls = 0
        self.refused = 0
        self._calls_max = calls_max
        self._now = now
        self._room = self._most(RATE_AT_FIRST)
        self._rate = RATE_AT_FIRST
        self._ended = 0
        self._measured_at = now()

    def is_full(self) -> bool:
        """Return whether one more call should be refused; if so, count it."""
        if not self._calls_max or self.calls < self._room:
            return False
        # It may have been measured long ago.
        self._measure()
        if self.calls < self._room:
            return False
        self.refused += 1
        return True

    def begin(self) -> None:
        """Count a call that begins."""
        self.calls += 1

    def end(self) -> None:
        """Count a call that ended."""
        self.calls -= 1
        self._ended += 1
        if self._ended >= CALLS_MIN:
            self._measure()

    def _measure(self) -> None:
        seconds = self._now() - self._measured_at
        if seconds < MEASURE_SECONDS:
            return
        self._rate = max(self._ended / seconds, KEPT * self._rate)
        self._room = self._most(self._rate)
        self._ended = 0
        self._measured_at += seconds

    def _most(self, rate: float) -> int:
        return min(self._calls_max, max(CALLS_MIN, int(rate * WAIT_SECONDS_MAX)))
