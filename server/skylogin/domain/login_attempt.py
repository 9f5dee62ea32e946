"""The entries of the login log: what is kept of a login attempt. Pure.

An entry never holds a signature or a secret. What a client sends is cut to a
limited length.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypedDict

from skylogin.domain import claims, redaction
from skylogin.domain.claims import PROFILE_CLAIM, Description
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

_ACCEPTED = frozenset((Reason.CREATED, Reason.UPDATED))
# The outcome of an attempt, by its reason.
OUTCOMES = {one.value: "accepted" if one in _ACCEPTED else "refused" for one in Reason}


class Origin(NamedTuple):
    """The address and the request id of a login attempt.

    With *keeps_profile*, the login log keeps the profile of the token.
    """

    address: str
    request_id: str
    keeps_profile: bool = False


class Details(TypedDict):
    """What the login log keeps of a login attempt, apart from what it is searched by."""

    action: str
    explanation: str
    status: int
    algorithm: str
    key_id: str
    # Members of the header; None stands for a value that is neither text nor a number.
    header: dict[str, JsonValue]
    secret_id: str
    claim_names: list[str]
    # Registered claims with plain values, and the profile unless it was left out.
    claims: dict[str, JsonValue]
    profile_left_out: str
    only_contract: str
    address: str
    request_id: str


class LogEntry(NamedTuple):
    """A login attempt. Texts that are not known are empty."""

    id: str
    at: datetime
    accepted: bool
    reason: str
    subject: str
    user_id: str
    details: Details


class Filter(NamedTuple):
    """Which login attempts to list; an empty or None member does not filter."""

    accepted: bool | None = None
    reason: str = ""
    subject: str = ""
    user_id: str = ""
    secret_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    # Ids are in the order of arrival, whatever time the clock showed.
    first_id: str = ""


class Refusal(NamedTuple):
    """Why a login attempt was refused, and what its token says.

    *secret_id* is the secret that signed the token; if it is empty, nothing was verified. The
    client may have written *secrets* anywhere.
    """

    error: SkygearError
    token: Description
    secret_id: str = ""
    secrets: Collection[str] = ()


def accepted(
    identifier: str, action: str, origin: Origin, attempt: LoginAttempt, outcome: Login
) -> LogEntry:
    """Return the entry of an accepted login."""
    claims = attempt.claims
    explanation = "first login: created the user" if outcome.created else "updated the profile"
    only_contract = claims.only_contract if claims else ""
    if only_contract:
        explanation += f"; only SKYLOGIN_CONTRACT={only_contract} accepts this token"
    return LogEntry(
        id=identifier,
        at=attempt.now,
        accepted=True,
        reason=Reason.CREATED if outcome.created else Reason.UPDATED,
        subject=_cut(attempt.subject),
        user_id=outcome.user.id,
        details=_details(
            action,
            origin,
            claims.description() if claims else Description(),
            explanation=explanation,
            status=200,
            secret_id=claims.secret_id if claims else "",
            only_contract=only_contract,
        ),
    )


def refused(
    identifier: str, at: datetime, action: str, origin: Origin, refusal: Refusal
) -> LogEntry:
    """Return the entry of a refused login attempt."""
    error, token = refusal.error, claims.without(refusal.token, refusal.secrets)
    return LogEntry(
        id=identifier,
        at=at,
        accepted=False,
        reason=error.reason or Reason.CRASHED,
        subject=_cut(token.subject),
        user_id="",
        details=_details(
            action,
            origin,
            token,
            explanation=redaction.text(error.explanation, refusal.secrets),
            status=error.status,
            secret_id=refusal.secret_id,
        ),
    )


def _details(  # noqa: PLR0913
    action: str,
    origin: Origin,
    token: Description,
    *,
    explanation: str,
    status: int,
    secret_id: str,
    only_contract: str = "",
) -> Details:
    kept, left_out = _claims(token.claims, origin)
    return {
        "action": action,
        "explanation": _cut(explanation),
        "status": status,
        "algorithm": _cut(token.algorithm),
        "key_id": _cut(token.key_id),
        "header": _header(token.header),
        "secret_id": secret_id,
        "claim_names": _cut_names(token.names),
        "claims": kept,
        "profile_left_out": left_out,
        "only_contract": only_contract,
        "address": _cut(origin.address),
        "request_id": origin.request_id,
    }


def _header(header: Mapping[str, object]) -> dict[str, JsonValue]:
    """Return the members of a header to store."""
    kept: dict[str, JsonValue] = {}
    for name, value in header.items():
        if len(kept) == HEADER_MEMBERS_MAX:
            break
        key = _cut(name[:NAME_MAX])
        if isinstance(value, str):
            kept[key] = _cut(value[:HEADER_TEXT_MAX])
        else:
            # Keys and certificates are not plain values, and are not needed in the log.
            kept[key] = value if claims.is_plain(value) else None
    return kept


def _claims(said: Mapping[str, Any], origin: Origin) -> tuple[dict[str, JsonValue], str]:
    """Return the claims to store, and why the profile is not among them."""
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
    """Return *text* cut to a storable length, without U+0000."""
    return text[:TEXT_MAX].replace("\0", "\ufffd")


def _cut_names(names: tuple[str, ...]) -> list[str]:
    return [_cut(name[:NAME_MAX]) for name in names[:NAMES_MAX]]


_EMPTY = _details("", Origin("", ""), Description(), explanation="", status=0, secret_id="")


def read_details(stored: Details) -> Details:
    """Return stored details, completed with what older versions did not keep."""
    details: Details = {**_EMPTY, **stored}
    if "header" not in stored:
        # Older versions kept only the two members that a login reads.
        members = {"alg": details["algorithm"], "kid": details["key_id"]}
        details["header"] = {name: value for name, value in members.items() if value}
    return details
