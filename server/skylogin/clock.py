"""The clocks: the system's, read here and nowhere else, and those of apps, which tests may move.

Whatever the time means to a client is read from the clock of its app. What only has to be in
the order in which it came, such as the ids of attempts, goes by the server's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Sums of a time and a lifetime stay within what a datetime can hold, and no time in a token
# is 0 or less: the original takes that for none.
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


def system_now() -> datetime:
    """Return the time by the system's clock, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a clock stands: ahead of the server's by *offset*, or *frozen_at* a time."""

    offset: timedelta = timedelta()
    frozen_at: datetime | None = None


_AS_SERVER = Reading()


class Clock:
    """The clock of an app: the server's, until it is set, advanced or frozen."""

    def __init__(self, server_now: Callable[[], datetime] = system_now) -> None:
        self._server_now = server_now
        self.reading = _AS_SERVER

    def __call__(self) -> datetime:
        """Return the time in UTC."""
        reading = self.reading
        return reading.frozen_at or self._server_now() + reading.offset

    @property
    def is_moved(self) -> bool:
        """Return whether it shows another time than the server's clock."""
        return self.reading != _AS_SERVER

    @property
    def offset(self) -> timedelta:
        """Return by how much it is ahead of the server's clock."""
        return self() - self._server_now() if self.reading.frozen_at else self.reading.offset

    def set(self, moment: datetime, *, frozen: bool = False) -> None:
        """Have it show *moment*, and go on from there or, *frozen*, stand.

        Raises ValueError on a time before 1971 or after the year 8999.
        """
        if not EARLIEST <= moment < LATEST:
            raise ValueError(
                f"a clock shows the years {EARLIEST.year} to {LATEST.year - 1}: {moment.year}"
            )
        self.reading = Reading(
            timedelta() if frozen else moment - self._server_now(), moment if frozen else None
        )

    def advance(self, by: timedelta) -> None:
        """Move it by so much, back where it is negative; a clock that stands goes on standing.

        Raises ValueError as `set` does.
        """
        try:
            moment = self() + by
        except OverflowError:
            raise ValueError(f"a clock cannot be moved by {by.days} days") from None
        if self.reading.frozen_at:
            self.set(moment, frozen=True)
            return
        # Checked like a time that is set, but moved by the very amount.
        before = self.reading
        self.set(moment)
        self.reading = Reading(before.offset + by)

    def reset(self) -> None:
        """Have it show the server's time again."""
        self.reading = _AS_SERVER
