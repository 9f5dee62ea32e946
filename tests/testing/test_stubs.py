"""Stubs and recorded calls in the fixture."""

import threading

import pytest
from skylogin.testing import CallRefusedError, SkyloginApp

pytestmark = pytest.mark.slow

HELLO = "hello:world"


def test_a_stub_answers_and_its_call_is_recorded(skylogin: SkyloginApp) -> None:
    """With what a test may ask of either."""
    stub = skylogin.stubs.answer(HELLO, {"greeting": "hi"}, arguments={"name": "alice"})

    assert skylogin.call(HELLO, args={"name": "alice", "password": "x"}) == {"greeting": "hi"}

    [used] = skylogin.stubs
    assert (used.id, used.used) == (stub.id, 1)
    [call] = skylogin.calls
    assert call.arguments == {"name": "alice", "password": "…"}
    assert (call.action, call.status, call.stub_id, call.error) == (HELLO, 200, stub.id, "")
    assert skylogin.calls.unmatched == []
    stub.remove()
    assert list(skylogin.stubs) == []


def test_a_stub_fails(skylogin: SkyloginApp) -> None:
    """The next call without it is unmatched, and says so."""
    skylogin.stubs.fail(HELLO, "ResourceNotFound", "no such", {"id": 1}, times=1)
    with pytest.raises(CallRefusedError, match="404 ResourceNotFound 110: no such") as raised:
        skylogin.call(HELLO)
    assert raised.value.error["info"] == {"id": 1}
    with pytest.raises(CallRefusedError, match="has answered its 1 call"):
        skylogin.call(HELLO)

    assert [one.error for one in skylogin.calls.of("hello:*")] == [
        "ResourceNotFound",
        "UndefinedOperation",
    ]
    [unmatched] = skylogin.calls.unmatched
    assert str(unmatched).endswith(
        "404 UndefinedOperation: the stub for hello:world has answered its 1 call"
    )
    skylogin.stubs.clear()


def test_a_call_is_waited_for(skylogin: SkyloginApp) -> None:
    """Made by other code; without it, the error lists the calls."""
    skylogin.stubs.answer(HELLO)
    threading.Timer(0.05, skylogin.call, [HELLO], {"args": ["alice"]}).start()

    assert skylogin.calls.wait_for(HELLO, ["alice"], timeout=20).arguments == ["alice"]

    with pytest.raises(TimeoutError, match=r'arguments\[0\] is "alice", not "bob"'):
        skylogin.calls.wait_for(HELLO, ["bob"], timeout=0)
    skylogin.calls.clear()
    assert repr(skylogin.calls) == "<calls:\n>"
    assert len(skylogin.calls) == 0
