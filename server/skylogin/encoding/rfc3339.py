"""Times as text: reading RFC 3339, writing the wire form and the stored form. Pure."""

import functools
import re
from datetime import UTC, datetime, timedelta

# The hour may have one digit, because Go's time.Parse accepts it.
_RFC_3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d{1,2}):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_NANOSECOND_DIGITS = 9
STORED_LENGTH = len("2001-02-03T04:05:06.000000")
_OFFSET_HOURS_MAX = 24
_OFFSET_MINUTES_MAX = 60


def read(text: str) -> tuple[datetime, int]:
    """Return the time in *text*: the second in UTC, and the nanoseconds in it.

    Raises ValueError, as Go's time.Parse does, unless it is a complete RFC 3339 time
    with an upper-case `T` and a zone, and on years outside 1 to 9999.
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
    """Return the time in *text*, to the microsecond. Raises ValueError as `read` does."""
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
    """Return a time in stored form: UTC text of fixed width, so that it sorts."""
    # A login writes the same time in many places.
    return moment.isoformat(timespec="microseconds")[:STORED_LENGTH] + "Z"


def is_stored(text: str) -> bool:
    """Return whether *text* is a time in stored form."""
    try:
        return stored(read_moment(text)) == text
    except ValueError:
        return False


def from_stored(text: str) -> str:
    """Return a stored time in wire form: without trailing zeros in the fraction."""
    return text[:-1].rstrip("0").rstrip(".") + "Z"


@functools.lru_cache(1024)
def on_wire(moment: datetime) -> str:
    """Return a time in UTC in wire form."""
    return from_stored(stored(moment))
