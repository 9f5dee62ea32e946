"""The way of a call: find the action, check, run, answer. Errors become answers here."""

import asyncio
import logging
from dataclasses import dataclass

from skylogin.actions import wire
from skylogin.actions.call import Call, Services
from skylogin.actions.table import ACTIONS, NOT_EMULATED, Action
from skylogin.apps.faults import InjectedFault
from skylogin.domain import login_attempt
from skylogin.domain.claims import Description
from skylogin.domain.login_attempt import Refusal
from skylogin.errors import (
    RESPONSE_TIMEOUT,
    UNDEFINED_OPERATION,
    UNEXPECTED_ERROR,
    Reason,
    SkygearError,
)
from skylogin.tokens.custom_token import describe

logger = logging.getLogger("skylogin.dispatch")


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a body, and for whom it may concern the refusal itself."""

    status: int
    body: dict[str, object]
    refusal: SkygearError | None = None


async def dispatch(call: Call, services: Services) -> Answer:
    """Carry out *call* and return its answer, whatever happens."""
    action = ACTIONS.get(call.action)
    try:
        return Answer(200, wire.result(await _run_in_time(action, call, services)))
    except SkygearError as error:
        refusal = error
    except asyncio.CancelledError:
        # Who hung up gets no answer; the journal says that they were here.
        explanation = "the caller hung up; the login may have been committed"
        left = SkygearError(
            RESPONSE_TIMEOUT, "", reason=Reason.CALLER_LEFT, explanation=explanation
        )
        _note(action, call, services, left)
        raise
    except Exception:
        # The text of an unknown error may hold what nobody should see, so it is only logged.
        logger.exception("call %s of %s crashed", call.origin.request_id, call.action or "home")
        refusal = SkygearError(
            UNEXPECTED_ERROR, "an unexpected error occurred", reason=Reason.CRASHED
        )
    _note(action, call, services, refusal)
    return Answer(refusal.status, wire.error(refusal), refusal)


async def _run_in_time(action: Action | None, call: Call, services: Services) -> object:
    seconds = services.settings.response_timeout_seconds
    if seconds <= 0:
        return await _run(action, call, services)
    task = asyncio.current_task()
    assert task is not None
    others, is_late = task.cancelling(), False

    def end_late() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    # asyncio.timeout does the same, at a price that shows in a login.
    timer = asyncio.get_running_loop().call_later(seconds, end_late)
    try:
        return await _run(action, call, services)
    except asyncio.CancelledError:
        if is_late and task.uncancel() <= others:
            raise SkygearError(
                RESPONSE_TIMEOUT,
                "Service taking too long to respond.",
                reason=Reason.TIMED_OUT,
                explanation=f"no answer within {seconds} s; the login may have been committed",
            ) from None
        raise
    finally:
        timer.cancel()


async def _run(action: Action | None, call: Call, services: Services) -> object:
    if call.fault is not None:
        await _strike(call.fault)
    if action is None:
        raise _unknown(call.action)
    for preprocess in action.preprocessors:
        await preprocess(call, services)
    return await action.handler(call, services)


async def _strike(fault: InjectedFault) -> None:
    """Do to a call what a test asked for. Raises SkygearError where it is not carried out."""
    await asyncio.sleep(fault.seconds)
    refusal = fault.refusal
    if refusal is not None:
        raise refusal


def _unknown(name: str) -> SkygearError:
    if name in NOT_EMULATED:
        message = f"{name} is not emulated by skylogin"
        return SkygearError(UNDEFINED_OPERATION, message, reason=Reason.NOT_EMULATED)
    return SkygearError(UNDEFINED_OPERATION, "route unmatched")


def _note(action: Action | None, call: Call, services: Services, refusal: SkygearError) -> None:
    is_known = action.journaled if action else refusal.reason is Reason.NOT_EMULATED
    if not is_known:
        return
    # Without the app's key nothing of the token is looked at.
    keyless = refusal.reason in (Reason.API_KEY_MISSING, Reason.API_KEY_WRONG)
    token = Description() if keyless else _described(call)
    entry_id = services.ids.timed_id(services.now())
    why = Refusal(refusal, token, call.secret_id)
    call.app.journal.note(login_attempt.refused(entry_id, call.now, call.action, call.origin, why))


def _described(call: Call) -> Description:
    """Return what a call says of who wants to log in: by a token, or by a name."""
    if "token" in call.payload:
        return describe(call.payload["token"])
    auth_data = call.payload.get("auth_data")
    names = [*auth_data.values()] if isinstance(auth_data, dict) else []
    names.append(call.payload.get("principal_id"))
    return Description(subject=next((name for name in names if isinstance(name, str)), ""))
