"""Access tokens that a store keeps: what it keeps of one, and reading it again. Pure.

The members are the original's (custom-token-login, section 9), so that tokens it
issued stay good here. Times are nanoseconds since 1970; 0 means that there is none.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from skylogin.encoding import json_text
from skylogin.tokens.access_token import AccessToken, not_accepted

_SHAPE = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 10**9
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1
_INTEGER = re.compile(r"-?[0-9]{1,19}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StoredToken:
    """What is kept of an access token."""

    token: str
    expires_at: int
    issued_at: int
    app: str
    user_id: str


def is_token(text: str) -> bool:
    """Return whether *text* looks as stored tokens do: a UUID, and nothing else."""
    return _SHAPE.fullmatch(text) is not None


def new(token: str, app: str, user_id: str, now: datetime, expiry_seconds: int) -> StoredToken:
    """Return what is to be kept of *token*; with an expiry of 0 seconds it never ends."""
    issued_at = _nanoseconds(now)
    expires_at = issued_at + expiry_seconds * _NANOSECONDS if expiry_seconds > 0 else 0
    return StoredToken(token, min(expires_at, _INTEGER_MAX), issued_at, app, user_id)


def members(stored: StoredToken) -> dict[str, str | int]:
    """Return *stored* under the original's names.

    In files the original neither writes nor reads `issuedAt`: there it is ours.
    """
    return {
        "accessToken": stored.token,
        "expiredAt": stored.expires_at,
        "appName": stored.app,
        "authInfoID": stored.user_id,
        "issuedAt": stored.issued_at,
    }


def from_json(data: bytes) -> StoredToken | None:
    """Return what a file keeps, or None where it is broken, or was not written to its end."""
    try:
        value = json_text.read_whole(json_text.decode(data))
    except json_text.NotJsonError:
        return None
    return _read(value) if isinstance(value, dict) else None


def from_texts(values: dict[str, str]) -> StoredToken | None:
    """Return what a hash of texts keeps, or None where it is broken."""
    read: dict[str, object] = dict(values)
    for name in ("expiredAt", "issuedAt"):
        text = values.get(name, "0")
        read[name] = int(text) if _INTEGER.fullmatch(text) else None
    return _read(read)


def _read(values: dict[str, object]) -> StoredToken | None:
    token, app, user_id = (values.get(name) for name in ("accessToken", "appName", "authInfoID"))
    expires_at, issued_at = _time(values.get("expiredAt")), _time(values.get("issuedAt", 0))
    if not (isinstance(token, str) and isinstance(app, str) and isinstance(user_id, str)):
        return None
    if expires_at is None or issued_at is None:
        return None
    return StoredToken(token, expires_at, issued_at, app, user_id)


def _time(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if _INTEGER_MIN <= value <= _INTEGER_MAX else None


def has_expired(stored: StoredToken, now: datetime) -> bool:
    """Return whether the token's end has passed; at its end it is still good."""
    return stored.expires_at != 0 and stored.expires_at < _nanoseconds(now)


def accept(stored: StoredToken | None, token: str, app: str, now: datetime) -> AccessToken:
    """Return what *token* says to *app*. Raises SkygearError (AccessTokenNotAccepted).

    What was found has to name the very token that was asked for, and the app.
    """
    if stored is None or stored.token != token:
        raise not_accepted("there is no such access token, or it was ended")
    if stored.app != app:
        raise not_accepted("the access token is another app's")
    if has_expired(stored, now):
        raise not_accepted("the access token has expired")
    return AccessToken(
        user_id=stored.user_id, issuer=stored.app, issued_at=_moment(stored.issued_at)
    )


def _nanoseconds(moment: datetime) -> int:
    # A float could not hold so many digits.
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _moment(nanoseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000) if nanoseconds else None
