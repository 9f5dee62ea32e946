"""`auth:*`: users with passwords, and what may be done to any user."""

from dataclasses import replace
from datetime import datetime, timedelta

from skylogin import rfc3339
from skylogin.call import Call, Services
from skylogin.errors import RESOURCE_NOT_FOUND, SkygearError, invalid_argument
from skylogin.handlers.common import OK
from skylogin.payload import bound
from skylogin.store import users
from skylogin.user import User


async def log_out(call: Call, services: Services) -> object:
    """End a session, where the token store can."""
    if call.access_token:
        await call.app.tokens.forget(call.access_token)
    return OK


async def set_disabled(call: Call, services: Services) -> object:
    """Disable a user, with a message and an end where they are given, or enable them."""
    user_id = bound(call.payload, "auth_id", "")
    disabled = bound(call.payload, "disabled", False)
    message = bound(call.payload, "message", "")
    expiry = bound(call.payload, "expiry", "")
    wanted = User(user_id)
    if disabled:
        wanted = replace(wanted, disabled=True, disabled_message=message or None)
        if expiry:
            wanted = replace(wanted, disabled_expiry=_read_expiry(expiry))
    if not await services.store.run(lambda tx: users.set_disabled(tx, call.app.name, wanted)):
        raise SkygearError(RESOURCE_NOT_FOUND, "User not found")
    return OK


def _read_expiry(text: str) -> datetime:
    try:
        moment, nanoseconds = rfc3339.read(text)
    except ValueError:
        raise invalid_argument("invalid expiry", "expiry") from None
    return moment + timedelta(microseconds=nanoseconds // 1000)
