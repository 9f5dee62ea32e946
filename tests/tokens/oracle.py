"""The rules for custom tokens, stated a second time: what the original was seen to do.

Written from docs/wire.md and the recorded verdicts, and without the server's code, its JSON
or its JWT library: plain_json reads the claims, hmac makes the signatures.
"""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.tokens import oracle_profile, plain_json
from tests.tokens.plain_json import Number, Object

HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SIX_BITS = {letter: f"{index:06b}" for index, letter in enumerate(ALPHABET)}
LETTERS = frozenset(ALPHABET)
# Claims match in any case; in Unicode, the long s is an s and the Kelvin sign a k.
NAMES = ("sub", "aud", "iss", "jti", "iat", "exp", "nbf", "profile", "skyprofile")
LETTERS_ALIKE = {"s": "[sS\u017f]", "k": "[kK\u212a]"}
CLAIM = re.compile(
    "|".join(
        "(" + "".join(LETTERS_ALIKE.get(c, f"[{c}{c.upper()}]") for c in name) + ")"
        for name in NAMES
    )
)
TIMES = ("iat", "exp", "nbf")
PROFILES = ("profile", "skyprofile")
UNDECODABLE = "fails to decode the request payload"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the verdict depends on, besides the token and the time."""

    secrets: Sequence[bytes]
    documented: bool
    algorithms: Sequence[str] = ("HS256", "HS384", "HS512")
    leeway: int = 0
    lifetime_max: int = 0
    audience: str = ""
    issuer: str = ""


@dataclass(slots=True)
class Verdict:
    """Accepted, with what was read; or refused, with all messages that may say so.

    A message that ends with `…` goes on. The original takes the fields of a profile in any order.
    """

    status: int = 200
    code: int | None = None
    reasons: set[str] = field(default_factory=set)
    messages: set[str] = field(default_factory=set)
    subject: str = ""
    times: tuple[int, int] = (0, 0)
    fields: frozenset[str] = frozenset()


class RefusedError(Exception):
    """The token is refused."""

    def __init__(self, reason: str, message: str = UNDECODABLE, code: int = 107) -> None:
        super().__init__(reason)
        self.verdict = Verdict(401 if code == 105 else 400, code, {reason}, {message})  # noqa: PLR2004


def judge(token: str, now: int, settings: Settings) -> Verdict:
    """Return the verdict on *token* at *now*."""
    try:
        claims = read_claims(signed_bytes(token, settings))
        check_times(claims, now, settings)
        fields = claims.get("skyprofile") or {}
        problems = oracle_profile.problems_of(fields)
        if problems:
            reasons, messages = map(set, zip(*problems, strict=True))
            return Verdict(400, 108, reasons, messages)
        check_present(claims, settings)
    except RefusedError as refused:
        return refused.verdict
    times = (claims["iat"], claims["exp"])
    return Verdict(subject=claims["sub"], times=times, fields=frozenset(fields))


def signed_bytes(token: str, settings: Settings) -> bytes:
    """Return the claims of a token that has three parts and a right signature."""
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004
        raise RefusedError("token_malformed")
    if len(parts[0]) > 8192:  # noqa: PLR2004
        raise RefusedError("token_too_long")
    head = decoded(parts[0])
    try:
        header = plain_json.only(head)
    except plain_json.NotJsonError:
        raise RefusedError("header_malformed") from None
    if not isinstance(header, Object) or has_too_large(header):
        raise RefusedError("header_malformed")
    claims, given = decoded(parts[1]), decoded(parts[2])
    algorithm = dict(header).get("alg")
    if isinstance(algorithm, Number) or algorithm not in settings.algorithms:
        raise RefusedError("algorithm_not_accepted")
    signed = f"{parts[0]}.{parts[1]}".encode()
    if not any(hmac.digest(key, signed, HASHES[algorithm]) == given for key in settings.secrets):
        raise RefusedError("signature_wrong")
    return claims


def decoded(segment: str) -> bytes:
    """Return the bytes of a segment: missing padding is added, then line ends are dropped."""
    text = segment + "=" * (-len(segment) % 4)
    text = text.replace("\r", "").replace("\n", "")
    if len(text) % 4:
        raise RefusedError("token_malformed")
    letters = text[:-2] + text[-2:].rstrip("=")
    if not LETTERS.issuperset(letters):
        raise RefusedError("token_malformed")
    bits = "".join(map(SIX_BITS.__getitem__, letters))
    whole = len(bits) // 8
    return int(bits[: whole * 8] or "0", 2).to_bytes(whole, "big")


def has_too_large(value: Any) -> bool:
    """Return whether a number in *value* is too large for a double."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Object):
            waiting += [inner for _, inner in item]
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, Number) and item.too_large:
            return True
    return False


