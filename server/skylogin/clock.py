"""The system's clock, which only this module reads."""

from datetime import UTC, datetime


def system_now() -> datetime:
    """Return the time by the system's clock, in UTC."""
    return datetime.now(UTC)
