"""`sso:*`: logging in as a principal of somebody else's."""

from collections.abc import Sequence
from itertools import groupby

from skylogin import custom_token, journal, login
from skylogin.call import Call, JournaledAttempt, Services
from skylogin.errors import NOT_CONFIGURED, Reason, SkygearError, not_decodable
from skylogin.handlers.common import auth_response
from skylogin.login import Attempt, Login
from skylogin.payload import bound
from skylogin.store import Transaction, logins
from skylogin.user import User


async def log_in_with_custom_token(call: Call, services: Services) -> object:
    """Log in the principal of a custom token; the first time, make the user."""
    secrets = await call.app.secrets.accepted(call.now)
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
    new_user = User(services.ids.random_id())
    attempt = Attempt(claims.subject, claims.profile, call.now, new_user, may_extend, claims=claims)
    entry_id = services.ids.timed_id(call.now)
    accepted = await services.logins.submit(
        JournaledAttempt(call.app, attempt, entry_id, call.action, call.origin)
    )
    return await auth_response(call, services, accepted.user)


async def log_in_many(
    services: Services, tx: Transaction, items: Sequence[JournaledAttempt]
) -> list[Login | SkygearError]:
    """Log in a batch: load, decide, save, for each app."""
    outcomes: dict[str, Login | SkygearError] = {}
    key_sets = services.settings.auth_record_keys
    for app, group in groupby(sorted(items, key=_name_of_app), key=_name_of_app):
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
        await theirs[0].app.journal.add(tx, entries)
        outcomes |= zip((item.entry_id for item in theirs), decided, strict=True)
    return [outcomes[item.entry_id] for item in items]


def _name_of_app(item: JournaledAttempt) -> str:
    return item.app.name
