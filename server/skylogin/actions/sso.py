"""`sso:*`: logging in as a principal of an auth server or an OAuth provider."""

from collections.abc import Sequence

from skylogin.actions.batches import LoggedAttempt
from skylogin.actions.call import Call
from skylogin.actions.login_answer import log_in, login_response
from skylogin.actions.payload import read_member, read_object, read_storable_text
from skylogin.actions.services import Services
from skylogin.apps.limits import source_of
from skylogin.database import Transaction
from skylogin.domain import profile
from skylogin.domain.limit_table import NEW_USERS
from skylogin.domain.limits import check_keys, check_storable
from skylogin.domain.login import Login, LoginAttempt, LoginChanges
from skylogin.domain.stored_names import OAUTH
from skylogin.domain.user import Account, User
from skylogin.errors import (
    INVALID_CREDENTIALS,
    NOT_CONFIGURED,
    RESOURCE_NOT_FOUND,
    UNEXPECTED_USER_NOT_FOUND,
    Reason,
    SkygearError,
    invalid_argument,
    not_decodable,
    too_many,
)
from skylogin.store import principals, users
from skylogin.store.principals import Link
from skylogin.tokens import custom_token
from skylogin.tokens.custom_token import Secret, Signed

LINKED = "OK"


async def log_in_with_custom_token(call: Call, services: Services) -> object:
    """Log in the principal of a custom token; the first login creates the user."""
    secrets = await call.app.secrets.accepted(call.now)
    if not secrets:
        raise SkygearError(
            NOT_CONFIGURED,
            "login with custom token requires CUSTOM_TOKEN_SECRET config",
            reason=Reason.NOT_CONFIGURED,
            explanation="no custom token secret is accepted",
        )
    token = read_member(call.payload, "token", "")
    if not token:
        raise not_decodable(Reason.TOKEN_MISSING, "the call carries no token")
    token_bytes_max = services.settings.token_bytes_max
    if len(token) > token_bytes_max:
        sentence = f"the token has more than SKYLOGIN_TOKEN_BYTES_MAX={token_bytes_max} bytes"
        raise not_decodable(Reason.TOKEN_TOO_LONG, sentence)
    signed = await _verify_signature(call, services, token, secrets)
    # From here on, a refused attempt is logged with the secret's id.
    call.secret_id = signed.secret_id
    claims = custom_token.read_claims(signed, call.now, services.rules)
    may_extend = services.settings.may_extend_schema or call.has_master_key
    new_user = User(services.ids.random_id())
    attempt = LoginAttempt(
        claims.subject,
        claims.profile,
        call.now,
        new_user,
        may_extend,
        claims=claims,
        access=await call.app.access_rules.get(),
    )
    entry_id = services.ids.timed_id(services.now())
    logged = LoggedAttempt(call.app, attempt, entry_id, call.action.name, call.origin)
    if NEW_USERS in services.limits.rules and not call.has_master_key:
        accepted = await _submit_within_limit(call, services, logged)
    else:
        accepted = await services.logins.submit(logged)
    return await login_response(call, services, accepted)


async def _submit_within_limit(call: Call, services: Services, logged: LoggedAttempt) -> Login:
    """Log in, but create no user if the address has reached its limit of new users."""
    limits, key = services.limits, f"{call.app.name} {source_of(call.origin.address)}"
    seconds = limits.use(NEW_USERS, key)
    if seconds:
        refusal = too_many(NEW_USERS, seconds)
        known_only = logged._replace(attempt=logged.attempt._replace(no_new_user=refusal))
        try:
            return await services.logins.submit(known_only)
        except SkygearError as error:
            if error is refusal:
                limits.hits[NEW_USERS] += 1
            raise
    try:
        accepted = await services.logins.submit(logged)
    except SkygearError:
        limits.give_back(NEW_USERS, key)
        raise
    # If the client disconnects, a user may have been created, so nothing is given back.
    if not accepted.created:
        limits.give_back(NEW_USERS, key)
    return accepted


