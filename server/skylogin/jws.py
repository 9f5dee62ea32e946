"""Signed tokens as the original's JWT library takes them apart. Pure.

The signature is PyJWT's over the bytes as they came; reading the segments and
the claims is ours, because jwt-go 3.1.0 and PyJWT disagree on a third of odd
tokens. `custom_token` and `access_token` say what the claims mean.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from skylogin import json_text
from skylogin.errors import Reason

ALGORITHMS = {
    "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
    "HS384": HMACAlgorithm(HMACAlgorithm.SHA384),
    "HS512": HMACAlgorithm(HMACAlgorithm.SHA512),
}
SEGMENT_COUNT = 3
_BASE64URL = re.compile(r"(?:[\w-]{4})*(?:[\w-]{2}==|[\w-]{3}=)?", re.ASCII)
_INTEGER_MIN, _INTEGER_MAX = -(2**63), 2**63 - 1

STRING_CLAIMS = frozenset(("sub", "aud", "iss", "jti"))
TIME_CLAIMS = frozenset(("iat", "exp", "nbf"))
OBJECT_CLAIMS = frozenset(("profile", "skyprofile"))
KNOWN_CLAIMS = STRING_CLAIMS | TIME_CLAIMS | OBJECT_CLAIMS


class TokenError(Exception):
    """A token that is refused, and why. It never carries the signature or a secret."""

    def __init__(self, reason: Reason, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason
        self.explanation = explanation


@dataclass(frozen=True, slots=True)
class SignedToken:
    """A token taken apart, nothing of it verified."""

    header: Mapping[str, object]
    claims_bytes: bytes
    signing_input: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """Return the name in the header, or nothing."""
        name = self.header.get("alg")
        return name if isinstance(name, str) else ""

    @property
    def key_id(self) -> str:
        """Return the `kid` in the header, or nothing."""
        name = self.header.get("kid")
        return name if isinstance(name, str) else ""


@dataclass(slots=True)
class ClaimSet:
    """The claims that have a meaning, by the types the original gives them."""

    strings: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    objects: dict[str, dict[str, object]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def time(self, name: str) -> int:
        """Return a time in seconds since 1970; 0 stands for none, as in the original."""
        return self.times.get(name, 0)


def prepare_key(secret: str) -> bytes:
    """Return *secret* as a key. Raises ValueError on one that PyJWT will not take."""
    try:
        return ALGORITHMS["HS256"].prepare_key(secret.encode())
    except InvalidKeyError as error:
        raise ValueError(str(error)) from error


def split(token: str) -> SignedToken:
    """Take *token* apart. Raises TokenError."""
    segments = token.split(".")
    if len(segments) != SEGMENT_COUNT:
        sentence = f"a token has three parts between dots, this has {len(segments)}"
        raise TokenError(Reason.TOKEN_MALFORMED, sentence)
    header, claims, signature = segments
    return SignedToken(
        header=_read_header(_decode_segment(header, "header")),
        claims_bytes=_decode_segment(claims, "claims"),
        signing_input=f"{header}.{claims}".encode(),
        signature=_decode_segment(signature, "signature"),
    )


def _decode_segment(segment: str, name: str) -> bytes:
    """Return the bytes of a segment: padding may be missing, but may not be wrong."""
    text = segment + "=" * (-len(segment) % 4)
    # Go skips line breaks, but only after the padding was worked out.
    text = text.replace("\r", "").replace("\n", "")
    if _BASE64URL.fullmatch(text) is None:
        sentence = f"the {name} part is not base64url"
        raise TokenError(Reason.TOKEN_MALFORMED, sentence)
    return base64.urlsafe_b64decode(text)


def _read_header(data: bytes) -> Mapping[str, object]:
    try:
        header = json_text.read_whole(json_text.decode(data))
    except json_text.NotJsonError as error:
        raise TokenError(Reason.HEADER_MALFORMED, f"the header is not JSON: {error}") from error
    if not isinstance(header, dict) or json_text.contains_out_of_range(header):
        raise TokenError(Reason.HEADER_MALFORMED, "the header is not a JSON object")
    return header


def check_algorithm(token: SignedToken, accepted: frozenset[str]) -> None:
    """Raise TokenError unless the header names one of the *accepted* algorithms."""
    if token.algorithm not in accepted:
        name = token.header.get("alg", "none at all")
        names = ", ".join(sorted(accepted))
        sentence = f"the header's alg is {str(name)[:40]!r}; accepted are {names}"
        raise TokenError(Reason.ALGORITHM_NOT_ACCEPTED, sentence)


def has_signature_of(token: SignedToken, key: bytes) -> bool:
    """Return whether *key* made the signature; compares in constant time."""
    return ALGORITHMS[token.algorithm].verify(token.signing_input, key, token.signature)


def sign(signing_input: bytes, key: bytes, algorithm: str = "HS256") -> str:
    """Return the signature of *signing_input* as a segment."""
    return encode_segment(ALGORITHMS[algorithm].sign(signing_input, key))


def encode_segment(data: bytes) -> str:
    """Return *data* as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_claims(data: bytes, object_claims: frozenset[str] = OBJECT_CLAIMS) -> ClaimSet:
    """Return the claims of a payload: its first JSON value, whatever follows.

    Names match in any case, the last of a repeated claim counts, null leaves
    what was there, repeated objects are merged: Go's rules for structs.
    Raises TokenError on anything else than an object, and on a wrong type.
    """
    try:
        members, _ = json_text.read_first(json_text.decode(data), members=True)
    except json_text.NotJsonError as error:
        raise TokenError(Reason.CLAIMS_MALFORMED, f"the claims are not JSON: {error}") from error
    claims = ClaimSet()
    if members is None:
        return claims
    if not isinstance(members, tuple):
        raise TokenError(Reason.CLAIMS_MALFORMED, "the claims are not a JSON object")
    for name, value in members:
        claims.names.append(name)
        known = name if name in KNOWN_CLAIMS else _folded(name)
        if known in STRING_CLAIMS:
            _take_string(claims, known, value)
        elif known in TIME_CLAIMS:
            _take_time(claims, known, value)
        elif known in object_claims:
            _take_object(claims, known, value)
    return claims


