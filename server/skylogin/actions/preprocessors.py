"""The checks before a handler. Each one fills in the call or raises SkygearError."""

from skylogin.actions.batches import Lookup
from skylogin.actions.call import AccessKey, Call
from skylogin.actions.payload import read_exact_text
from skylogin.actions.services import Services
from skylogin.domain import login, password_policy, secret_text
from skylogin.domain.limit_table import CALLS_PER_KEY
from skylogin.domain.limits import check_keys, check_storable
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User
from skylogin.errors import (
    ACCESS_KEY_NOT_ACCEPTED,
    NOT_AUTHENTICATED,
    PERMISSION_DENIED,
    VERIFICATION_REQUIRED,
    Reason,
    SkygearError,
    auth_not_found,
    invalid_argument,
    login_required,
)
from skylogin.store import roles, users
from skylogin.tokens import access_token
from skylogin.tokens.custom_token import DOCUMENTED

GOD = "_god"


async def check_access_key(call: Call, services: Services) -> None:
    """Require the API key or the master key."""
    _read_access_key(call, services)
    if call.access_key is AccessKey.NONE:
        raise SkygearError(NOT_AUTHENTICATED, "Api key is empty", reason=Reason.API_KEY_MISSING)


async def authenticate(call: Call, services: Services) -> None:
    """Require a key or a valid access token, and set the caller's user id."""
    _read_access_key(call, services)
    if call.access_token:
        call.token = await call.app.tokens.find(call.access_token, call.now)
        call.user_id = call.token.user_id
    elif call.access_key is AccessKey.NONE:
        raise SkygearError(NOT_AUTHENTICATED, "Both api key and access token are empty")
    elif call.has_master_key:
        call.user_id = read_exact_text(call.payload, "_user_id")
        check_storable(call.user_id)
        check_keys([call.user_id])


def _read_access_key(call: Call, services: Services) -> None:
    if not call.api_key:
        return
    is_master = secret_text.is_same(call.api_key, call.app.master_key)
    if is_master and not call.foreign_page:
        call.access_key = AccessKey.MASTER
    elif secret_text.is_same(call.api_key, call.app.api_key):
        call.access_key = AccessKey.CLIENT
    else:
        explanation = "the API key is neither the app's API key nor its master key"
        if is_master:
            # Any page that a developer visits could send it to this machine.
            explanation = (
                "the default master key is not accepted from a web page beyond this machine "
                f"({call.foreign_page}); set another MASTER_KEY"
            )
        raise SkygearError(
            ACCESS_KEY_NOT_ACCEPTED,
            f"Cannot verify api key: `{call.api_key}`",
            reason=Reason.API_KEY_WRONG,
            explanation=explanation,
        )
    services.limits.check(CALLS_PER_KEY, f"{call.app.name} {call.access_key.value}")


async def inject_auth(call: Call, services: Services) -> None:
    """Load the caller's user, if any.

    If the user fails a check, a server that is as open as the original continues without a user:
    then the token of a disabled user still reads what the API key alone can read.
    """
    await _load_user(call, services)
    if call.user is None:
        return
    try:
        _check_user(call, call.user)
        _check_password(call, services, call.user)
    except SkygearError:
        if not (services.settings.is_open or call.has_master_key):
            raise
        call.user = None


async def require_auth(call: Call, services: Services) -> None:
    """Require an enabled user whose password has not expired."""
    await require_auth_to_change_password(call, services)
    assert call.user is not None
    _check_password(call, services, call.user)


async def require_auth_to_change_password(call: Call, services: Services) -> None:
    """Require an enabled user, even if the password has expired."""
    await _load_user(call, services)
    if call.user is None:
        raise login_required()
    _check_user(call, call.user)


def _check_user(call: Call, user: User) -> None:
    login.check_enabled(user, call.now)
    issued_at = call.token.issued_at if call.token else None
    access_token.check_still_valid(issued_at, user.token_valid_since)


