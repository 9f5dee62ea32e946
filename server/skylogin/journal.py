"""The journal of attempts: an outcome in words. Pure.

Never a signature or a secret, and nothing longer than it needs to be: what a
client sends is cut before it is kept.
"""

from dataclasses import dataclass
from datetime import datetime

from skylogin.custom_token import Description
from skylogin.errors import Reason, SkygearError
from skylogin.login import Attempt, Login

TEXT_MAX = 500
NAMES_MAX = 40
NAME_MAX = 64


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt came from: the address and the id of its call."""

    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One attempt to log in. *at* is in UTC; texts are empty where nothing is known."""

    id: str
    at: datetime
    action: str
    accepted: bool
    reason: str
    explanation: str
    status: int
    subject: str = ""
    user_id: str = ""
    algorithm: str = ""
    key_id: str = ""
    secret_id: str = ""
    claim_names: tuple[str, ...] = ()
    only_contract: str = ""
    address: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt was refused, and what its token says of itself, unverified."""

    error: SkygearError
    token: Description


def entry_id(now: datetime, randomness: bytes) -> str:
    """Return a UUIDv7: ordered by *now* in milliseconds, told apart by 10 random bytes."""
    milliseconds = int(now.timestamp() * 1000) & 0xFFFF_FFFF_FFFF
    value = milliseconds << 80 | int.from_bytes(randomness, "big") & ((1 << 80) - 1)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def accepted(
    identifier: str, action: str, origin: Origin, attempt: Attempt, outcome: Login
) -> Entry:
    """Return the entry of a login that was accepted."""
    claims = attempt.claims
    reason = Reason.CREATED if outcome.created else Reason.UPDATED
    explanation = "first login: the user was made" if outcome.created else "the profile was updated"
    if claims.only_contract:
        explanation += f"; only SKYLOGIN_CONTRACT={claims.only_contract} accepts this token"
    return Entry(
        id=identifier,
        at=attempt.now,
        action=action,
        accepted=True,
        reason=reason,
        explanation=explanation,
        status=200,
        subject=claims.subject[:TEXT_MAX],
        user_id=outcome.user.id,
        algorithm=claims.algorithm,
        key_id=_cut(claims.key_id),
        secret_id=claims.secret_id,
        claim_names=_cut_names(claims.names),
        only_contract=claims.only_contract,
        address=origin.address,
        request_id=origin.request_id,
    )


def refused(
    identifier: str, at: datetime, action: str, origin: Origin, refusal: Refusal
) -> Entry:
    """Return the entry of an attempt that was refused."""
    error, token = refusal.error, refusal.token
    return Entry(
        id=identifier,
        at=at,
        action=action,
        accepted=False,
        reason=error.reason or Reason.CRASHED,
        explanation=_cut(error.explanation),
        status=error.status,
        subject=_cut(token.subject),
        algorithm=_cut(token.algorithm),
        key_id=_cut(token.key_id),
        claim_names=_cut_names(token.names),
        address=origin.address,
        request_id=origin.request_id,
    )


def _cut(text: str) -> str:
    """Return *text* as it may be stored: not too long, and without U+0000."""
    return text[:TEXT_MAX].replace("\0", "\ufffd")


def _cut_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_cut(name)[:NAME_MAX] for name in names[:NAMES_MAX])
