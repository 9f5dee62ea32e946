"""How many calls a server carries out at once, and whether one more would wait too long.

Calls that wait longer than a moment are all late, and the server is then only busy with callers
that have given up. So it has room for as many as wait no longer, which it finds by itself.
"""

WAIT_SECONDS_MAX = 0.4
CALLS_MIN, CALLS_AT_FIRST = 128, 256
SHRINK_MAX, GROW = 0.5, 1.05


class Load:
    """The calls that are being carried out, at most *calls_max*; if it is 0, none is refused."""

    def __init__(self, calls_max: int) -> None:
        self.calls = 0
        self._calls_max = calls_max
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
        """Note how long the first of a batch has waited for the end of its transaction."""
        if seconds > WAIT_SECONDS_MAX:
            least = min(CALLS_MIN, self._calls_max)
            self._room = max(least, int(self._room * max(SHRINK_MAX, WAIT_SECONDS_MAX / seconds)))
        elif self._was_full:
            self._room = min(self._calls_max, int(self._room * GROW) + 1)
        self._was_full = False
