"""Sessions of the portal: signing in and out."""

import hashlib
import hmac
import secrets as randomness
from datetime import timedelta

from skylogin import passwords
from skylogin.apps.attempt_limits import AttemptLimits
from skylogin.database import Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations import refused_attempts
from skylogin.operations.operator import Operator, RefusedError
from skylogin.store import operator_sessions

SESSION_BYTES = 32
SESSION_AGE_MAX = timedelta(hours=12)
SESSION_IDLE_MAX = timedelta(hours=2)
SESSION_USE_NOTED = timedelta(minutes=1)
SESSIONS_MAX = 1000
SIGNED_IN, REFUSED, SIGNED_OUT = "portal.sign_in", "portal.sign_in_refused", "portal.sign_out"


class WrongPasswordError(RefusedError):
    """The password is wrong."""


async def sign_in(
    operator: Operator, password: str, limits: AttemptLimits, session: str = ""
) -> str:
    """Return the key of a new session, for a cookie. With a live *session*, attempts are unlimited.

    Raises TooManyAttemptsError, even for the right password, and WrongPasswordError.
    """
    if await is_signed_in(operator, session):
        if not await _is_right(operator, password):
            raise WrongPasswordError("wrong password")
        return await _start(operator)
    source = refused_attempts.source(operator, "password")
    # One at a time, so that simultaneous attempts do not pass the limit.
    async with limits.one_at_a_time(source):
        seconds = await limits.wait_seconds(source)
        if seconds:
            raise refused_attempts.too_many(operator, "passwords", seconds)
        if not await _is_right(operator, password):
            await refused_attempts.audit(operator, REFUSED, await limits.fail(source))
            raise WrongPasswordError("wrong password")
        await limits.succeed(source)
    return await _start(operator)


async def _is_right(operator: Operator, password: str) -> bool:
    return await passwords.is_operators(password, operator.settings.admin_password)


async def _start(operator: Operator) -> str:
    now, key = operator.now(), new_key()

    async def work(tx: Transaction) -> None:
        created_before, used_before = now - SESSION_AGE_MAX, now - SESSION_IDLE_MAX
        await operator_sessions.drop_ended(tx, created_before, used_before)
        await operator_sessions.add(tx, _hashed(operator, key), now)
        await operator_sessions.keep_latest(tx, SESSIONS_MAX)

    await operator.act(EVERY_APP, SIGNED_IN, "", work)
    return key


async def is_signed_in(operator: Operator, key: str) -> bool:
    """Return whether *key* is that of a live session, and extend the session."""
    if not key:
        return False
    now = operator.now()
    session = await operator.store.run(
        lambda tx: operator_sessions.load(tx, _hashed(operator, key)), write=False
    )
    if session is None:
        return False
    idle = now - session.last_used_at
    if now - session.created_at >= SESSION_AGE_MAX or idle >= SESSION_IDLE_MAX:
        return False
    if idle >= SESSION_USE_NOTED:
        await operator.store.run(lambda tx: operator_sessions.use(tx, _hashed(operator, key), now))
    return True


async def sign_out(operator: Operator, key: str) -> None:
    """End the session with this key."""
    await operator.act(
        EVERY_APP, SIGNED_OUT, "", lambda tx: operator_sessions.end(tx, _hashed(operator, key))
    )


def new_key() -> str:
    """Return a random key for a session."""
    return randomness.token_urlsafe(SESSION_BYTES)


def form_token(key: str) -> str:
    """Return the token for the forms of a session, which other sites cannot know."""
    return hmac.new(key.encode(), b"form", hashlib.sha256).hexdigest()


def _hashed(operator: Operator, key: str) -> str:
    """Return the hash that is stored of a session. It changes with the password, which ends all."""
    password = hashlib.sha256(operator.settings.admin_password.encode(errors="surrogatepass"))
    return hmac.new(key.encode(), password.digest(), hashlib.sha256).hexdigest()
