"""The clock of an app."""

from datetime import UTC, datetime, timedelta

import pytest
from skylogin.testing import AdminError, LoginRefusedError, SkyloginApp

pytestmark = pytest.mark.slow

SOME_DAY = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)


def test_the_clock_is_set(skylogin: SkyloginApp) -> None:
    """It can be frozen, advanced, set, and reset to server time."""
    clock = skylogin.clock
    assert clock.freeze(SOME_DAY) == SOME_DAY == clock.now()
    assert clock.advance(90) == SOME_DAY + timedelta(seconds=90)
    assert clock.advance(timedelta(days=1), hours=-24, seconds=0.5) == SOME_DAY + timedelta(
        seconds=90.5
    )
    assert clock.unfreeze() >= SOME_DAY
    assert clock.now() < clock.now()
    assert SOME_DAY - timedelta(days=1) <= clock.set(SOME_DAY - timedelta(days=1)) < SOME_DAY
    assert abs(clock.reset() - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_time_needs_a_time_zone(skylogin: SkyloginApp) -> None:
    """A naive time is refused, because the mistake would be hard to find."""
    naive = datetime(2031, 5, 6)  # noqa: DTZ001
    with pytest.raises(ValueError, match=r"has no time zone.*tzinfo=UTC"):
        skylogin.clock.freeze(naive)
    with pytest.raises(ValueError, match="zone"):
        skylogin.clock.set(naive)
    skylogin.login("alice")
    with pytest.raises(ValueError, match="zone"):
        skylogin.users["alice"].disable(until=naive)


def test_logins_work_at_the_earliest_time_of_a_clock(skylogin: SkyloginApp) -> None:
    """Skygear takes the time 0 for a missing claim, so no clock can be set to 1970."""
    skylogin.clock.freeze(datetime(1971, 1, 1, tzinfo=UTC))
    skylogin.login("alice")
    with pytest.raises(LoginRefusedError, match="expired"):
        skylogin.login_with(skylogin.bad.expired("alice"))
    with pytest.raises(AdminError, match="1971 to 8999"):
        skylogin.clock.freeze(datetime(1970, 1, 1, tzinfo=UTC))
