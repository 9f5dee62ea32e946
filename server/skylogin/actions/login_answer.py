"""Logging in outside a batch, and the answer to a login."""

from collections.abc import Awaitable, Callable

from skylogin.actions.call import Call
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.domain import login, login_attempt
from skylogin.domain.login import Login, LoginAttempt, LoginChanges
from skylogin.domain.record_json import record_body
from skylogin.domain.stored_names import LAST_LOGIN_AT, USER_TYPE
from skylogin.domain.user import Account, Actor, User
from skylogin.encoding import rfc3339
from skylogin.errors import Reason, SkygearError
from skylogin.store import login_attempts as stored_attempts
from skylogin.store import login_batch

Find = Callable[[Transaction], Awaitable[Account | None]]
Also = Callable[[Transaction, LoginChanges], Awaitable[None]]


async def log_in(
    call: Call, services: Services, attempt: LoginAttempt, find: Find, also: Also | None = None
) -> object:
    """Log in and return the answer.

    One transaction finds the account, decides, saves, calls *also*, and writes the log
    entry. Raises SkygearError if the login is refused; nothing is saved then.
    """
    app, key_sets = call.app.name, services.settings.auth_record_keys
    entry_id = services.ids.timed_id(services.now())
    attempt = attempt._replace(access=await call.app.access_rules.get())

    async def work(tx: Transaction) -> Login:
        account = await find(tx)
        snapshot = await login_batch.load_one(tx, app, attempt, account, key_sets)
        [outcome], changes = login.decide_all([attempt], snapshot)
        if isinstance(outcome, SkygearError):
            raise outcome
        await login_batch.save(tx, app, changes)
        if also is not None:
            await also(tx, changes)
        entry = login_attempt.accepted(entry_id, call.action.name, call.origin, attempt, outcome)
        await call.app.login_log.add(tx, [entry])
        return outcome

    async def was_committed(tx: Transaction) -> bool:
        return await stored_attempts.has(tx, app, entry_id)

    accepted = await services.store.run(work, was_committed=was_committed)
    return await login_response(call, services, accepted)


async def login_response(call: Call, services: Services, committed: Login) -> object:
    """Return the answer to a *committed* login.

    If no access token can be issued, the refusal says that the login was committed.
    """
    try:
        return await auth_response(call, services, committed.user)
    except SkygearError as error:
        text = f"the login was committed, but got no access token: {error.explanation}"
        raise SkygearError(
            error.kind,
            error.message,
            info=error.info,
            status=error.status,
            reason=Reason.COMMITTED_WITHOUT_TOKEN,
            explanation=text,
        ) from error


async def auth_response(call: Call, services: Services, user: User) -> object:
    """Return the body for *user*, as it was before the login, with a new access token."""
    # Like the original, a new token keeps the issuer of the old one.
    issuer = call.token.issuer if call.token else call.app.name
    token = await call.app.tokens.issue(user.id, call.now, issuer, user.token_valid_since)
    record, rules = user.record, await call.app.access_rules.get()
    assert record is not None
    actor = Actor(user.id, user.roles, call.has_master_key)
    shown = rules.fields.readable(record.data, actor, record)
    fields = services.store.fields_of(call.app.name, USER_TYPE)
    body: dict[str, object] = {"user_id": user.id, "profile": record_body(record, fields, shown)}
    if user.roles:
        body["roles"] = list(user.roles)
    body["access_token"] = token
    last_login_at = record.data.get(LAST_LOGIN_AT)
    if isinstance(last_login_at, str):
        body[LAST_LOGIN_AT] = rfc3339.from_stored(last_login_at)
    if user.last_seen_at is not None:
        body["last_seen_at"] = rfc3339.on_wire(user.last_seen_at)
    return body
