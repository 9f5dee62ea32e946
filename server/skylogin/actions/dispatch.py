"""How a call is handled: check, run, answer. Errors become answers here."""

import asyncio
import logging
from http import HTTPStatus
from typing import NamedTuple

from skylogin import config
from skylogin.actions import wire
from skylogin.actions.call import Call, secrets_of
from skylogin.actions.services import Services
from skylogin.apps.limits import source_of
from skylogin.domain import login_attempt
from skylogin.domain.claims import Description
from skylogin.domain.limit_table import REFUSED_LOGINS, REFUSED_PRINCIPALS
from skylogin.domain.login_attempt import Refusal
from skylogin.errors import (
    RESPONSE_TIMEOUT,
    UNDEFINED_OPERATION,
    UNEXPECTED_ERROR,
    Reason,
    SkygearError,
    took_too_long,
)
from skylogin.tokens.custom_token import describe

logger = logging.getLogger("skylogin.dispatch")

_NOT_TRIED = frozenset((Reason.SWITCHED_OFF, Reason.FAULT, Reason.TOO_MANY))


class Answer(NamedTuple):
    """A status and a body, with the refusal if there is one."""

    status: int
    body: dict[str, object]
    refusal: SkygearError | None = None


def refused(refusal: SkygearError) -> Answer:
    """Return the answer to a refused call."""
    return Answer(refusal.status, wire.error(refusal), refusal)


async def dispatch(call: Call, services: Services) -> Answer:
    """Carry out *call* and return its answer, which may be an error."""
    services.load.enter()
    try:
        return await _dispatch(call, services)
    finally:
        services.load.leave()


async def _dispatch(call: Call, services: Services) -> Answer:
    try:
        return Answer(200, wire.result(await _run_in_time(call, services)))
    except SkygearError as error:
        refusal = _limited(error, call, services)
    except asyncio.CancelledError:
        # The client disconnected, so it gets no answer, but the attempt is still logged.
        explanation = "the client disconnected; the login may have been committed"
        left = SkygearError(
            RESPONSE_TIMEOUT, "", reason=Reason.CALLER_LEFT, explanation=explanation
        )
        _log(call, services, left, {call.app.master_key, call.api_key})
        raise
    except Exception:
        # The text of an unknown error may hold a secret, so it is only logged.
        logger.exception("%s crashed", _name_of(call))
        refusal = SkygearError(
            UNEXPECTED_ERROR, "an unexpected error occurred", reason=Reason.CRASHED
        )
    services.trouble.note(refusal, _name_of(call))
    if call.action.logged:
        _log(call, services, refusal, await secrets_of(call))
    return refused(refusal)


def _limited(refusal: SkygearError, call: Call, services: Services) -> SkygearError:
    """Return *refusal*, or another one if a limit on refused logins is reached.

    Server errors and calls with the master key do not count. A valid custom token is always
    accepted: it cannot be guessed, and others may share the address.
    """
    is_login = call.action.logged and call.action.login and not call.has_master_key
    is_server_error = refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if not is_login or is_server_error or refusal.reason in _NOT_TRIED:
        return refusal
    limits, source = services.limits, source_of(call.origin.address)
    try:
        limits.check(REFUSED_LOGINS, source)
    except SkygearError as too_many:
        return too_many
    subject = _described(call).subject if REFUSED_PRINCIPALS in limits.rules else ""
    try:
        if subject:
            limits.check(REFUSED_PRINCIPALS, f"{call.app.name} {subject}")
    except SkygearError as too_many:
        # The principal's limit refused it, so it does not count against the address.
        limits.give_back(REFUSED_LOGINS, source)
        return too_many
    return refusal


def _name_of(call: Call) -> str:
    return f"call {call.origin.request_id} of {call.action.name or 'home'}"


async def _run_in_time(call: Call, services: Services) -> object:
    seconds = services.settings.response_timeout_seconds
    if seconds <= 0:
        return await _run(call, services)
    task = asyncio.current_task()
    assert task is not None
    cancelled_before, is_late = task.cancelling(), False

    def end_late() -> None:
        nonlocal is_late
        is_late = True
        task.cancel()

    # asyncio.timeout does the same, but slows logins measurably.
    timer = asyncio.get_running_loop().call_later(seconds, end_late)
    try:
        return await _run(call, services)
    except asyncio.CancelledError:
        if is_late and task.uncancel() <= cancelled_before:
            explanation = f"no answer within {seconds} s; the login may have been committed"
            raise took_too_long(explanation) from None
        raise
    finally:
        timer.cancel()


async def _run(call: Call, services: Services) -> object:
    if call.fault is not None:
        await services.pause(call.fault.seconds)
        refusal = call.fault.refusal
        if refusal is not None:
            raise refusal
    if not services.settings.allows(call.action.login):
        message = f"{call.action.name} is switched off (SKYLOGIN_LOGINS)"
        raise SkygearError(UNDEFINED_OPERATION, message, reason=Reason.SWITCHED_OFF)
    for preprocess in call.action.preprocessors:
        await preprocess(call, services)
    return await call.action.handler(call, services)


def _log(call: Call, services: Services, refusal: SkygearError, secrets: set[str]) -> None:
    if not call.action.logged or call.stub_id:
        return
    if refusal.reason and call.app.login_log.note_brief(refusal.reason, call.now):
        return
    # Without the app's key, the token is not read.
    token = Description() if refusal.reason in _UNREAD else _described(call)
    secrets = {*secrets, *config.secrets_of(services.settings)}
    secrets -= {"", call.app.api_key, *config.DEFAULT_KEYS}
    entry = login_attempt.refused(
        services.ids.timed_id(services.now()),
        call.now,
        call.action.name,
        call.origin,
        Refusal(refusal, token, call.secret_id, secrets),
    )
    call.app.login_log.note(entry)


_UNREAD = frozenset(
    (
        Reason.API_KEY_MISSING,
        Reason.API_KEY_WRONG,
        Reason.SWITCHED_OFF,
        Reason.TOO_MANY,
        Reason.OVERLOADED,
    )
)


def _described(call: Call) -> Description:
    """Describe the user that a call names, in a token or by name."""
    if "token" in call.payload:
        return describe(call.payload["token"])
    auth_data = call.payload.get("auth_data")
    names = [*auth_data.values()] if isinstance(auth_data, dict) else []
    names.append(call.payload.get("principal_id"))
    return Description(subject=next((name for name in names if isinstance(name, str)), ""))
