"""The one place that reads the system's clock; everything else is handed the time."""

from datetime import UTC, datetime


def system_now() -> datetime:
    """Return the time by the system's clock, in UTC."""
    return datetime.now(UTC)
