"""The journal of attempts: an outcome in words. Pure.

Never a signature or a secret, and nothing longer than it needs to be: what a
client sends is cut before it is kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from skylogin.custom_token import Description
from skylogin.errors import Reason, SkygearError
from skylogin.json_text import JsonValue
from skylogin.login import Attempt, Login
from skylogin.user import Claims

TEXT_MAX = 500
NAMES_MAX = 40
NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt came from: the address and the id of its call."""

    address: str
    request_id: str


class Details(TypedDict):
    """What the journal keeps of an attempt besides what it is searched by."""

    action: str
    explanation: str
    status: int
    algorithm: str
    key_id: str
    secret_id: str
    claim_names: list[str]
    claims: dict[str, JsonValue]
    only_contract: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt to log in. Texts are empty where nothing is known."""

    id: str
    at: datetime
    accepted: bool
    reason: str
    subject: str
    user_id: str
    details: Details


@dataclass(frozen=True, slots=True)
class Filter:
    """Which attempts are meant; what is empty or None says nothing."""

    accepted: bool | None = None
    reason: str = ""
    subject: str = ""
    user_id: str = ""
    secret_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    # Ids are in the order in which attempts came, whatever their clock showed.
    first_id: str = ""


# Of a login without a token.
_NO_CLAIMS = Claims(
    subject="", profile={}, issued_at=0, expires_at=0, algorithm="", key_id="", secret_id=""
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt was refused, and what its token says of itself, unverified."""

    error: SkygearError
    token: Description


def accepted(
    identifier: str, action: str, origin: Origin, attempt: Attempt, outcome: Login
) -> Entry:
    """Return the entry of a login that was accepted."""
    claims = attempt.claims or _NO_CLAIMS
    reason = Reason.CREATED if outcome.created else Reason.UPDATED
    explanation = "first login: the user was made" if outcome.created else "the profile was updated"
    if claims.only_contract:
        explanation += f"; only SKYLOGIN_CONTRACT={claims.only_contract} accepts this token"
    return Entry(
        id=identifier,
        at=attempt.now,
        accepted=True,
        reason=reason,
        subject=attempt.subject[:TEXT_MAX],
        user_id=outcome.user.id,
        details={
            "action": action,
            "explanation": explanation,
            "status": 200,
            "algorithm": claims.algorithm,
            "key_id": _cut(claims.key_id),
            "secret_id": claims.secret_id,
            "claim_names": _cut_names(claims.names),
            "claims": {"iat": claims.issued_at, "exp": claims.expires_at} if claims.names else {},
            "only_contract": claims.only_contract,
            "address": _cut(origin.address),
            "request_id": origin.request_id,
        },
    )


def refused(identifier: str, at: datetime, action: str, origin: Origin, refusal: Refusal) -> Entry:
    """Return the entry of an attempt that was refused."""
    error, token = refusal.error, refusal.token
    return Entry(
        id=identifier,
        at=at,
        accepted=False,
        reason=error.reason or Reason.CRASHED,
        subject=_cut(token.subject),
        user_id="",
        details={
            "action": action,
            "explanation": _cut(error.explanation),
            "status": error.status,
            "algorithm": _cut(token.algorithm),
            "key_id": _cut(token.key_id),
            "secret_id": "",
            "claim_names": _cut_names(token.names),
            "claims": {
                name: _cut(value) if isinstance(value, str) else value
                for name, value in token.claims.items()
            },
            "only_contract": "",
            "address": _cut(origin.address),
            "request_id": origin.request_id,
        },
    )


def _cut(text: str) -> str:
    """Return *text* as it may be stored: not too long, and without U+0000."""
    return text[:TEXT_MAX].replace("\0", "\ufffd")


def _cut_names(names: tuple[str, ...]) -> list[str]:
    return [_cut(name[:NAME_MAX]) for name in names[:NAMES_MAX]]
