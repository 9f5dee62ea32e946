"""Faults that a test injects."""

import time
from typing import Any

import pytest
from skylogin.testing import LoginRefusedError, SkyloginApp

pytestmark = pytest.mark.slow

LATENCY_SECONDS = 0.1
LOGIN = "sso:custom_token:login"

FAULTS = {
    "error": (
        lambda faults: faults.error("ResourceNotFound", "gone"),
        LoginRefusedError,
        "404 ResourceNotFound 110: gone",
    ),
    "status": (lambda faults: faults.status(503), LoginRefusedError, "503"),
    "database_busy": (lambda faults: faults.database_busy(), LoginRefusedError, "kept changing"),
    "drop": (lambda faults: faults.drop(), ConnectionError, "without an answer"),
    "truncate": (lambda faults: faults.truncate(), ConnectionError, "in the middle of an answer"),
}


@pytest.mark.parametrize(("add", "error", "text"), FAULTS.values(), ids=FAULTS)
def test_a_fault_strikes_once(
    add: Any, error: type[Exception], text: str, skylogin: SkyloginApp
) -> None:
    """The client sees it, and the next call succeeds."""
    fault = add(skylogin.faults)
    assert [one.id for one in skylogin.faults] == [fault.id]

    with pytest.raises(error, match=text):
        skylogin.login("alice")

    assert list(skylogin.faults) == []
    skylogin.login("alice")


def test_an_answer_is_delayed(skylogin: SkyloginApp) -> None:
    """Only that of the action."""
    skylogin.faults.latency(LATENCY_SECONDS, LOGIN)
    skylogin.call("_status:healthz")
    begin = time.monotonic()
    skylogin.login("alice")

    assert time.monotonic() - begin >= LATENCY_SECONDS


def test_calls_above_a_rate_are_refused(skylogin: SkyloginApp) -> None:
    """Until the window has passed by the app's clock."""
    skylogin.clock.freeze()
    skylogin.faults.rate(1, 60, LOGIN)
    skylogin.login("alice")
    with pytest.raises(LoginRefusedError, match="429"):
        skylogin.login("alice")
    skylogin.clock.advance(60)

    skylogin.login("alice")


def test_nan_is_not_a_latency(skylogin: SkyloginApp) -> None:
    """`json` refuses it before it is sent."""
    with pytest.raises(ValueError, match="Out of range float"):
        skylogin.faults.latency(float("nan"))


def test_faults_are_removed(skylogin: SkyloginApp) -> None:
    """One, or all of them."""
    fault = skylogin.faults.status(500, calls=5)
    skylogin.faults.add("drop", LOGIN, probability=0.5, seed=7)
    assert (fault.calls_left, fault.struck) == (5, 0)
    fault.end()
    assert [one.kind for one in skylogin.faults] == ["drop"]
    skylogin.faults.clear()

    skylogin.login("alice")