def _check_password(call: Call, services: Services, user: User) -> None:
    policy, has_password = services.settings.password_policy, user.password_hash is not None
    password_policy.check_not_expired(policy, has_password, user.token_valid_since, call.now)


async def _load_user(call: Call, services: Services) -> None:
    if not call.user_id and call.has_master_key:
        call.user_id = GOD
    if not call.user_id:
        return

    call.user = await services.lookups.submit(Lookup(call.app.name, call.user_id))
    if call.user is not None:
        return
    if not call.has_master_key:
        raise auth_not_found()
    call.user = await _make(call, services, User(call.user_id))


async def require_user(call: Call, services: Services) -> None:
    """Require the user's record; an empty one is created if it is missing."""
    assert call.user is not None
    if call.user.record is None:
        access = (await call.app.access_rules.get()).default_access(USER_TYPE)
        call.user = await _make(call, services, login.new_user(call.user_id, call.now, access))
    record = call.user.record
    if _must_be_verified(call, services) and (
        record is None or record.data.get("is_verified") is not True
    ):
        raise SkygearError(VERIFICATION_REQUIRED, "User is not yet verified")


async def _make(call: Call, services: Services, wanted: User) -> User:
    """Create the parts of *wanted* that are missing; return the user as stored."""
    return await services.store.run(lambda tx: users.make_missing(tx, call.app.name, wanted))


async def check_user(call: Call, services: Services) -> None:
    """Require the caller's user, if any, to be verified where the settings say so."""
    if _must_be_verified(call, services) and call.user is not None:
        await require_user(call, services)


def _must_be_verified(call: Call, services: Services) -> bool:
    settings = services.settings
    # Without the exception, the master key could not mark a user as verified.
    is_exempt = call.has_master_key and settings.contract == DOCUMENTED
    return settings.verify_required and not is_exempt


async def select_database(call: Call, services: Services) -> None:
    """Set the database that the call uses, and whose user records it may see."""
    call.directory = services.settings.user_directory
    wanted = read_exact_text(call.payload, "database_id") or "_public"
    check_storable(wanted)
    check_keys([wanted])
    own_id = call.user.id if call.user else None
    if wanted == "_public":
        call.database_id = ""
    elif wanted == "_private":
        if own_id is None:
            message = "Authentication is needed for private DB access"
            raise SkygearError(NOT_AUTHENTICATED, message)
        call.database_id = own_id
    elif wanted == "_union":
        if not call.has_master_key:
            raise SkygearError(NOT_AUTHENTICATED, "Master key is needed for union DB access")
        call.database_id = None
    elif wanted.startswith("_"):
        raise invalid_argument("invalid database ID", "database_id")
    elif call.has_master_key or wanted == own_id:
        call.database_id = wanted
    else:
        message = "The selected DB cannot be accessed because permission is denied"
        raise SkygearError(PERMISSION_DENIED, message)


async def require_admin(call: Call, services: Services) -> None:
    """Require the master key, or a user with an admin role."""
    if call.has_master_key:
        return
    if call.user is None:
        message = "User is required for this action, please login."
        raise SkygearError(NOT_AUTHENTICATED, message)
    if not await is_admin(call, services, call.user):
        message = "no permission to perform this action"
        raise SkygearError(PERMISSION_DENIED, message, status=401)


async def is_admin(call: Call, services: Services, user: User) -> bool:
    """Return whether *user* has an admin role."""
    if not user.roles:
        return False
    admin_roles = await services.store.run(
        lambda tx: roles.load_admin(tx, call.app.name), write=False
    )
    return not set(admin_roles).isdisjoint(user.roles)


async def require_master_key(call: Call, services: Services) -> None:
    """Require the master key."""
    if not call.has_master_key:
        message = "no permission to this action"
        raise SkygearError(PERMISSION_DENIED, message, status=401, reason=Reason.NOT_PERMITTED)


async def dev_only(call: Call, services: Services) -> None:
    """Require the master key, or DEV_MODE."""
    if not (call.has_master_key or services.settings.may_use_dev_actions):
        raise SkygearError(PERMISSION_DENIED, "Attempt to access dev only end-point")
