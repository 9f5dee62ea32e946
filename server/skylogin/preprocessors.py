"""Checks before a handler: each fills in the call, or raises (transport, section 9)."""

from skylogin import access_token, login
from skylogin.call import AccessKey, Call, Services
from skylogin.errors import (
    ACCESS_KEY_NOT_ACCEPTED,
    NOT_AUTHENTICATED,
    PERMISSION_DENIED,
    UNEXPECTED_AUTH_NOT_FOUND,
    VERIFICATION_REQUIRED,
    Reason,
    SkygearError,
)
from skylogin.payload import direct_text
from skylogin.store import Transaction, users
from skylogin.user import User

GOD = "_god"


async def check_access_key(call: Call, services: Services) -> None:
    """Require the API key or the master key."""
    _read_access_key(call)
    if call.access_key is AccessKey.NONE:
        raise SkygearError(NOT_AUTHENTICATED, "Api key is empty", reason=Reason.API_KEY_MISSING)


async def authenticate(call: Call, services: Services) -> None:
    """Require a key or a good access token; find out who calls."""
    _read_access_key(call)
    if call.access_token:
        call.token = await call.app.tokens.find(call.access_token, call.now)
        call.user_id = call.token.user_id
    elif call.access_key is AccessKey.NONE:
        raise SkygearError(NOT_AUTHENTICATED, "Both api key and access token are empty")
    elif call.has_master_key:
        call.user_id = direct_text(call.payload, "_user_id")


def _read_access_key(call: Call) -> None:
    if not call.api_key:
        return
    if call.api_key == call.app.master_key:
        call.access_key = AccessKey.MASTER
    elif call.api_key == call.app.api_key:
        call.access_key = AccessKey.CLIENT
    else:
        raise SkygearError(
            ACCESS_KEY_NOT_ACCEPTED,
            f"Cannot verify api key: `{call.api_key}`",
            reason=Reason.API_KEY_WRONG,
            explanation="the API key is neither the app's API key nor its master key",
        )


async def inject_auth(call: Call, services: Services) -> None:
    """Find the user who calls; whoever may not act as a user goes on as nobody."""
    await _load_user(call, services)
    if call.user is None:
        return
    try:
        _check_user(call, call.user)
    except SkygearError:
        call.user = None


async def require_auth(call: Call, services: Services) -> None:
    """Require a user who calls, and may."""
    await _load_user(call, services)
    if call.user is None:
        message = "Authentication is required for this action, please login."
        raise SkygearError(NOT_AUTHENTICATED, message)
    _check_user(call, call.user)


def _check_user(call: Call, user: User) -> None:
    login.check_enabled(user, call.now)
    issued_at = call.token.issued_at if call.token else None
    access_token.check_still_valid(issued_at, user.token_valid_since)


async def _load_user(call: Call, services: Services) -> None:
    if not call.user_id and call.has_master_key:
        call.user_id = GOD
    if not call.user_id:
        return

    async def load(tx: Transaction) -> User | None:
        return (await users.load(tx, call.app.name, [call.user_id])).get(call.user_id)

    call.user = await services.store.run(load, write=False)
    if call.user is not None:
        return
    if not call.has_master_key:
        raise SkygearError(UNEXPECTED_AUTH_NOT_FOUND, "skydb: AuthInfo ID not found")
    call.user = await _make(call, services, User(call.user_id))


async def require_user(call: Call, services: Services) -> None:
    """Require the user's record; one that is missing is made, empty."""
    assert call.user is not None
    if call.user.record is None:
        call.user = await _make(call, services, login.new_user(call.user_id, call.now))
    record = call.user.record
    if services.settings.verify_required and (
        record is None or record.data.get("is_verified") is not True
    ):
        raise SkygearError(VERIFICATION_REQUIRED, "User is not yet verified")


async def _make(call: Call, services: Services, wanted: User) -> User:
    """Make what *wanted* has and is not there; return the user as stored."""

    async def make(tx: Transaction) -> User:
        return await users.make_missing(tx, call.app.name, wanted)

    return await services.store.run(make)


async def require_admin(call: Call, services: Services) -> None:
    """Require the master key, or a user with an admin role."""
    if call.has_master_key:
        return
    if call.user is None:
        message = "User is required for this action, please login."
        raise SkygearError(NOT_AUTHENTICATED, message)
    admin_roles = await services.store.run(
        lambda tx: users.load_admin_roles(tx, call.app.name), write=False
    )
    if not admin_roles.intersection(call.user.roles):
        message = "no permission to perform this action"
        raise SkygearError(PERMISSION_DENIED, message, status=401)
