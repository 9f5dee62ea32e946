"""Limits in memory: whose they are, how often they are reached, and what they may cost."""

import contextlib
from http import HTTPStatus
from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.apps.limits import KEY_CHARACTERS_MAX, UNKNOWN, Limits, source_of
from skylogin.domain.rate import Rule
from skylogin.errors import Reason, SkygearError

TWO = {"calls": Rule(2, 60), "streams": Rule(2, 0)}


def passes(limits: Limits, name: str, key: str) -> bool:
    """Return whether one more of *key* passes."""
    try:
        limits.check(name, key)
    except SkygearError:
        return False
    return True


def test_each_key_has_a_limit_of_its_own() -> None:
    """One that is not in force limits nothing."""
    limits = Limits(TWO, now=lambda: 1000)

    assert [passes(limits, "calls", "a") for _ in range(4)] == [True, True, False, False]
    assert passes(limits, "calls", "b")
    assert all(passes(limits, "sign_ups", "a") for _ in range(100))
    assert limits.hits == {"calls": 2}


def test_the_refusal_says_how_long_to_wait() -> None:
    """In the wire's form; the explanation names what is limited."""
    limits = Limits(TWO, now=lambda: 1000)
    limits.check("calls", "a", 2)
    with pytest.raises(SkygearError) as caught:
        limits.check("calls", "a")

    refusal = caught.value
    assert (refusal.status, refusal.reason) == (HTTPStatus.TOO_MANY_REQUESTS, Reason.TOO_MANY)
    assert refusal.message == f"too many requests: try again in {refusal.retry_seconds} s"
    assert "calls" in refusal.explanation
    assert "a" not in refusal.explanation.split()


def test_what_is_held_ends() -> None:
    """The limit holds for those open at once, however they end."""
    limits = Limits(TWO)
    with contextlib.ExitStack() as held:
        held.enter_context(limits.holding("streams", "a"))
        with pytest.raises(ZeroDivisionError), limits.holding("streams", "a"):
            raise ZeroDivisionError
        held.enter_context(limits.holding("streams", "a"))
        with pytest.raises(SkygearError), limits.holding("streams", "a"):
            pass
    with limits.holding("streams", "a"):
        assert limits.hits == {"streams": 1}


@given(st.lists(st.text(), max_size=20))
def test_the_memory_is_bounded(keys: list[str]) -> None:
    """The key that was used least lately is forgotten; a long one is replaced by its hash."""
    limits = Limits(TWO, now=lambda: 1000, keys_max=3)
    limits.unreported = limits.hits.copy()
    for key in [*keys, "x" * 1000, "x" * 1001]:
        passes(limits, "calls", key)
        assert passes(limits, "calls", "mine") or limits.hits

    reported = limits.unreported
    assert all(len(key) <= KEY_CHARACTERS_MAX and "\0" not in key for _, key in reported)
    assert not passes(limits, "calls", "mine")


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::"),
        ("2001:db8::ffff:ffff:ffff:ffff", "2001:db8::"),
        ("2001:db8:0:1::", str(IPv6Address("2001:db8:0:1::"))),
        ("fe80::1%eth0", "fe80::"),
        ("", UNKNOWN),
        ("what", UNKNOWN),
        ("192.0.2.1, 192.0.2.2", UNKNOWN),
    ],
)
def test_an_ipv6_address_counts_for_its_network(address: str, source: str) -> None:
    """An IPv6 address counts for its /64."""
    assert source_of(address) == source