def _folded(name: str) -> str:
    """Return *name* as Go compares it: without case, long s as s, the Kelvin sign as k."""
    return name.replace("\u017f", "s").lower()


def _take_string(claims: ClaimSet, name: str, value: object) -> None:
    if isinstance(value, str):
        claims.strings[name] = value
    elif value is not None:
        raise _wrong_type(name, "a string", value)


def _take_time(claims: ClaimSet, name: str, value: object) -> None:
    if value is None:
        return
    if type(value) is not int or not _INTEGER_MIN <= value <= _INTEGER_MAX:
        what = "a whole number of seconds, written without fraction or exponent"
        raise _wrong_type(name, what, value)
    claims.times[name] = value


def _take_object(claims: ClaimSet, name: str, value: object) -> None:
    if value is None:
        claims.objects.pop(name, None)
        return
    if not isinstance(value, tuple):
        raise _wrong_type(name, "an object", value)
    if json_text.contains_out_of_range(value):
        raise _wrong_type(name, "an object of numbers that a double can hold", value)
    claims.objects.setdefault(name, {}).update(plain_object(value))


def plain_members(members: tuple[tuple[str, object], ...]) -> tuple[tuple[str, object], ...]:
    """Return members in their order, repeats included, with inner objects as dicts."""
    return tuple((name, _plain(value)) for name, value in members)


def plain_object(members: tuple[tuple[str, object], ...]) -> dict[str, object]:
    """Return members as a dict, those of inner objects too; the last of a name counts."""
    return {name: _plain(value) for name, value in members}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return plain_object(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


_JSON_TYPES = {str: "a string", bool: "a boolean", list: "a list", tuple: "an object"}


def _wrong_type(name: str, wanted: str, value: object) -> TokenError:
    given = _JSON_TYPES.get(type(value), "another number")
    sentence = f"the claim {name} has to be {wanted}, and is {given}"
    return TokenError(Reason.CLAIM_OF_WRONG_TYPE, sentence)


def check_times(claims: ClaimSet, now: int, *, leeway: int = 0, expiry_excluded: bool) -> None:
    """Raise TokenError unless *now* lies within the claims; all in whole seconds.

    A time of 0 is none. The original accepts a token in the second equal to
    `exp`; with *expiry_excluded* it is refused on it, as its documentation says.
    """
    expiry, issued, not_before = (claims.time(name) for name in ("exp", "iat", "nbf"))
    last = expiry - 1 if expiry_excluded else expiry
    clock = f"the server's clock says {moment_text(now)}"
    if expiry and now > last + leeway:
        sentence = f"expired {now - expiry} s ago: exp is {moment_text(expiry)}, {clock}"
        raise TokenError(Reason.EXPIRED, sentence)
    if issued and now < issued - leeway:
        sentence = f"issued {issued - now} s from now: iat is {moment_text(issued)}, {clock}"
        raise TokenError(Reason.ISSUED_IN_FUTURE, sentence)
    if not_before and now < not_before - leeway:
        ahead = not_before - now
        sentence = f"valid {ahead} s from now: nbf is {moment_text(not_before)}, {clock}"
        raise TokenError(Reason.NOT_YET_VALID, sentence)


def moment_text(seconds: int) -> str:
    """Return seconds since 1970 as a time a person reads, or as they are where none fits."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return str(seconds)
    return moment.isoformat().replace("+00:00", "Z")
