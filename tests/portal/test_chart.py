"""The charts of the overview, and the advice on secrets."""

import itertools
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from skylogin.operations.overview import Point, SecretUses, Series
from skylogin.portal import chart
from skylogin.portal.secrets import advice

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
HIGHEST = (0, 1, 4, 5, 10, 11, 99, 1234, 10**9)


def series(*points: tuple[int, dict[str, int]]) -> Series:
    """Return a series of minutes with these numbers."""
    return Series(
        1, [Point(AT + timedelta(minutes=number), *point) for number, point in enumerate(points)]
    )


@pytest.mark.parametrize("highest", HIGHEST)
def test_the_axis_has_round_values_that_contain_every_bar(highest: int) -> None:
    """At most five steps of 1, 2 or 5."""
    drawn = chart.draw(series((highest, {})))

    values = [value for value, _ in drawn.ticks]
    assert values[0] >= highest
    assert values[-1] == 0
    assert len({first - second for first, second in itertools.pairwise(values)}) == 1
    assert len(values) <= chart.TICKS_MAX + 1
    assert [y for _, y in drawn.ticks][:: len(values) - 1] == [0, chart.HEIGHT]


def test_a_bar_finds_its_logins() -> None:
    """By the minutes that it covers; minutes without logins have no bar."""
    drawn = chart.draw(series((3, {"expired": 1}), (0, {})))

    [bar] = drawn.bars
    assert parse_qs(bar.query) == {"since": ["2026-01-02T03:04"], "until": ["2026-01-02T03:05"]}
    assert bar.label == "03:04: 3 accepted, 1 expired refused"
    assert (bar.accepted, bar.refused) == (3, 1)
    assert bar.refused_y + bar.refused_height == bar.accepted_y
    assert bar.accepted_y + bar.accepted_height == chart.HEIGHT


def test_the_times_begin_and_end_with_the_chart() -> None:
    """At equal distances."""
    drawn = chart.draw(series(*[(1, {})] * 60))

    assert drawn.times == ["03:04", "03:19", "03:34", "03:49", "04:04"]


ADVICE = {
    "the only one": (["a"], timedelta(hours=1), "Do not revoke"),
    "the current one": (["a", "b"], None, "Do not revoke"),
    "never used": (["b", "a"], None, "Safe to revoke"),
    "long ago": (["b", "a"], timedelta(days=8), "Safe to revoke"),
    "days ago": (["b", "a"], timedelta(days=2), "Probably safe to revoke"),
    "today": (["b", "a"], timedelta(minutes=1), "Not yet safe to revoke: a login used it 1 minute"),
}


@pytest.mark.parametrize(("accepted", "ago", "expected"), ADVICE.values(), ids=ADVICE)
def test_a_secret_comes_with_advice_on_revoking_it(
    accepted: list[str], ago: timedelta | None, expected: str
) -> None:
    """In words."""
    uses = SecretUses(last_used_at=None if ago is None else AT - ago)

    assert advice("a", accepted, uses, AT).startswith(expected)
