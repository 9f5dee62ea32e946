"""`auth:*`: users with passwords, logging out, and disabling users."""

from collections.abc import Mapping
from datetime import datetime

from skylogin import passwords
from skylogin.actions import login_answer
from skylogin.actions.call import Call
from skylogin.actions.login_answer import auth_response
from skylogin.actions.payload import read_member, read_object, read_storable_text
from skylogin.actions.services import Services
from skylogin.actions.wire import OK
from skylogin.apps.limits import source_of
from skylogin.database import Transaction
from skylogin.domain import login, password_policy, profile, unique_keys
from skylogin.domain.claims import Profile
from skylogin.domain.limit_table import (
    FAILED_PASSWORDS,
    PASSWORD_HASHES,
    REFUSED_LOGINS,
    SIGN_UPS,
)
from skylogin.domain.login import LoginAttempt, LoginChanges
from skylogin.domain.user import Account, User
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import (
    INVALID_CREDENTIALS,
    RESOURCE_NOT_FOUND,
    UNEXPECTED_USER_NOT_FOUND,
    Reason,
    SkygearError,
    auth_not_found,
    invalid_argument,
)
from skylogin.store import login_batch, roles, users
from skylogin.store import passwords as stored_passwords
from skylogin.store.passwords import NewPassword

VERIFIED = "is_verified"


async def sign_up(call: Call, services: Services) -> object:
    """Create a user with auth data and a password, or an anonymous user."""
    source = source_of(call.origin.address)
    if not call.has_master_key:
        services.limits.check(SIGN_UPS, f"{call.app.name} {source}")
    auth_data = read_object(call.payload, "auth_data") or {}
    password = read_member(call.payload, "password", "")
    given = profile.read(read_object(call.payload, "profile") or {})
    _refuse_provider(call)
    if not password and all(value is None for value in auth_data.values()):
        # An anonymous user.
        new_user = User(services.ids.random_id())
    else:
        _check_sign_up(services, auth_data, given, password)
        user_data = {**auth_data, **(read_object(call.payload, "profile") or {})}
        policy = services.settings.password_policy
        password_policy.check(password, policy, user_data)
        with services.limits.holding(PASSWORD_HASHES):
            password_hash = await passwords.make_hash(password)
        new_user = User(
            services.ids.random_id(), password_hash=password_hash, token_valid_since=call.now
        )
    if services.settings.verify_required and not call.has_master_key:
        # Only the master key may verify a user.
        given = {name: value for name, value in given.items() if name != VERIFIED}
    return await _make_user(call, services, new_user, {**profile.read(auth_data), **given})


def _check_sign_up(
    services: Services, auth_data: Mapping[str, object], given: Profile, password: str
) -> None:
    if unique_keys.complete_key_set(auth_data, services.settings.auth_record_keys) is None:
        raise invalid_argument("invalid auth data", "auth_data")
    twice = sorted(set(auth_data) & set(given))
    if twice:
        raise invalid_argument("duplicated keys found in auth data in profile", *twice)
    if not password:
        raise invalid_argument("empty password", "password")


async def _make_user(call: Call, services: Services, new_user: User, given: Profile) -> object:
    default_roles = await services.store.run(
        lambda tx: roles.load_default(tx, call.app.name), write=False
    )
    attempt = LoginAttempt(
        new_user.id,
        given,
        call.now,
        new_user._replace(roles=default_roles),
        services.settings.clients_may_extend_schema or call.has_master_key,
        kind="",
    )

    async def find_no_user(tx: Transaction) -> None:
        return None

    async def remember(tx: Transaction, changes: LoginChanges) -> None:
        if new_user.password_hash:
            new = NewPassword(new_user.id, new_user.password_hash, None, call.now)
            await stored_passwords.remember(
                tx, call.app.name, new, services.settings.password_policy
            )

    return await login_answer.log_in(call, services, attempt, find_no_user, remember)


async def log_in(call: Call, services: Services) -> object:
    """Log in with a password and auth data; the first complete key set identifies the user."""
    auth_data = read_object(call.payload, "auth_data") or {}
    password = read_member(call.payload, "password", "")
    _refuse_provider(call)
    key_set = unique_keys.complete_key_set(auth_data, services.settings.auth_record_keys)
    if key_set is None:
        raise invalid_argument("invalid auth data", "auth_data")
    values = _key_values(auth_data, key_set)

    async def look(tx: Transaction) -> User | None:
        user_id = await login_batch.find_user_id(tx, call.app.name, key_set, values)
        return (await users.load(tx, call.app.name, [user_id or ""])).get(user_id or "")

    user = await services.store.run(look, write=False)
    if user is None:
        raise SkygearError(RESOURCE_NOT_FOUND, "user not found", reason=Reason.USER_UNKNOWN)
    login.check_enabled(user, call.now)
    if not await _matches(call, services, user, password):
        raise _incorrect()
    attempt = LoginAttempt(user.id, None, call.now, user, may_extend=False, kind="")

    async def find(tx: Transaction) -> Account:
        found = (await users.load(tx, call.app.name, [user.id], lock=True)).get(user.id)
        if found is None or found.password_hash != user.password_hash:
            # The password has changed since it was checked.
            raise _incorrect()
        return Account(user.id, found)

    return await login_answer.log_in(call, services, attempt, find)


