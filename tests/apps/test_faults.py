"""Injected faults: the calls that they strike, and when they end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.apps.faults import (
    DATABASE_BUSY,
    DROP,
    ERROR,
    FAULTS_MAX,
    KINDS,
    LATENCY,
    RATE,
    STATUS,
    TRUNCATE,
    Faults,
    InjectedFault,
)
from skylogin.errors import Reason

from tests.clocks import Seconds

ACTION = "sso:custom_token:login"
OTHER = "me"
MANY = 200
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def struck(fault: InjectedFault, calls: int = MANY) -> list[bool]:
    """Return which of a number of calls a fault strikes."""
    faults = Faults()
    faults.add("one", fault)
    return [faults.strike(ACTION, NOW) is not None for _ in range(calls)]


@given(st.integers(1, MANY))
def test_a_fault_strikes_the_next_calls_and_then_ends(calls: int) -> None:
    """It strikes exactly its number of calls."""
    assert struck(InjectedFault(ERROR, calls=calls)) == [number < calls for number in range(MANY)]


@given(st.integers(0, 2**53), st.floats(0, 1))
def test_the_same_seed_strikes_the_same_calls(seed: int, probability: float) -> None:
    """Even if other sequences are drawn from in between."""
    fault = InjectedFault(DROP, calls=MANY, probability=probability, seed=seed)
    assert struck(fault) == struck(fault)


def test_another_seed_strikes_other_calls_as_often() -> None:
    """About a quarter of four thousand."""
    quarter, calls = 0.25, 4000
    first, second = (
        struck(InjectedFault(DROP, calls=calls, probability=quarter, seed=seed), calls)
        for seed in (1, 2)
    )
    assert first != second
    for one in (first, second):
        assert abs(sum(one) / calls - quarter) < quarter / 5


def test_a_fault_covers_the_calls_of_its_action_alone() -> None:
    """Calls of other actions are neither struck nor counted."""
    faults = Faults()
    one = faults.add("one", InjectedFault(STATUS, action=ACTION, status=503))
    assert [faults.strike(name, NOW) is None for name in (OTHER, OTHER, ACTION, ACTION)] == [
        True,
        True,
        False,
        True,
    ]
    assert (one.calls_left, one.struck) == (0, 1)
    assert faults.in_force() == []


def test_an_unused_fault_expires() -> None:
    """After its number of seconds."""
    seconds = Seconds()
    faults = Faults(seconds)
    one = faults.add("one", InjectedFault(ERROR, expires_in=10))
    seconds.now = 4
    assert faults.seconds_left(one) == 10 - seconds.now
    seconds.now = 10
    assert faults.strike(ACTION, NOW) is None
    assert faults.in_force() == []


def test_a_call_is_struck_by_one_of_the_faults_that_cover_it() -> None:
    """By the oldest; the call counts for each of them."""
    faults = Faults()
    first = faults.add("first", InjectedFault(LATENCY, seconds=1))
    second = faults.add("second", InjectedFault(DROP, calls=2))
    assert [faults.strike(ACTION, NOW), faults.strike(ACTION, NOW), faults.strike(ACTION, NOW)] == [
        first.fault,
        second.fault,
        None,
    ]
    assert (first.struck, second.struck) == (1, 1)


def test_faults_are_ended() -> None:
    """One of them, or all."""
    faults = Faults()
    for name in "abc":
        faults.add(name, InjectedFault(DROP))
    assert (faults.end("b"), faults.end("b"), faults.end("none")) == (True, False, False)
    assert [one.id for one in faults.in_force()] == ["a", "c"]
    faults.clear()
    assert faults.strike(ACTION, NOW) is None


def test_the_number_of_faults_is_limited() -> None:
    """A test that forgets to end its faults gets an error."""
    faults = Faults()
    for number in range(FAULTS_MAX):
        faults.add(str(number), InjectedFault(DROP))
    with pytest.raises(ValueError, match="faults already"):
        faults.add("more", InjectedFault(DROP))


def test_a_fault_before_a_call_refuses_it_with_a_reason() -> None:
    """Other faults let the call be carried out."""
    refused = {
        kind: refusal.status
        for kind in KINDS
        if (refusal := InjectedFault(kind, error="ResourceNotFound", status=418).refusal)
        is not None
        and refusal.reason is Reason.FAULT
    }
    assert refused == {ERROR: 404, STATUS: 418, DROP: 418, DATABASE_BUSY: 500, RATE: 429}
    assert InjectedFault(DROP, after=True).refusal is None
    assert InjectedFault(TRUNCATE).refusal is None


def test_a_limit_of_rate_lets_a_number_of_calls_pass_in_a_window() -> None:
    """A call passes again as soon as the first one has left the window."""
    faults, limit, window = Faults(), 2, 10.0
    faults.add("one", InjectedFault(RATE, calls=MANY, limit=limit, window=window))

    def wait_after(seconds: float) -> int | None:
        struck = faults.strike(ACTION, NOW + timedelta(seconds=seconds))
        return None if struck is None else struck.retry_after

    assert [wait_after(seconds) for seconds in (0, 4, 4.5, 9.99)] == [None, None, 6, 1]
    assert [wait_after(seconds) for seconds in (10, 11, 14, 15)] == [None, 3, None, 5]
