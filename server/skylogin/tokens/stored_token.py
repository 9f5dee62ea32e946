"""Access tokens as a store keeps them: writing and reading them. Pure.

The members are the original's, so that tokens it issued stay valid here. Times are
nanoseconds since 1970; 0 means no time.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from skylogin.encoding import json_text
from skylogin.encoding.go_format import INT64_MAX, is_int64
from skylogin.tokens.access_token import AccessToken, not_accepted

_SHAPE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**9
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """An access token as it is stored."""

    token: str
    expires_at: int
    issued_at: int
    app: str
    user_id: str


def is_token(text: str) -> bool:
    """Return whether *text* has the form of a stored token: a UUID."""
    return _SHAPE.fullmatch(text) is not None


def new(token: str, app: str, user_id: str, now: datetime, expiry_seconds: int) -> StoredToken:
    """Return *token* as it is to be stored; with an expiry of 0 seconds it never expires."""
    issued_at = nanoseconds(now)
    expires_at = issued_at + expiry_seconds * _NANOSECONDS if expiry_seconds > 0 else 0
    return StoredToken(token, min(expires_at, INT64_MAX), issued_at, app, user_id)


def members(stored: StoredToken) -> dict[str, str | int]:
    """Return *stored* under the original's names.

    The original neither writes nor reads `issuedAt` in files.
    """
    return {
        "accessToken": stored.token,
        "expiredAt": stored.expires_at,
        "appName": stored.app,
        "authInfoID": stored.user_id,
        "issuedAt": stored.issued_at,
    }


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


def has_expired(stored: StoredToken, now: datetime) -> bool:
    """Return whether the token has expired; at the time of its expiry it is still valid."""
    return stored.expires_at != 0 and stored.expires_at < nanoseconds(now)


def accept(stored: StoredToken | None, token: str, app: str, now: datetime) -> AccessToken:
    """Return what *token* says to *app*. Raises SkygearError (AccessTokenNotAccepted).

    The stored token must name the same token and the app.
    """
    if stored is None or stored.token != token:
        raise not_accepted("the access token does not exist, or it was ended")
    if stored.app != app:
        raise not_accepted("the access token belongs to another app")
    if has_expired(stored, now):
        raise not_accepted("the access token has expired")
    return AccessToken(
        user_id=stored.user_id, issuer=stored.app, issued_at=_moment(stored.issued_at)
    )


def nanoseconds(moment: datetime) -> int:
    """Return *moment* as it is stored."""
    # A float cannot hold that many digits.
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(nanoseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None