async def _matches(call: Call, services: Services, user: User, password: str) -> bool:
    """Return whether *password* is the user's. Raises SkygearError after too many wrong ones."""
    source = source_of(call.origin.address)
    key = f"{call.app.name} {user.id} {source}"
    is_limited = not call.has_master_key
    with services.limits.holding(PASSWORD_HASHES):
        if is_limited:
            # Otherwise an address could try a few passwords on each of many accounts.
            services.limits.check(REFUSED_LOGINS, source, 0)
            # Counted before the check: otherwise many passwords could be tried at the same time.
            services.limits.check(FAILED_PASSWORDS, key)
        is_right = await passwords.matches(password, user.password_hash)
    if is_right and is_limited:
        services.limits.give_back(FAILED_PASSWORDS, key)
    return is_right


def _key_values(
    auth_data: Mapping[str, object], key_set: unique_keys.KeySet
) -> dict[str, JsonValue]:
    """Return the values that identify a user. Raises SkygearError on an object or a list."""
    read = {
        name: value
        for name, value in profile.read({name: auth_data[name] for name in key_set}).items()
        if value is not None
    }
    if any(value.kind not in _PLAIN for value in read.values()):
        raise invalid_argument("invalid auth data", "auth_data")
    return {name: value.value for name, value in read.items()}


_PLAIN = frozenset(("string", "number", "boolean"))


def _incorrect() -> SkygearError:
    message = "auth_data or password incorrect"
    return SkygearError(INVALID_CREDENTIALS, message, reason=Reason.PASSWORD_WRONG)


def _refuse_provider(call: Call) -> None:
    provider = read_member(call.payload, "provider", "")
    read_object(call.payload, "provider_auth_data")
    if provider:
        raise invalid_argument(f'no auth provider of name "{provider}"', "provider")


async def change_password(call: Call, services: Services) -> object:
    """Change the caller's password, given the old one. Older access tokens are revoked."""
    old_password = read_member(call.payload, "old_password", "")
    password = read_member(call.payload, "password", "")
    read_member(call.payload, "invalidate", False)
    if not old_password:
        raise invalid_argument("empty old password", "old_password")
    if not password:
        raise invalid_argument("empty password", "password")
    user = call.user
    assert user is not None
    data = user.record.data if user.record else {}
    is_right = await _matches(call, services, user, old_password)
    if not (is_right and await set_password(call, services, user, password, data)):
        raise SkygearError(INVALID_CREDENTIALS, "Incorrect old password")
    return await auth_response(call, services, user)


async def reset_password(call: Call, services: Services) -> object:
    """Set a user's password without the old one; for the master key only."""
    user_id = read_storable_text(call.payload, "auth_id")
    password = read_member(call.payload, "password", "")
    if not user_id:
        raise invalid_argument("empty auth_id", "auth_id")
    if not password:
        raise invalid_argument("empty password", "password")
    is_set = False
    while not is_set:
        user = await _load_user(call, services, user_id)
        is_set = await set_password(call, services, user, password, {})
    return await auth_response(call, services, user)


async def _load_user(call: Call, services: Services, user_id: str) -> User:
    found = await services.store.run(
        lambda tx: users.load(tx, call.app.name, [user_id]), write=False
    )
    user = found.get(user_id)
    if user is None:
        raise auth_not_found()
    if user.record is None:
        message = "skydb: Record not found for the specified key"
        raise SkygearError(UNEXPECTED_USER_NOT_FOUND, message)
    return user


async def set_password(
    call: Call,
    services: Services,
    user: User,
    password: str,
    user_data: Mapping[str, object],
) -> bool:
    """Set a new password. Returns False if the old one has changed since *user* was loaded.

    Raises SkygearError if the policy refuses it.
    """
    app, policy = call.app.name, services.settings.password_policy
    password_policy.check(password, policy, user_data)
    remembered = await services.store.run(
        lambda tx: stored_passwords.load_remembered(tx, app, user.id, policy, call.now),
        write=False,
    )
    with services.limits.holding(PASSWORD_HASHES):
        for hashed in remembered:
            if await passwords.matches(password, hashed):
                raise password_policy.reused(policy)
        new_hash = await passwords.make_hash(password)
    new = NewPassword(user.id, new_hash, user.password_hash, call.now)
    return await services.store.run(
        lambda tx: stored_passwords.change(tx, app, new, policy),
        was_committed=lambda tx: stored_passwords.is_hash(tx, app, user.id, new_hash),
    )


async def log_out(call: Call, services: Services) -> object:
    """Revoke the access token, if the token store can."""
    if call.access_token:
        await call.app.tokens.forget(call.access_token)
    return OK


async def set_disabled(call: Call, services: Services) -> object:
    """Enable a user, or disable one with an optional message and expiry."""
    user_id = read_storable_text(call.payload, "auth_id")
    disabled = read_member(call.payload, "disabled", False)
    message = read_storable_text(call.payload, "message")
    expiry = read_member(call.payload, "expiry", "")
    wanted = User(user_id)
    if disabled:
        wanted = wanted._replace(disabled=True, disabled_message=message or None)
        if expiry:
            wanted = wanted._replace(disabled_expiry=_read_expiry(expiry))
    if not await services.store.run(lambda tx: users.set_disabled(tx, call.app.name, wanted)):
        raise SkygearError(RESOURCE_NOT_FOUND, "User not found")
    return OK


def _read_expiry(text: str) -> datetime:
    try:
        return rfc3339.read_moment(text)
    except ValueError:
        raise invalid_argument("invalid expiry", "expiry") from None
