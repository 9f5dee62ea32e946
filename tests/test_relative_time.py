"""How long ago something was."""

from datetime import UTC, datetime, timedelta

import pytest
from skylogin import relative_time

NOW = datetime(2026, 1, 2, tzinfo=UTC)
BRIEF = {
    timedelta(): "just now",
    timedelta(seconds=12): "12 s ago",
    timedelta(minutes=3, seconds=20): "3 min ago",
    timedelta(hours=-2): "in 2 h",
    timedelta(days=400): "400 d ago",
}


@pytest.mark.parametrize(("before", "expected"), BRIEF.items())
def test_a_time_is_given_in_its_largest_unit(before: timedelta, expected: str) -> None:
    """Or as one that is still to come."""
    assert relative_time.ago(NOW - before, NOW, brief=True) == expected
