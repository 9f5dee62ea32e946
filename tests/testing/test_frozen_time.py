"""The fixture in tests that freeze the time, or patch what measures it."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import freezegun
import pytest
import time_machine
from skylogin.testing import CallRefusedError, LoginRefusedError, SkyloginServer

pytestmark = pytest.mark.heavy

THEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
Freeze = Callable[[], AbstractContextManager[object]]


@contextmanager
def patched_by_pytest() -> Iterator[None]:
    """Stop every clock of the time module, and let nothing sleep."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("time", "monotonic", "perf_counter"):
            patch.setattr(time, name, lambda: 1.0)
        yield


FREEZES = {
    "freezegun": lambda: freezegun.freeze_time(THEN),
    "time-machine": lambda: time_machine.travel(THEN, tick=False),
    "pytest": patched_by_pytest,
}
frozen = pytest.mark.parametrize("freeze", FREEZES.values(), ids=FREEZES)


@frozen
def test_time_outs_end(freeze: Freeze) -> None:
    """Of a wait for a login attempt, of an injected latency, and of the server's own."""
    with freeze(), SkyloginServer({"RESPONSE_TIMEOUT": "1"}) as server:
        app = server.app()
        with pytest.raises(TimeoutError, match="no login attempt in"):
            app.logins.wait_for(timeout=0.2)
        app.faults.latency(0.1, calls=1)
        app.login("alice")
        app.faults.latency(5, calls=1)
        with pytest.raises(LoginRefusedError, match="too long"):
            app.login("alice")
        assert app.logins.wait_for("alice").accepted


@frozen
def test_what_is_known_for_a_second_is_read_again(freeze: Freeze) -> None:
    """A fault with a time limit ends, although time is frozen for the tests."""
    with freeze(), SkyloginServer() as server:
        app = server.app()
        app.faults.status(503, expires_in=0.1)
        for _ in range(200):
            try:
                app.login("alice")
            except LoginRefusedError:
                continue
            break
        else:
            pytest.fail("the fault did not end")


@frozen
def test_a_running_server_goes_on(freeze: Freeze) -> None:
    """It works while a test freezes the time, and after."""
    with SkyloginServer() as server:
        app = server.app()
        app.login("alice")
        with freeze():
            app.login("bob")
            assert app.logins.wait_for("bob").accepted
        app.login("carol")
        assert app.logins.wait_for("carol").accepted


@frozen
def test_a_sign_out_ends_tokens(freeze: Freeze) -> None:
    """The database's clock, which nobody stops, has no say."""
    with freeze(), SkyloginServer() as server:
        app = server.app()
        login = app.login("alice")
        app.users["alice"].sign_out()

        with pytest.raises(CallRefusedError):
            app.call("me", access_token=login.access_token)
