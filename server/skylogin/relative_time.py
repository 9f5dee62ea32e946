"""Times relative to now, in words. Pure."""

from datetime import datetime, timedelta

_UNITS = (("day", "d", 86400), ("hour", "h", 3600), ("minute", "min", 60), ("second", "s", 1))


def ago(moment: datetime | None, now: datetime, *, brief: bool = False) -> str:
    """Return *moment* relative to *now*: `12 seconds ago`, `in 3 hours`; `never` for None.

    With *brief*, it is `12 s ago` and `in 3 h`.
    """
    if moment is None:
        return "never"
    seconds = round((now - moment) / timedelta(seconds=1))
    if abs(seconds) < 1:
        return "just now"
    words = span(abs(seconds), brief=brief)
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(seconds: int, *, brief: bool = False) -> str:
    """Return a number of seconds in its largest unit: `90` is `1 minute`."""
    name, short, size = next((unit for unit in _UNITS if seconds >= unit[2]), _UNITS[-1])
    number = seconds // size
    return f"{number} {short if brief else name}{'' if brief or number == 1 else 's'}"
