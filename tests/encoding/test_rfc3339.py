"""Times as text."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.encoding import rfc3339

READ = {
    "in UTC": ("2001-02-03T04:05:06Z", (2001, 2, 3, 4, 5, 6), 0),
    "east": ("2001-02-03T04:05:06+02:30", (2001, 2, 3, 1, 35, 6), 0),
    "west, over midnight": ("2001-12-31T23:30:00-01:00", (2002, 1, 1, 0, 30, 0), 0),
    "an offset of zero": ("2001-02-03T04:05:06+00:00", (2001, 2, 3, 4, 5, 6), 0),
    "one digit of a fraction": ("2001-02-03T04:05:06.5Z", (2001, 2, 3, 4, 5, 6), 500_000_000),
    "nine digits": ("2001-02-03T04:05:06.123456789Z", (2001, 2, 3, 4, 5, 6), 123_456_789),
    "more than nine": ("2001-02-03T04:05:06.9999999999Z", (2001, 2, 3, 4, 5, 6), 999_999_999),
    "a leap day": ("2000-02-29T00:00:00Z", (2000, 2, 29, 0, 0, 0), 0),
    "the earliest time": ("0001-01-01T00:00:00Z", (1, 1, 1, 0, 0, 0), 0),
    "the latest time": ("9999-12-31T23:59:59Z", (9999, 12, 31, 23, 59, 59), 0),
    "one digit for the hour": ("2001-02-03T4:05:06Z", (2001, 2, 3, 4, 5, 6), 0),
}


@pytest.mark.parametrize(("text", "moment", "nanoseconds"), READ.values(), ids=READ)
def test_a_time_is_read(text: str, moment: tuple[int, ...], nanoseconds: int) -> None:
    """With a time zone, and a fraction of any length."""
    assert rfc3339.read(text) == (datetime(*moment, tzinfo=UTC), nanoseconds)  # type: ignore[arg-type, misc]


REFUSED = {
    "nothing": "",
    "a date": "1990-01-02",
    "no zone": "2001-02-03T04:05:06",
    "a zone without colon": "2001-02-03T04:05:06+0800",
    "a small t": "2001-02-03t04:05:06Z",
    "a small z": "2001-02-03T04:05:06z",
    "a blank in place of T": "2001-02-03 04:05:06Z",
    "blanks around": " 2001-02-03T04:05:06Z ",
    "a trailing line break": "2001-02-03T04:05:06Z\n",
    "hour 24": "2001-02-03T24:00:00Z",
    "minute 60": "2001-02-03T04:60:00Z",
    "second 60": "2001-02-03T04:05:60Z",
    "an invalid day": "2001-02-29T00:00:00Z",
    "an invalid month": "2001-13-01T00:00:00Z",
    "two digits of a year": "01-02-03T04:05:06Z",
    "five digits of a year": "12001-02-03T04:05:06Z",
    "a dot without a fraction": "2001-02-03T04:05:06.Z",
    "other digits": "\uff12\uff10\uff10\uff11-02-03T04:05:06Z",
    "before the earliest time": "0001-01-01T00:00:00+00:01",
    "after the latest time": "9999-12-31T23:59:59-00:01",
    "an invalid zone": "2001-02-03T04:05:06+25:00",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_an_invalid_time_is_refused(text: str) -> None:
    """As in Go."""
    with pytest.raises(ValueError):  # noqa: PT011
        rfc3339.read(text)


SHOWN = {
    "whole": (datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC), "2001-02-03T04:05:06Z"),
    "a fraction": (datetime(2001, 2, 3, 4, 5, 6, 250000, UTC), "2001-02-03T04:05:06.25Z"),
    "all of it": (datetime(2001, 2, 3, 4, 5, 6, 123456, UTC), "2001-02-03T04:05:06.123456Z"),
    "long ago": (datetime(1, 2, 3, tzinfo=UTC), "0001-02-03T00:00:00Z"),
    "zeros that count": (datetime(2000, 10, 10, 10, 10, 10, tzinfo=UTC), "2000-10-10T10:10:10Z"),
}


@pytest.mark.parametrize(("moment", "text"), SHOWN.values(), ids=SHOWN)
def test_a_time_is_shown_without_trailing_zeros(moment: datetime, text: str) -> None:
    """As in Go."""
    assert rfc3339.on_wire(moment) == text


moments = st.datetimes(timezones=st.just(UTC))


@given(moments)
def test_a_written_time_is_read_back(moment: datetime) -> None:
    """In wire form and in stored form."""
    for text in (rfc3339.on_wire(moment), rfc3339.stored(moment)):
        second, nanoseconds = rfc3339.read(text)
        assert second.replace(microsecond=nanoseconds // 1000) == moment


@given(moments, moments)
def test_stored_times_sort_like_times(first: datetime, second: datetime) -> None:
    """Queries compare them as text."""
    assert (rfc3339.stored(first) < rfc3339.stored(second)) == (first < second)
