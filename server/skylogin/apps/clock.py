"""The clock of an app, which a test may set, advance and freeze.

All times that clients see are read from it. Ids that have to sort by the time of their
creation, such as those of login attempts, use the server's clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from skylogin.clock import system_now

# Adding a lifetime to a time stays in the range of datetime, and no time in a token is 0 or
# less, which the original takes for a missing one.
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(9000, 1, 1, tzinfo=UTC)


class Reading(NamedTuple):
    """How a clock is set: ahead of the server's by *offset*, or *frozen_at* a time."""

    offset: timedelta = timedelta()
    frozen_at: datetime | None = None


_SERVER_TIME = Reading()


class Clock:
    """Shows the server's time until it is set, advanced or frozen."""

    def __init__(self, server_now: Callable[[], datetime] = system_now) -> None:
        self._server_now = server_now
        self.reading = _SERVER_TIME

    def __call__(self) -> datetime:
        """Return the time in UTC."""
        reading = self.reading
        return reading.frozen_at or self._server_now() + reading.offset

    @property
    def is_moved(self) -> bool:
        """Return whether it differs from the server's clock."""
        return self.reading != _SERVER_TIME

    @property
    def offset(self) -> timedelta:
        """Return by how much it is ahead of the server's clock."""
        return self() - self._server_now() if self.reading.frozen_at else self.reading.offset

    def set(self, moment: datetime, *, frozen: bool = False) -> None:
        """Set it to *moment*, from which it runs on unless it is *frozen*.

        Raises ValueError for a time before 1971 or after the year 8999.
        """
        if not EARLIEST <= moment < LATEST:
            raise ValueError(
                f"a clock shows the years {EARLIEST.year} to {LATEST.year - 1}: {moment.year}"
            )
        self.reading = (
            Reading(frozen_at=moment) if frozen else Reading(offset=moment - self._server_now())
        )

    def advance(self, by: timedelta) -> None:
        """Advance it, or turn it back where *by* is negative; a frozen clock stays frozen.

        Raises ValueError as `set` does.
        """
        try:
            moment = self() + by
        except OverflowError:
            raise ValueError(f"a clock cannot be moved by {by.days} days") from None
        before = self.reading
        self.set(moment, frozen=before.frozen_at is not None)
        if not before.frozen_at:
            # By exactly this amount, without the time since the clock was read.
            self.reading = Reading(before.offset + by)

    def reset(self) -> None:
        """Reset it to server time."""
        self.reading = _SERVER_TIME
