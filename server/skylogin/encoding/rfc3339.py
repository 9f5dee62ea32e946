"""Times as text: RFC 3339 in, the original's form and the stored form out. Pure."""

import functools
import re
from datetime import UTC, datetime, timedelta

# One digit is enough for the hour, because Go's time.Parse is content with it.
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_NANOSECOND_DIGITS = 9
STORED_LENGTH = len("2001-02-03T04:05:06.000000")
_OFFSET_HOURS_MAX = 24
_OFFSET_MINUTES_MAX = 60


def read(text: str) -> tuple[datetime, int]:
    """Return the second in UTC, and the nanoseconds in it, that *text* means.

    Raises ValueError on anything but a complete RFC 3339 time with upper-case
    `T` and a zone, as Go's time.Parse does, and on years beyond 1 to 9999.
    """
    match = _RFC_3339.fullmatch(text)
    if match is None:
        raise ValueError("not an RFC 3339 time")
    year, month, day, hour, minute, second, fraction, sign, hours, minutes = match.groups()
    moment = datetime(
        int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC
    )
    if sign:
        moment = _in_utc(moment, sign, int(hours), int(minutes))
    digits = (fraction or ".")[1 : 1 + _NANOSECOND_DIGITS].ljust(_NANOSECOND_DIGITS, "0")
    return moment, int(digits)


def read_moment(text: str) -> datetime:
    """Return the time that *text* means, to the microsecond. Raises ValueError as `read` does."""
    moment, nanoseconds = read(text)
    return moment + timedelta(microseconds=nanoseconds // 1000)


def _in_utc(moment: datetime, sign: str, hours: int, minutes: int) -> datetime:
    if hours > _OFFSET_HOURS_MAX or minutes > _OFFSET_MINUTES_MAX:
        raise ValueError("no such zone")
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        return moment - offset if sign == "+" else moment + offset
    except OverflowError as error:
        raise ValueError("out of range") from error


@functools.lru_cache(1024)
def stored(moment: datetime) -> str:
    """Return a time as a field keeps it: UTC text of fixed width, so that it sorts."""
    # A login writes its one moment in many places.
    return moment.isoformat(timespec="microseconds")[:STORED_LENGTH] + "Z"


def is_stored(text: str) -> bool:
    """Return whether *text* is a time as a field keeps it."""
    try:
        return stored(read_moment(text)) == text
    except ValueError:
        return False


def from_stored(text: str) -> str:
    """Return a stored time as the wire shows it: a fraction without trailing zeros."""
    return text[:-1].rstrip("0").rstrip(".") + "Z"


@functools.lru_cache(1024)
def on_wire(moment: datetime) -> str:
    """Return a time in UTC as the wire shows it."""
    return from_stored(stored(moment))
