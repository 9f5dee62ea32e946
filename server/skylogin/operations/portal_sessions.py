"""Signing in to the portal: the password, sessions, and how often somebody may try."""

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
TRIES_WINDOW = timedelta(minutes=5)
TRIES_MAX, TRIES_OF_ALL_MAX = 5, 100
SIGNED_IN, REFUSED, SIGNED_OUT = "portal.sign_in", "portal.sign_in_refused", "portal.sign_out"


class TooManyTriesError(RefusedError):
    """Somebody tried too often; they may again after a few minutes."""


class WrongPasswordError(RefusedError):
    """The password is not the one that is set."""


async def sign_in(operator: Operator, password: str) -> str:
    """Return the key of a new session, which goes into a cookie.

    Raises TooManyTriesError, whatever the password, and WrongPasswordError.
    """
    now = operator.now()
    # It counts as refused until the password is found right, so that of many at once no more
    # are looked at than of many one after the other.
    tried = operator.line(REFUSED, "")

    async def count(tx: Transaction) -> None:
        since = now - TRIES_WINDOW
        of_all, of_address = await audit_log.count(tx, EVERY_APP, REFUSED, since, operator.address)
        if of_address >= TRIES_MAX or of_all >= TRIES_OF_ALL_MAX:
            minutes = TRIES_WINDOW // timedelta(minutes=1)
            raise TooManyTriesError(f"too many wrong passwords: try again in {minutes} minutes")
        await audit_log.add(tx, EVERY_APP, tried)

    await operator.store.run(count, was_committed=lambda tx: audit_log.has(tx, EVERY_APP, tried.id))
    if not await passwords.is_operators(password, operator.settings.admin_password):
        raise WrongPasswordError("that is not the password")
    key = randomness.token_urlsafe(SESSION_BYTES)

    async def work(tx: Transaction) -> None:
        made_before, used_before = now - SESSION_AGE_MAX, now - SESSION_IDLE_MAX
        await operator_sessions.drop_ended(tx, made_before, used_before)
        await operator_sessions.add(tx, _hashed(key), now)
        await audit_log.remove(tx, EVERY_APP, tried.id)

    await operator.act(EVERY_APP, SIGNED_IN, "", work)
    return key


async def is_signed_in(operator: Operator, key: str) -> bool:
    """Return whether *key* is that of a session that goes on; then it goes on for longer."""
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
    """End the session whose key is *key*."""
    await operator.act(
        EVERY_APP, SIGNED_OUT, "", lambda tx: operator_sessions.end(tx, _hashed(key))
    )


def form_token(key: str) -> str:
    """Return what every form of a session carries, and no page of another site can know."""
    return hmac.new(key.encode(), b"form", hashlib.sha256).hexdigest()


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
