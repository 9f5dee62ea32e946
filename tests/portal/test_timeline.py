"""The times of a token beside the time of its login."""

from datetime import UTC, datetime
from typing import Any

import pytest
from skylogin.portal import timeline

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOW = int(AT.timestamp())
# A name and the time since the one before it, in order.
ORDERS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "valid": (
        {"iat": NOW - 60, "exp": NOW + 7200},
        {"iat": "", "": "1 minute", "exp": "2 hours"},
    ),
    "expired": (
        {"iat": NOW - 9, "exp": NOW - 5},
        {"iat": "", "exp": "4 seconds", "": "5 seconds"},
    ),
    "not yet valid": (
        {"nbf": NOW + 1, "exp": NOW + 2},
        {"": "", "nbf": "1 second", "exp": "1 second"},
    ),
    "at the last second": ({"exp": NOW}, {"exp": "", "": ""}),
    "far away": ({"exp": NOW + 10**15}, {"": "", "exp": "11574074074 days"}),
    "not a time": ({"iat": True, "exp": "x", "nbf": NOW - 5}, {"nbf": "", "": "5 seconds"}),
}


@pytest.mark.parametrize(("claims", "expected"), ORDERS.values(), ids=ORDERS)
def test_times_are_in_order(claims: dict[str, Any], expected: dict[str, str]) -> None:
    """With the time between two of them."""
    drawn = timeline.draw(claims, AT)

    assert drawn is not None
    assert [(one.name, one.after) for one in drawn.events] == list(expected.items())
    assert 0 <= drawn.valid_from <= drawn.valid_until <= drawn.height


def test_without_times_there_is_no_timeline() -> None:
    """As for a token that cannot be read."""
    assert timeline.draw({"sub": "anna"}, AT) is None
