"""Verifying custom tokens. Pure.

The signature is checked first, then the claims by the original's rules, then by those
of its documentation and of the settings (docs/wire.md, "Two contracts").
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from skylogin.domain import profile
from skylogin.domain import subject as subjects
from skylogin.domain.claims import PROFILE_CLAIM, Claims, Description, is_plain
from skylogin.encoding import json_text
from skylogin.errors import Reason, not_decodable
from skylogin.tokens import jws

DOCUMENTED, ORIGINAL = "documented", "original"


class Secret(NamedTuple):
    """A secret that signs custom tokens. *id* may be the `kid` of a token."""

    id: str
    key: bytes


class Rules(NamedTuple):
    """The rules for tokens besides the signature. Times are in seconds; 0 means no limit."""

    contract: str = DOCUMENTED
    algorithms: frozenset[str] = frozenset(jws.ALGORITHMS)
    leeway_seconds: int = 0
    lifetime_max_seconds: int = 0
    audience: str = ""
    issuer: str = ""


class Signed(NamedTuple):
    """A token that one of the secrets signed. Its claims are not checked yet."""

    token: jws.SignedToken
    secret_id: str


def verify(token: str, secrets: Sequence[Secret], now: datetime, rules: Rules) -> Claims:
    """Return the claims of *token*, verified with any of *secrets* at *now*.

    Raises SkygearError with the original's answer: 401 if a required claim is missing,
    and 400 for any other error of the token, expiry included.
    """
    return read_claims(verify_signature(token, secrets, rules), now, rules)


def verify_signature(token: str, secrets: Sequence[Secret], rules: Rules) -> Signed:
    """Return *token* with the secret that signed it. Raises SkygearError as `verify` does."""
    try:
        parts = jws.split(token)
        jws.check_algorithm(parts, rules.algorithms)
        return Signed(parts, _secret_of(parts, secrets).id)
    except jws.TokenError as error:
        raise not_decodable(error.reason, error.explanation) from error


def read_claims(signed: Signed, now: datetime, rules: Rules) -> Claims:
    """Return the claims of a signed token at *now*. Raises SkygearError as `verify` does."""
    seconds = int(now.timestamp())
    documented = rules.contract == DOCUMENTED
    parts = signed.token
    try:
        claims = jws.read_claims(parts.claims_bytes)
        jws.check_times(claims, seconds, leeway=rules.leeway_seconds, expiry_excluded=documented)
        _check_settings(claims, rules)
    except jws.TokenError as error:
        raise not_decodable(error.reason, error.explanation) from error
    said = {**claims.strings, **claims.times}
    raw_profile = claims.objects.get(PROFILE_CLAIM)
    if raw_profile is not None:
        said[PROFILE_CLAIM] = raw_profile
    values = profile.read(raw_profile or {})
    subject = claims.strings.get("sub", "")
    subjects.check_present(subject)
    _check_times_present(claims)
    subjects.check(subject, documented=documented)
    last_second = claims.time("exp") + rules.leeway_seconds == seconds
    undocumented = last_second or len(subject) > subjects.CHARACTERS_MAX
    return Claims(
        subject=subject,
        profile=values,
        issued_at=claims.time("iat"),
        expires_at=claims.time("exp"),
        algorithm=parts.algorithm,
        key_id=parts.key_id,
        secret_id=signed.secret_id,
        names=tuple(claims.names),
        only_contract=ORIGINAL if undocumented and not documented else "",
        header=parts.header,
        said=said,
    )


def _secret_of(token: jws.SignedToken, secrets: Sequence[Secret]) -> Secret:
    """Return the secret that signed *token*, starting with the one that its `kid` names."""
    candidates = secrets
    if len(secrets) > 1:
        candidates = sorted(secrets, key=lambda secret: secret.id != token.key_id)
    for secret in candidates:
        if jws.has_signature_of(token, secret.key):
            return secret
    which = "the secret" if len(secrets) == 1 else f"any of the {len(secrets)} accepted secrets"
    sentence = f"the signature was not made with {which}"
    raise jws.TokenError(Reason.SIGNATURE_WRONG, sentence)


def _check_settings(claims: jws.ClaimSet, rules: Rules) -> None:
    """Raise TokenError if the claims break a rule of the settings."""
    issued, expiry = claims.time("iat"), claims.time("exp")
    lifetime = expiry - issued if issued and expiry else 0
    if 0 < rules.lifetime_max_seconds < lifetime:
        sentence = (
            f"valid for {lifetime} s, more than SKYLOGIN_TOKEN_LIFETIME_MAX_SECONDS="
            f"{rules.lifetime_max_seconds}"
        )
        raise jws.TokenError(Reason.LIFETIME_TOO_LONG, sentence)
    if rules.audience and claims.strings.get("aud") != rules.audience:
        sentence = f"the claim aud is not SKYLOGIN_AUDIENCE={rules.audience}"
        raise jws.TokenError(Reason.AUDIENCE_WRONG, sentence)
    if rules.issuer and claims.strings.get("iss") != rules.issuer:
        sentence = f"the claim iss is not SKYLOGIN_ISSUER={rules.issuer}"
        raise jws.TokenError(Reason.ISSUER_WRONG, sentence)


def _check_times_present(claims: jws.ClaimSet) -> None:
    if not claims.time("exp"):
        raise subjects.invalid_token("expires at (exp) not specified", Reason.EXPIRY_MISSING)
    if not claims.time("iat"):
        raise subjects.invalid_token("issued at (iat) not specified", Reason.ISSUE_TIME_MISSING)


def describe(token: object) -> Description:
    """Return what *token*, which may be any value, says about itself, unverified."""
    if not isinstance(token, str):
        return Description()
    try:
        # Of a long token only the header: the claims of a stranger are not worth the time.
        header, dot, _ = token.partition(".")
        parts = jws.split(token if len(token) <= DESCRIBED_LENGTH_MAX else f"{header}{dot}.")
    except jws.TokenError:
        return Description()
    names, kept = _legible(parts.claims_bytes)
    try:
        subject = jws.read_claims(parts.claims_bytes).strings.get("sub", "")
    except jws.TokenError:
        subject = ""
    return Description(parts.algorithm, parts.key_id, subject, names, kept, parts.header)


DESCRIBED_LENGTH_MAX = 65_536
KEPT_CLAIMS = frozenset(("iss", "sub", "aud", "exp", "nbf", "iat", "jti"))


def _legible(data: bytes) -> tuple[tuple[str, ...], dict[str, object]]:
    """Return the names of all claims, and the claims that the login log keeps."""
    try:
        members = json_text.read_first_members(json_text.decode(data))
    except json_text.NotJsonError:
        return (), {}
    if not isinstance(members, tuple):
        return (), {}
    kept: dict[str, object] = {}
    for name, value in members:
        if name in KEPT_CLAIMS and is_plain(value):
            kept[name] = value
        elif name == PROFILE_CLAIM:
            with suppress(jws.TokenError):
                kept[name] = jws.plain(value)
    return tuple(name for name, _ in members), kept
