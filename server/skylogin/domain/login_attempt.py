"""The journal of attempts: an outcome in words. Pure.

Never a signature or a secret, and nothing longer than it needs to be: what a
client sends is cut before it is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from skylogin.domain import claims
from skylogin.domain.claims import PROFILE_CLAIM, Claims, Description
from skylogin.domain.login import Login, LoginAttempt
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import Reason, SkygearError

TEXT_MAX = 500
NAMES_MAX = 40
NAME_MAX = 64
HEADER_MEMBERS_MAX = 12
HEADER_TEXT_MAX = 200
PROFILE_BYTES_MAX = 4096
PROFILE_NESTING_MAX = 32


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an attempt came from: the address and the id of its call.

    *keeps_profile*: whether whoever runs the server wants its profile in the journal.
    """

    address: str
    request_id: str
    keeps_profile: bool = False


class Details(TypedDict):
    """What the journal keeps of an attempt besides what it is searched by."""

    action: str
    explanation: str
    status: int
    algorithm: str
    key_id: str
    # Members of the header; None where the value is neither text nor number.
    header: dict[str, JsonValue]
    secret_id: str
    claim_names: list[str]
    # Registered claims with plain values, and the profile, unless it was left out.
    claims: dict[str, JsonValue]
    profile_left_out: str
    only_contract: str
    address: str
    request_id: str


@dataclass(frozen=True, slots=True)
class LogEntry:
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
    """Why an attempt was refused, and what its token says of itself.

    *secret_id* is the secret that signed the token; where it is empty, nothing is verified.
    """

    error: SkygearError
    token: Description
    secret_id: str = ""


def accepted(
    identifier: str, action: str, origin: Origin, attempt: LoginAttempt, outcome: Login
) -> LogEntry:
    """Return the entry of a login that was accepted."""
    claims = attempt.claims or _NO_CLAIMS
    reason = Reason.CREATED if outcome.created else Reason.UPDATED
    explanation = "first login: the user was made" if outcome.created else "the profile was updated"
    kept, left_out = _claims(claims.said, origin)
    if claims.only_contract:
        explanation += f"; only SKYLOGIN_CONTRACT={claims.only_contract} accepts this token"
    return LogEntry(
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
            "header": _header(claims.header),
            "secret_id": claims.secret_id,
            "claim_names": _cut_names(claims.names),
            "claims": kept,
            "profile_left_out": left_out,
            "only_contract": claims.only_contract,
            "address": _cut(origin.address),
            "request_id": origin.request_id,
        },
    )


def refused(
    identifier: str, at: datetime, action: str, origin: Origin, refusal: Refusal
) -> LogEntry:
    """Return the entry of an attempt that was refused."""
    error, token = refusal.error, refusal.token
    kept, left_out = _claims(token.claims, origin)
    return LogEntry(
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
            "header": _header(token.header),
            "secret_id": refusal.secret_id,
            "claim_names": _cut_names(token.names),
            "claims": kept,
            "profile_left_out": left_out,
            "only_contract": "",
            "address": _cut(origin.address),
            "request_id": origin.request_id,
        },
    )


def read_details(stored: Details) -> Details:
    """Return details as they were stored, with what older versions did not keep."""
    details: Details = {**_NOT_KEPT, **stored}
    if "header" not in stored:
        # They kept the two members that a login looks at.
        members = {"alg": details["algorithm"], "kid": details["key_id"]}
        details["header"] = {name: value for name, value in members.items() if value}
    return details


_NOT_KEPT: Details = {
    "action": "",
    "explanation": "",
    "status": 0,
    "algorithm": "",
    "key_id": "",
    "header": {},
    "secret_id": "",
    "claim_names": [],
    "claims": {},
    "profile_left_out": "",
    "only_contract": "",
    "address": "",
    "request_id": "",
}


def _header(header: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return the members of a header as far as they may be stored."""
    kept: dict[str, JsonValue] = {}
    for name, value in header.items():
        if len(kept) == HEADER_MEMBERS_MAX:
            break
        key = _cut(name[:NAME_MAX])
        if isinstance(value, str):
            kept[key] = _cut(value[:HEADER_TEXT_MAX])
        else:
            # A key or a certificate in a header is not plain, and nobody needs it here.
            kept[key] = value if claims.is_plain(value) else None
    return kept


def _claims(said: Mapping[str, Any], origin: Origin) -> tuple[dict[str, JsonValue], str]:
    """Return claims as they may be stored, and why the profile is not among them."""
    kept: dict[str, JsonValue] = {
        name: _cut(value) if isinstance(value, str) else value
        for name, value in said.items()
        if name != PROFILE_CLAIM
    }
    if PROFILE_CLAIM not in said:
        return kept, ""
    if not origin.keeps_profile:
        return kept, "SKYLOGIN_LOGIN_LOG_PROFILES is off"
    profile = said[PROFILE_CLAIM]
    text = json_text.write_stored(profile)
    size = len(text.encode())
    if size > PROFILE_BYTES_MAX:
        return kept, f"it has {size:,} bytes, more than {PROFILE_BYTES_MAX:,}"
    if json_text.too_deep(text, PROFILE_NESTING_MAX):
        return kept, f"it is nested deeper than {PROFILE_NESTING_MAX} levels"
    kept[PROFILE_CLAIM] = _without_nul(profile) if "\\u0000" in text else profile
    return kept, ""


def _without_nul(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {name.replace("\0", "\ufffd"): _without_nul(item) for name, item in value.items()}
    return value


def _cut(text: str) -> str:
    """Return *text* as it may be stored: not too long, and without U+0000."""
    return text[:TEXT_MAX].replace("\0", "\ufffd")


def _cut_names(names: tuple[str, ...]) -> list[str]:
    return [_cut(name[:NAME_MAX]) for name in names[:NAMES_MAX]]
