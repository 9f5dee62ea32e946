"""The system's clocks, which only this module reads."""

import time
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
