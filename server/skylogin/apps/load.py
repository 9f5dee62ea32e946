"""How many calls a server carries out at once, and whether one more would wait too long.

If calls wait too long, all of them are late, and the server is busy with callers that have given
up. So it measures the wait, and takes only as many calls as it can answer in time.
"""

WAIT_SECONDS_MAX = 0.4
CALLS_MIN, CALLS_AT_FIRST = 128, 256
SHRINK_MAX, GROW = 0.5, 1.05


class Load:
    """The calls that are being carried out, at most *calls_max*; 0 means any number."""

    def __init__(self, calls_max: int) -> None:
        self.calls = 0
        self._calls_max = calls_max
        # How many calls are accepted at once for now.
        self._room = min(CALLS_AT_FIRST, calls_max)
        self._was_full = False

    def is_full(self) -> bool:
        """Return whether one more call should be refused."""
        if not self._calls_max or self.calls < self._room:
            return False
        self._was_full = True
        return True

    def enter(self) -> None:
        """Count a call that begins."""
        self.calls += 1

    def leave(self) -> None:
        """Count a call that ended."""
        self.calls -= 1

    def note(self, seconds: float) -> None:
        """Adapt the room to *seconds*, which the first call of a batch waited for its commit."""
        if seconds > WAIT_SECONDS_MAX:
            least = min(CALLS_MIN, self._calls_max)
            self._room = max(least, int(self._room * max(SHRINK_MAX, WAIT_SECONDS_MAX / seconds)))
        elif self._was_full:
            self._room = min(self._calls_max, int(self._room * GROW) + 1)
        self._was_full = False
