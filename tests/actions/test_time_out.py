"""Calls that take too long, and clients that leave before the answer."""

import asyncio

import pytest
from skylogin.store import login_attempts

from tests.factories import make_token
from tests.stores import Ask, Blocked, MakeServices
from tests.waiting import let_tasks_run

LOG_IN = "sso:custom_token:login"


@pytest.mark.slow
async def test_a_call_that_takes_too_long_is_answered(
    make_services: MakeServices, ask: Ask, writes_blocked: Blocked
) -> None:
    """In the original's words; the next call works as usual."""
    services = await make_services(RESPONSE_TIMEOUT="1")
    token = make_token(secret="a secret")

    async with writes_blocked():
        late = await ask(services, LOG_IN, token=token)
        # A call that does not need the database is answered meanwhile.
        assert (await ask(services, "")).status == 200  # noqa: PLR2004

    error = late.body["error"]
    assert (late.status, error["name"], error["code"]) == (503, "ResponseTimeout", 122)
    assert error["message"] == "Service taking too long to respond."
    assert (await ask(services, LOG_IN, token=token)).status == 200  # noqa: PLR2004
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("seconds", ["0", "60"])
async def test_a_client_that_leaves_is_in_the_login_log(
    make_services: MakeServices, ask: Ask, writes_blocked: Blocked, seconds: str
) -> None:
    """As one that left, not as a call that took too long."""
    services = await make_services(RESPONSE_TIMEOUT=seconds)
    # aiosqlite does not close a connection if its opening is cancelled, so one is open already.
    await services.app.access_rules.get()
    async with writes_blocked():
        call = asyncio.create_task(ask(services, LOG_IN, token=make_token(secret="a secret")))
        await let_tasks_run()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    await services.logins.close()
    await services.app.login_log.flush()
    entries = await services.store.run(
        lambda tx: login_attempts.load_latest(tx, services.app.name, 9)
    )
    # If its batch had begun, the login is in the log as well.
    reasons = {entry.reason for entry in entries}
    assert "caller_left" in reasons
    assert reasons <= {"caller_left", "created"}