def read_claims(data: bytes) -> dict[str, Any]:
    """Return the known claims; profiles as dicts of the last of repeated members."""
    try:
        members, _ = plain_json.first(data)
    except plain_json.NotJsonError:
        raise RefusedError("claims_malformed") from None
    if members is None:
        members = Object()
    if not isinstance(members, Object):
        raise RefusedError("claims_malformed")
    claims: dict[str, Any] = {}
    for spelled, value in members:
        found = CLAIM.fullmatch(spelled)
        name = NAMES[(found.lastindex or 0) - 1] if found else ""
        if name in PROFILES:
            take_profile(claims, name, value)
        elif name and value is not None:
            read = value.whole if name in TIMES and isinstance(value, Number) else value
            if type(read) is not (int if name in TIMES else str):
                raise RefusedError("claim_of_wrong_type")
            claims[name] = read
    return claims


def take_profile(claims: dict[str, Any], name: str, value: Any) -> None:
    """Keep a profile: null starts again, and two objects are merged."""
    if value is None:
        claims.pop(name, None)
    elif isinstance(value, Object) and not has_too_large(value):
        claims.setdefault(name, {}).update(value)
    else:
        raise RefusedError("claim_of_wrong_type")


def check_times(claims: dict[str, Any], now: int, settings: Settings) -> None:
    """Check the times that are not 0, and the settings."""
    issued, expires, starts = (claims.get(name, 0) for name in TIMES)
    last = expires + settings.leeway - settings.documented
    if expires and now > last:
        raise RefusedError("expired")
    if issued > now + settings.leeway:
        raise RefusedError("issued_in_future")
    if starts > now + settings.leeway:
        raise RefusedError("not_yet_valid")
    if settings.lifetime_max and issued and expires and expires - issued > settings.lifetime_max:
        raise RefusedError("lifetime_too_long")
    if settings.audience and claims.get("aud") != settings.audience:
        raise RefusedError("audience_wrong")
    if settings.issuer and claims.get("iss") != settings.issuer:
        raise RefusedError("issuer_wrong")


def check_present(claims: dict[str, Any], settings: Settings) -> None:
    """Check that the claims are there that a login needs."""
    subject = claims.get("sub", "")
    for name, value, what, reason in (
        ("sub", subject, "subject", "subject_missing"),
        ("exp", claims.get("exp"), "expires at", "expiry_missing"),
        ("iat", claims.get("iat"), "issued at", "issue_time_missing"),
    ):
        if not value:
            raise RefusedError(reason, f"invalid token: {what} ({name}) not specified", 105)
    too_long = "invalid token: subject (sub) is longer than "
    if settings.documented and len(subject) > 36:  # noqa: PLR2004
        raise RefusedError("subject_too_long", f"{too_long}36 characters", 105)
    if len(subject.encode()) > 2500:  # noqa: PLR2004
        raise RefusedError("subject_too_long", f"{too_long}2500 bytes", 105)
    if "\0" in subject:
        raise RefusedError(*oracle_profile.NUL, 108)
