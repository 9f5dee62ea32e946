"""Clocks that stand still until a test sets them."""

from dataclasses import dataclass, field
from datetime import datetime

from tests.factories import NOW


@dataclass
class Clock:
    """A server's clock, which shows *moment*."""

    moment: datetime = field(default=NOW)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.moment


@dataclass
class Seconds:
    """A clock that measures how long something takes, in seconds from any time on."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now