async def _verify_signature(
    call: Call, services: Services, token: str, secrets: Sequence[Secret]
) -> Signed:
    """Return *token* with the secret that signed it, even one that was created a moment ago."""
    try:
        return custom_token.verify_signature(token, secrets, services.rules)
    except SkygearError as error:
        if error.reason is not Reason.SIGNATURE_WRONG:
            raise
        newer = await call.app.secrets.accepted_anew(call.now)
        if newer == secrets:
            raise
    return custom_token.verify_signature(token, newer, services.rules)


async def log_in_with_oauth(call: Call, services: Services) -> object:
    """Log in the user linked to a principal of an OAuth provider."""
    link = _read_link(call)

    async def find(tx: Transaction) -> Account:
        app = call.app.name
        user_id = await principals.load_user_id(tx, app, link.provider, link.principal)
        if user_id is None:
            message = "no connected user"
            raise SkygearError(INVALID_CREDENTIALS, message, reason=Reason.USER_UNKNOWN)
        user = (await users.load(tx, app, [user_id], lock=True)).get(user_id)
        if user is None or user.record is None:
            message = "skydb: Record not found for the specified key"
            raise SkygearError(UNEXPECTED_USER_NOT_FOUND, message, reason=Reason.USER_UNKNOWN)
        return Account(user_id, user)

    async def update(tx: Transaction, changes: LoginChanges) -> None:
        await principals.update_response(tx, call.app.name, link)

    no_user = User(services.ids.random_id())
    attempt = LoginAttempt(link.principal, None, call.now, no_user, False, OAUTH, link.provider)
    return await log_in(call, services, attempt, find, update)


async def sign_up_with_oauth(call: Call, services: Services) -> object:
    """Create a user for a principal of an OAuth provider."""
    given = profile.read(read_object(call.payload, "profile") or {})
    link = _read_link(call)

    async def find(tx: Transaction) -> None:
        if await principals.load_user_id(tx, call.app.name, link.provider, link.principal):
            raise invalid_argument("user already connected")

    async def update(tx: Transaction, changes: LoginChanges) -> None:
        # The principal has to be written before it can be updated.
        await tx.finish()
        await principals.update_response(tx, call.app.name, link)

    new_user = User(services.ids.random_id())
    attempt = LoginAttempt(link.principal, given, call.now, new_user, True, OAUTH, link.provider)
    return await log_in(call, services, attempt, find, update)


async def link_oauth(call: Call, services: Services) -> object:
    """Link a user to a principal of an OAuth provider."""
    link = _read_link(call, has_user=True)

    async def add(tx: Transaction) -> None:
        app = call.app.name
        if await principals.load_user_id(tx, app, link.provider, link.principal):
            raise invalid_argument("provider account already linked with existing user")
        if await principals.has_link(tx, app, link.provider, link.user_id):
            raise invalid_argument("user linked to the provider already")
        if not await users.load(tx, app, [link.user_id], lock=True):
            raise SkygearError(RESOURCE_NOT_FOUND, "user not found")
        await principals.add(tx, app, link)

    async def is_linked(tx: Transaction) -> bool:
        found = principals.load_user_id(tx, call.app.name, link.provider, link.principal)
        return await found == link.user_id

    await services.store.run(add, was_committed=is_linked)
    return LINKED


async def unlink_oauth(call: Call, services: Services) -> object:
    """Delete a user's link to an OAuth provider."""
    provider = _read_required(call, "provider")
    user_id = _read_required(call, "user_id")
    if not await services.store.run(
        lambda tx: principals.remove(tx, call.app.name, provider, user_id)
    ):
        raise SkygearError(RESOURCE_NOT_FOUND, "user not found")
    return LINKED


def _read_link(call: Call, *, has_user: bool = False) -> Link:
    token_response = read_object(call.payload, "token_response")
    provider_profile = read_object(call.payload, "provider_profile")
    link = Link(
        provider=_read_required(call, "provider"),
        principal=_read_required(call, "principal_id"),
        user_id=_read_required(call, "user_id") if has_user else "",
        now=call.now,
        token_response=token_response,
        profile=provider_profile,
    )
    check_storable([token_response, provider_profile])
    check_keys([link.provider, link.principal])
    return link


def _read_required(call: Call, name: str) -> str:
    value = read_storable_text(call.payload, name)
    if not value:
        raise invalid_argument(f"empty {name.replace('_', ' ')}", name)
    return value
