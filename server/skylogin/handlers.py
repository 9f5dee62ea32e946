"""What each action does. A handler fills in only what is its own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from skylogin import access_token, custom_token, journal, login, rfc3339, wire
from skylogin.call import Call, JournaledAttempt, Services, Visit
from skylogin.errors import (
    NOT_CONFIGURED,
    RESOURCE_NOT_FOUND,
    Reason,
    SkygearError,
    invalid_argument,
    not_decodable,
)
from skylogin.login import Attempt, Login
from skylogin.payload import bound, direct_text
from skylogin.store import Transaction, logins, users
from skylogin.user import User

OK = {"status": "OK"}


async def home(call: Call, services: Services) -> object:
    """Say that the server is there."""
    return OK


async def log_in_with_custom_token(call: Call, services: Services) -> object:
    """Log in the principal of a custom token; the first time, make the user."""
    secrets = await services.secrets.accepted(call.now)
    if not secrets:
        raise SkygearError(
            NOT_CONFIGURED,
            "login with custom token requires CUSTOM_TOKEN_SECRET config",
            reason=Reason.NOT_CONFIGURED,
            explanation="no custom token secret is accepted",
        )
    token = bound(call.payload, "token", "")
    if not token:
        raise not_decodable(Reason.TOKEN_MISSING, "the call carries no token")
    claims = custom_token.verify(token, secrets, call.now, services.rules)
    may_extend = services.settings.may_extend_schema or call.has_master_key
    attempt = Attempt(claims, call.now, services.ids.random_id(), may_extend)
    entry_id = services.ids.timed_id(call.now)
    accepted = await services.logins.submit(
        JournaledAttempt(call.app, attempt, entry_id, call.action, call.origin)
    )
    return _auth_response(call, services, accepted.user)


async def log_in_many(
    services: Services, tx: Transaction, items: Sequence[JournaledAttempt]
) -> list[Login | SkygearError]:
    """Log in a batch: load, decide, save, for each app."""
    outcomes: dict[str, Login | SkygearError] = {}
    key_sets = services.settings.auth_record_keys
    by_app = attrgetter("app")
    for app, group in groupby(sorted(items, key=by_app), key=by_app):
        theirs = list(group)
        attempts = [item.attempt for item in theirs]
        snapshot = await logins.load(tx, app, attempts, key_sets)
        decided, changes = login.decide_all(attempts, snapshot)
        await logins.save(tx, app, changes)
        entries = [
            journal.accepted(item.entry_id, item.action, item.origin, item.attempt, outcome)
            for item, outcome in zip(theirs, decided, strict=True)
            if isinstance(outcome, Login)
        ]
        await services.journal.add(tx, entries)
        outcomes |= zip((item.entry_id for item in theirs), decided, strict=True)
    return [outcomes[item.entry_id] for item in items]


async def me(call: Call, services: Services) -> object:
    """Say who calls, with a new access token."""
    assert call.user is not None
    answer = _auth_response(call, services, call.user)
    await services.visits.submit(Visit(call.app, call.user.id, call.now))
    return answer


async def see_many(
    services: Services, tx: Transaction, visits: Sequence[Visit]
) -> list[SkygearError | None]:
    """Note when users were seen; a disabling that ran out is cleared as it is passed."""
    by_app = attrgetter("app")
    for app, group in groupby(sorted(visits, key=by_app), key=by_app):
        seen = {visit.user_id: visit.now for visit in group}
        await users.see(tx, app, seen)
        await users.clear_ended_disabling(tx, app, list(seen), min(seen.values()))
    return [None] * len(visits)


def _auth_response(call: Call, services: Services, user: User) -> object:
    settings = services.settings
    token = access_token.issue(
        user.id,
        call.now,
        services.ids.random_id(),
        # The original hands the issuer of a token on to the next one.
        issuer=call.token.issuer if call.token else settings.app_name,
        expiry_seconds=settings.token_store_expiry_seconds,
        key=services.access_token_key,
    )
    return wire.auth_response(user, token, services.store.fields_of(call.app, "user"))


async def log_out(call: Call, services: Services) -> object:
    """End a session; tokens of `TOKEN_STORE=jwt` are stored nowhere, and so live on."""
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
    if not await services.store.run(lambda tx: users.set_disabled(tx, call.app, wanted)):
        raise SkygearError(RESOURCE_NOT_FOUND, "User not found")
    return OK


def _read_expiry(text: str) -> datetime:
    try:
        moment, nanoseconds = rfc3339.read(text)
    except ValueError:
        raise invalid_argument("invalid expiry", "expiry") from None
    return moment + timedelta(microseconds=nanoseconds // 1000)


async def forget_device(call: Call, services: Services) -> object:
    """Answer what the JavaScript SDK sends when it logs out; devices are not kept."""
    return {"id": direct_text(call.payload, "id")}
