"""Times relative to now, in words. Pure."""

from collections.abc import Callable
from datetime import datetime, timedelta

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_SHORT = {"day": "d", "hour": "h", "minute": "min", "second": "s"}


def ago(moment: datetime | None, now: datetime) -> str:
    """Return *moment* relative to *now*: `12 seconds ago`, `in 3 hours`; `never` for None."""
    return _relative(moment, now, span)


def brief(moment: datetime | None, now: datetime) -> str:
    """Return the same in short: `12 s ago`, `in 3 h`."""
    return _relative(moment, now, _brief_span)


def _relative(moment: datetime | None, now: datetime, in_words: Callable[[int], str]) -> str:
    if moment is None:
        return "never"
    seconds = round((now - moment) / timedelta(seconds=1))
    if abs(seconds) < 1:
        return "just now"
    words = in_words(abs(seconds))
    return f"{words} ago" if seconds > 0 else f"in {words}"


def span(seconds: int) -> str:
    """Return a number of seconds in its largest unit: `90` is `1 minute`."""
    number, name = _largest_unit(seconds)
    return f"{number} {name}{'' if number == 1 else 's'}"


def _brief_span(seconds: int) -> str:
    number, name = _largest_unit(seconds)
    return f"{number} {_SHORT[name]}"


def _largest_unit(seconds: int) -> tuple[int, str]:
    name, size = next((unit for unit in _UNITS if seconds >= unit[1]), _UNITS[-1])
    return seconds // size, name
