"""Actions that skylogin does not emulate: a test's stub answers them, or they are refused."""

from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from types import ModuleType

from skylogin.actions.call import Call, secrets_of
from skylogin.actions.preprocessors import authenticate, check_user, require_auth
from skylogin.actions.services import Services
from skylogin.apps.registry import App
from skylogin.apps.stubs import Stub
from skylogin.config import DEV, Settings
from skylogin.errors import UNDEFINED_OPERATION, Reason, SkygearError

# Actions of the original that this server refuses by name.
NOT_EMULATED = frozenset(
    (
        "asset:put",
        "subscription:fetch",
        "subscription:fetch_all",
        "subscription:save",
        "subscription:delete",
        "relation:query",
        "relation:add",
        "relation:remove",
        "push:user",
        "push:device",
    )
)
# The functions of a plugin that `skylogin dev` emulates unless a stub answers them: the handler of
# each in `account_mail`, and the names of its arguments in order.
OF_PLUGIN = {
    "user:forgot-password": ("forgot_password", ("email",)),
    "user:reset-password": (
        "reset_password",
        ("user_id", "code", "expire_at", "new_password"),
    ),
    "user:verify_request": ("request_verification", ("record_key",)),
    "user:verify_code": ("verify_code", ("code",)),
}
_NOT_ARGUMENTS = frozenset(("action", "api_key", "access_token"))


async def answer(call: Call, services: Services) -> object:
    """Answer with the stub that matches the call, else as the plugin does, else refuse it."""
    name = call.action.name
    arguments = arguments_of(name, call.payload)
    added = call.app.stubs.take(name, arguments)
    if added is None and name in OF_PLUGIN and services.settings.mode == DEV:
        return await _answer_of_plugin(call, services, arguments)
    if added is None:
        raise await _refusal(call, services)
    try:
        await _check_caller(call, services, added.stub)
    except SkygearError:
        added.used -= 1
        raise
    call.stub_id = added.id
    await services.pause(added.stub.delay)
    refusal = added.stub.refusal
    if refusal is not None:
        raise refusal
    return added.stub.result


def has_answer(app: App, settings: Settings, name: str) -> bool:
    """Return whether *name* is an action as a path too, like that of a cloud function."""
    return app.stubs.covers(name) or (settings.mode == DEV and name in OF_PLUGIN)


async def _answer_of_plugin(call: Call, services: Services, arguments: object) -> object:
    with suppress(SkygearError):
        await authenticate(call, services)
    handle = getattr(_plugin(), OF_PLUGIN[call.action.name][0])
    result: object = await handle(call, services, arguments if isinstance(arguments, dict) else {})
    return result


async def verify_new_user(call: Call, services: Services, user_id: str) -> None:
    """Mail a new user the codes that verify them, as the plugin does with VERIFY_REQUIRED."""
    await _plugin().verify_new_user(call, services, user_id)


def _plugin() -> ModuleType:
    # On the start-up list: records are half of the code, and logins do not need them.
    return import_module("skylogin.actions.account_mail")


async def _refusal(call: Call, services: Services) -> SkygearError:
    name, is_known = call.action.name, call.action.name in NOT_EMULATED
    message = f"{name} is not emulated by skylogin" if is_known else "route unmatched"
    reason, explanation = Reason.NOT_EMULATED if is_known else None, ""
    if services.settings.mode == DEV:
        reason, secrets = Reason.NOT_EMULATED, await secrets_of(call)
        arguments = arguments_of(name, call.payload)
        explanation = call.app.stubs.why_none(name, arguments, secrets)
    return SkygearError(UNDEFINED_OPERATION, message, reason=reason, explanation=explanation)


async def _check_caller(call: Call, services: Services, stub: Stub) -> None:
    """Check the key and the user as the original does for a cloud function with these options."""
    if stub.user_required:
        for check in (authenticate, require_auth, check_user):
            await check(call, services)
    elif stub.key_required or call.action.name in NOT_EMULATED:
        await authenticate(call, services)
    else:
        with suppress(SkygearError):
            await authenticate(call, services)


def arguments_of(name: str, payload: Mapping[str, object]) -> object:
    """Return the `args` of a cloud function, or the members of another action's payload."""
    if "args" in payload:
        args = payload["args"]
        if isinstance(args, list) and name in OF_PLUGIN:
            # Recorded calls mask a password by its name.
            return dict(zip(OF_PLUGIN[name][1], args, strict=False))
        return args
    return {name: value for name, value in payload.items() if name not in _NOT_ARGUMENTS}
