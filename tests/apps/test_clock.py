"""The clock of an app: set, advanced, frozen and reset."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.apps.clock import EARLIEST, LATEST, Clock

from tests import clocks
from tests.factories import NOW

SECOND = timedelta(seconds=1)
moments = st.datetimes(
    EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None) - SECOND, timezones=st.just(UTC)
)
spans = st.timedeltas(timedelta(days=-3650), timedelta(days=3650))


def test_a_clock_is_the_servers_until_it_is_moved() -> None:
    """And again after a reset."""
    server = clocks.Clock()
    clock = Clock(server)
    server.moment += SECOND
    assert (clock(), clock.is_moved, clock.offset) == (NOW + SECOND, False, timedelta())

    clock.set(NOW, frozen=True)
    clock.reset()
    assert (clock(), clock.is_moved) == (NOW + SECOND, False)


@given(moments, spans)
def test_a_clock_that_is_set_runs_on_and_a_frozen_one_stands_still(
    moment: datetime, passed: timedelta
) -> None:
    """The time that passes on the server passes on a running clock too."""
    server = clocks.Clock()
    running, frozen = Clock(server), Clock(server)
    running.set(moment)
    frozen.set(moment, frozen=True)
    try:
        server.moment += passed
        expected = moment + passed
    except OverflowError:
        return

    assert running() == expected
    assert frozen() == moment
    assert frozen.offset == moment - server.moment


@given(st.lists(spans, max_size=8), st.booleans())
def test_a_clock_is_advanced_by_exactly_the_amount(steps: list[timedelta], frozen: bool) -> None:
    """However often, forwards and backwards, and frozen or not."""
    clock = Clock(clocks.Clock())
    clock.set(NOW, frozen=frozen)
    reached = NOW
    for step in steps:
        if EARLIEST <= reached + step < LATEST:
            clock.advance(step)
            reached += step
        else:
            with pytest.raises(ValueError, match="a clock shows the years"):
                clock.advance(step)

    assert clock() == reached


@pytest.mark.parametrize("moment", [EARLIEST - SECOND, LATEST])
def test_a_clock_refuses_times_that_lifetimes_cannot_be_added_to(moment: datetime) -> None:
    """It then shows the same time as before."""
    clock = Clock(clocks.Clock())
    with pytest.raises(ValueError, match="1971 to 8999"):
        clock.set(moment)
    with pytest.raises(ValueError, match="cannot be moved"):
        clock.advance(timedelta.max)
    assert not clock.is_moved
