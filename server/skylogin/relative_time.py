"""Times relative to now, in words. Pure."""

from datetime import datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def ago(moment: datetime | None, now: datetime) -> str:
    """Return *moment* relative to *now*: `12 seconds ago`, `in 3 hours`; `never` for None."""
    if moment is None:
        return "never"
    seconds = round((now - moment) / timedelta(seconds=1))
    if abs(seconds) < 1:
        return "just now"
    words = span(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(seconds: int) -> str:
    """Return a number of seconds in its largest unit: `90` is `1 minute`."""
    name, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    number = seconds // size
    return f"{number} {name}{'' if number == 1 else 's'}"
