"""Tokens, users and login attempts for tests, which name only what matters to them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from skylogin.domain.claims import Claims
from skylogin.domain.fields import FIRST_USER_FIELDS
from skylogin.domain.login import LoginAttempt, LoginSnapshot
from skylogin.domain.user import FieldValue, Record, User
from skylogin.tokens.custom_token import Secret

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
HOUR = 3600
SECRET = "a secret that only tests know, and long enough"
SECRETS = (Secret("first", SECRET.encode()),)
HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}


def encoded(data: bytes) -> str:
    """Return *data* encoded as a segment of a token."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(segment: str) -> bytes:
    """Return the bytes of a segment of a token."""
    return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def signature(signing_input: str, secret: str = SECRET, algorithm: str = "HS256") -> str:
    """Return the third segment, computed without the server's own code."""
    return encoded(hmac.new(secret.encode(), signing_input.encode(), HASHES[algorithm]).digest())


def make_token(
    text: str = "", *, secret: str = SECRET, header: Mapping[str, Any] | str = "", **claims: Any
) -> str:
    """Return a valid token with changed *claims* (None removes one), or with their *text*."""
    times = {"sub": "alice", "iat": SECONDS, "exp": SECONDS + HOUR}
    wanted = {name: value for name, value in {**times, **claims}.items() if value is not None}
    head = header or {"alg": "HS256", "typ": "JWT"}
    asked = head.get("alg") if isinstance(head, Mapping) else None
    algorithm = asked if isinstance(asked, str) and asked in HASHES else "HS256"
    head_text = head if isinstance(head, str) else json.dumps(head)
    signing_input = (
        f"{encoded(head_text.encode())}.{encoded((text or json.dumps(wanted)).encode())}"
    )
    return f"{signing_input}.{signature(signing_input, secret, algorithm)}"


def make_user(user_id: str, *, record: bool = True, **changes: Any) -> User:
    """Return a user whose record has the fields *data*."""
    data = changes.pop("data", {})
    seen = changes.pop("last_seen_at", NOW)
    made = make_record(user_id, data) if record else None
    return User(user_id, made, last_seen_at=seen, **changes)


def make_record(user_id: str, data: Mapping[str, Any]) -> Record:
    """Return the record of a user, created long ago."""
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return Record(
        id=user_id,
        owner_id=user_id,
        access=None,
        created_at=long_ago,
        created_by=user_id,
        updated_at=long_ago,
        updated_by=user_id,
        data=data,
    )


def make_claims(subject: str, **profile: Any) -> Claims:
    """Return verified claims with a *profile* of texts, numbers and nulls."""
    return Claims(
        subject=subject,
        profile={name: as_field_value(value) for name, value in profile.items()},
        issued_at=SECONDS,
        expires_at=SECONDS + HOUR,
        algorithm="HS256",
        key_id="",
        secret_id="first",
    )


def as_field_value(value: Any) -> FieldValue | None:
    """Return a plain value as a value of a profile."""
    if value is None or isinstance(value, FieldValue):
        return value
    return FieldValue("string" if isinstance(value, str) else "number", value)


def make_attempt(
    subject: str, *, at: datetime = NOW, may_extend: bool = True, **profile: Any
) -> LoginAttempt:
    """Return a login attempt; a user created for it has the id `new-<subject>`."""
    claims = make_claims(subject, **profile)
    new_user = User(f"new-{subject}")
    return LoginAttempt(subject, claims.profile, at, new_user, may_extend, claims=claims)


def make_snapshot(**changes: Any) -> LoginSnapshot:
    """Return the snapshot of an app without users, with *changes*."""
    nothing: dict[str, Any] = {
        "accounts": {},
        "fields": dict(FIRST_USER_FIELDS),
        "key_owners": {},
        "key_sets": (("username",), ("email",)),
    }
    return LoginSnapshot(**{**nothing, **changes})
