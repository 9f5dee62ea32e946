"""Explaining a token: what it says, whether it logs in, and which claim is wrong. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from skylogin.encoding import json_text
from skylogin.errors import Reason, SkygearError
from skylogin.tokens import custom_token, jws
from skylogin.tokens.custom_token import DOCUMENTED, ORIGINAL, Rules, Secret

Members = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a token is accepted, and why. *notes* are readable times, by claim."""

    accepted: bool
    reason: str
    explanation: str
    status: int
    error: str
    secret_id: str
    header: Members
    claims: Members
    notes: dict[str, str] = field(default_factory=dict)
    contract_note: str = ""

    @property
    def claim_at_fault(self) -> str:
        """Return the claim or the part of the token that is wrong, empty if none is."""
        return claim_at_fault(self.reason)

    def as_dict(self) -> dict[str, object]:
        """Return the verdict as JSON for a program."""
        return {
            "accepted": self.accepted,
            "reason": self.reason,
            "explanation": self.explanation,
            "status": self.status,
            "error": self.error or None,
            "secret": self.secret_id or None,
            "claim_at_fault": self.claim_at_fault or None,
            "contract_note": self.contract_note or None,
            "header": dict(self.header),
            "claims": dict(self.claims),
            "times": self.notes,
        }


# Only a login can have the last five, because they need the database.
_AT_FAULT: dict[str, str] = {
    Reason.ALGORITHM_NOT_ACCEPTED: "alg",
    Reason.SIGNATURE_WRONG: "signature",
    Reason.EXPIRED: "exp",
    Reason.EXPIRY_MISSING: "exp",
    Reason.LIFETIME_TOO_LONG: "exp",
    Reason.ISSUED_IN_FUTURE: "iat",
    Reason.ISSUE_TIME_MISSING: "iat",
    Reason.NOT_YET_VALID: "nbf",
    Reason.AUDIENCE_WRONG: "aud",
    Reason.ISSUER_WRONG: "iss",
    Reason.SUBJECT_MISSING: "sub",
    Reason.SUBJECT_TOO_LONG: "sub",
    Reason.PROFILE_VALUE_INVALID: "skyprofile",
    Reason.FIELD_NAME_INVALID: "skyprofile",
    Reason.FIELD_TYPE_CONFLICT: "skyprofile",
    Reason.FIELD_NOT_ADDED: "skyprofile",
    Reason.FIELD_REFUSED: "skyprofile",
    Reason.REFERENCE_MISSING: "skyprofile",
    Reason.KEY_TAKEN: "skyprofile",
}


def claim_at_fault(reason: str) -> str:
    """Return the claim or the part of the token that *reason* is about, empty for none."""
    return _AT_FAULT.get(reason, "")


def explain(token: str, secrets: Sequence[Secret], now: datetime, rules: Rules) -> Verdict:
    """Return whether *token* is accepted at *now*, without the database."""
    header, claims = _decoded(token)
    notes = {
        name: jws.moment_text(value)
        for name, value in claims
        if name in jws.TIME_CLAIMS and type(value) is int
    }
    verdict = partial(Verdict, header=header, claims=claims, notes=notes)
    secret_id = ""
    try:
        signed = custom_token.verify_signature(token, secrets, rules)
        secret_id = signed.secret_id
        verified = custom_token.read_claims(signed, now, rules)
    except SkygearError as error:
        return verdict(
            accepted=False,
            reason=error.reason or Reason.CRASHED,
            explanation=error.explanation,
            status=error.status,
            error=f"{error.kind.name} {error.kind.code}: {error.message}",
            secret_id=secret_id,
            contract_note=_other_contract(token, secrets, now, rules),
        )
    note = f"only SKYLOGIN_CONTRACT={ORIGINAL} accepts it" if verified.only_contract else ""
    return verdict(
        accepted=True,
        reason="accepted",
        explanation=f"signed with the secret {secret_id}, for {verified.subject}",
        status=200,
        error="",
        secret_id=secret_id,
        contract_note=note,
    )


def _other_contract(token: str, secrets: Sequence[Secret], now: datetime, rules: Rules) -> str:
    if rules.contract != DOCUMENTED:
        return ""
    try:
        custom_token.verify(token, secrets, now, rules._replace(contract=ORIGINAL))
    except SkygearError:
        return ""
    return f"SKYLOGIN_CONTRACT={ORIGINAL} would accept it"


def _decoded(token: str) -> tuple[Members, Members]:
    """Return the members of header and claims, empty if they cannot be read."""
    try:
        parts = jws.split(token)
        members = json_text.read_first_members(json_text.decode(parts.claims_bytes))
        if not isinstance(members, tuple):
            members = ()
        claims = tuple((name, jws.plain(value)) for name, value in members)
    except (jws.TokenError, json_text.NotJsonError):
        return (), ()
    return tuple(parts.header.items()), claims
