"""Access tokens that a store keeps, in files or in Redis.

Their members are the original's, so that tokens it issued stay valid here. Times are
nanoseconds since 1970; 0 means no time.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from skylogin.encoding import json_text
from skylogin.encoding.go_format import INT64_MAX, is_int64
from skylogin.errors import UNEXPECTED_ERROR, Reason, SkygearError
from skylogin.ids import IdMaker
from skylogin.tokens.access_token import AccessToken, not_accepted

_SHAPE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**9
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


class StoredToken(NamedTuple):
    """An access token as it is stored."""

    token: str
    expires_at: int
    issued_at: int
    app: str
    user_id: str

    def members(self) -> dict[str, str | int]:
        """Return the token under the original's names.

        The original neither writes nor reads `issuedAt` in files.
        """
        return {
            "accessToken": self.token,
            "expiredAt": self.expires_at,
            "appName": self.app,
            "authInfoID": self.user_id,
            "issuedAt": self.issued_at,
        }

    def has_expired(self, now: datetime) -> bool:
        """Return whether the token has expired; at the time of its expiry it is still valid."""
        return self.expires_at != 0 and self.expires_at < nanoseconds(now)


class Backend(Protocol):
    """Where the tokens of an app are stored. All methods raise SkygearError if it fails."""

    async def save(self, stored: StoredToken, now: datetime) -> None:
        """Store a token, and return once it is safe."""

    async def load(self, token: str, now: datetime) -> StoredToken | None:
        """Return what is stored under *token*, if it is not damaged."""

    async def remove(self, token: str) -> None:
        """Remove *token* for good, if it is stored."""


class StoredTokens:
    """The access tokens of one app. With an expiry of 0 seconds they never expire."""

    def __init__(self, backend: Backend, app: str, expiry_seconds: int, ids: IdMaker) -> None:
        self._backend = backend
        self._app = app
        self._expiry_seconds = expiry_seconds
        self._ids = ids

    async def issue(
        self, user_id: str, now: datetime, issuer: str, valid_since: datetime | None = None
    ) -> str:
        """Store and return a new token. It belongs to this app, whatever *issuer* is.

        If the clock was set back, it counts as issued at *valid_since*.
        """
        token, seconds = self._ids.random_id(), self._expiry_seconds
        expires_at = nanoseconds(now) + seconds * _NANOSECONDS if seconds > 0 else 0
        issued_at = nanoseconds(max(now, valid_since or now))
        stored = StoredToken(token, min(expires_at, INT64_MAX), issued_at, self._app, user_id)
        await self._backend.save(stored, now)
        return token

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says. Raises SkygearError (AccessTokenNotAccepted)."""
        if not is_token(token):
            raise not_accepted("the access token is not a UUID")
        stored = await self._backend.load(token, now)
        if stored is None or stored.token != token:
            raise not_accepted("the access token does not exist, or it was revoked")
        if stored.app != self._app:
            raise not_accepted("the access token belongs to another app")
        if stored.has_expired(now):
            raise not_accepted("the access token has expired")
        return AccessToken(stored.user_id, stored.app, _moment(stored.issued_at))

    async def forget(self, token: str) -> None:
        """Revoke *token*."""
        if is_token(token):
            await self._backend.remove(token)


def is_token(text: str) -> bool:
    """Return whether *text* has the form of a stored token: a UUID."""
    return _SHAPE.fullmatch(text) is not None


def from_json(data: bytes) -> StoredToken | None:
    """Return the token in a file, None if it is damaged or incomplete."""
    try:
        value = json_text.read_whole(json_text.decode(data))
    except json_text.NotJsonError:
        return None
    return _read(value) if isinstance(value, dict) else None


def from_texts(values: dict[str, str]) -> StoredToken | None:
    """Return the token in a hash of texts, None if it is damaged."""
    read: dict[str, object] = dict(values)
    for name in ("expiredAt", "issuedAt"):
        text = values.get(name, "0")
        read[name] = int(text) if _INTEGER.fullmatch(text) else None
    return _read(read)


def _read(values: dict[str, object]) -> StoredToken | None:
    token, app, user_id = (values.get(name) for name in ("accessToken", "appName", "authInfoID"))
    expires_at, issued_at = values.get("expiredAt"), values.get("issuedAt", 0)
    if not (isinstance(token, str) and isinstance(app, str) and isinstance(user_id, str)):
        return None
    if not (is_int64(expires_at) and is_int64(issued_at)):
        return None
    return StoredToken(token, expires_at, issued_at, app, user_id)


def nanoseconds(moment: datetime) -> int:
    """Return *moment* in nanoseconds since 1970."""
    # Not with floats, which cannot hold that many digits.
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(nanoseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None


def store_fails(status: int, explanation: str) -> SkygearError:
    """Return the error of a token store that does not work.

    The original answers 401 if it cannot check a token. The message is not that of the
    store, which may have a password or the token.
    """
    return SkygearError(
        UNEXPECTED_ERROR,
        "the access token store does not work",
        status=status,
        reason=Reason.TOKEN_STORE_UNAVAILABLE,
        explanation=explanation,
    )
