"""Sessions of the portal: signing in, and the limit on wrong passwords."""

import hashlib
import hmac
import secrets as randomness
from datetime import timedelta

from skylogin import passwords
from skylogin.database import Transaction
from skylogin.domain.stored_names import EVERY_APP
from skylogin.operations.operator import Operator, RefusedError
from skylogin.store import audit_log, operator_sessions

SESSION_BYTES = 32
SESSION_AGE_MAX = timedelta(hours=12)
SESSION_IDLE_MAX = timedelta(hours=2)
SESSION_USE_NOTED = timedelta(minutes=1)
ATTEMPTS_WINDOW = timedelta(minutes=5)
ATTEMPTS_OF_ADDRESS_MAX, ATTEMPTS_MAX = 5, 100
SIGNED_IN, REFUSED, SIGNED_OUT = "portal.sign_in", "portal.sign_in_refused", "portal.sign_out"


class TooManyAttemptsError(RefusedError):
    """Too many wrong passwords, from one address or in all."""


class WrongPasswordError(RefusedError):
    """The password is wrong."""


async def sign_in(operator: Operator, password: str) -> str:
    """Return the key of a new session, for a cookie.

    Raises TooManyAttemptsError, even for the right password, and WrongPasswordError.
    """
    now = operator.now()
    # Counted as refused until the password proves right, which also limits simultaneous attempts.
    refused = operator.audit_row(REFUSED, "")

    async def count(tx: Transaction) -> None:
        since = now - ATTEMPTS_WINDOW
        in_all, of_address = await audit_log.count(tx, EVERY_APP, REFUSED, since, operator.address)
        if of_address >= ATTEMPTS_OF_ADDRESS_MAX or in_all >= ATTEMPTS_MAX:
            minutes = ATTEMPTS_WINDOW // timedelta(minutes=1)
            raise TooManyAttemptsError(f"too many wrong passwords: try again in {minutes} minutes")
        await audit_log.add(tx, EVERY_APP, refused)

    await operator.store.run(
        count, was_committed=lambda tx: audit_log.has(tx, EVERY_APP, refused.id)
    )
    if not await passwords.is_operators(password, operator.settings.admin_password):
        raise WrongPasswordError("wrong password")
    key = new_key()

    async def work(tx: Transaction) -> None:
        created_before, used_before = now - SESSION_AGE_MAX, now - SESSION_IDLE_MAX
        await operator_sessions.drop_ended(tx, created_before, used_before)
        await operator_sessions.add(tx, _hashed(key), now)
        await audit_log.remove(tx, EVERY_APP, refused.id)

    await operator.act(EVERY_APP, SIGNED_IN, "", work)
    return key


async def is_signed_in(operator: Operator, key: str) -> bool:
    """Return whether *key* is that of a live session, and extend the session."""
    if not key:
        return False
    now = operator.now()
    session = await operator.store.run(
        lambda tx: operator_sessions.load(tx, _hashed(key)), write=False
    )
    if session is None:
        return False
    idle = now - session.last_used_at
    if now - session.created_at >= SESSION_AGE_MAX or idle >= SESSION_IDLE_MAX:
        return False
    if idle >= SESSION_USE_NOTED:
        await operator.store.run(lambda tx: operator_sessions.use(tx, _hashed(key), now))
    return True


async def sign_out(operator: Operator, key: str) -> None:
    """End the session with this key."""
    await operator.act(
        EVERY_APP, SIGNED_OUT, "", lambda tx: operator_sessions.end(tx, _hashed(key))
    )


def new_key() -> str:
    """Return a random key for a session."""
    return randomness.token_urlsafe(SESSION_BYTES)


def form_token(key: str) -> str:
    """Return the token in every form of a session, which other sites cannot know."""
    return hmac.new(key.encode(), b"form", hashlib.sha256).hexdigest()


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
