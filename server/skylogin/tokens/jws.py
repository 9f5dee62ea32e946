"""Signed tokens, read as the original's JWT library does. Pure.

PyJWT checks the signature over the bytes as they were received. The segments and the
claims are read here, because jwt-go 3.1.0 and PyJWT disagree on a third of odd
tokens. `custom_token` and `access_token` decide what the claims mean.
"""

import binascii
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidKeyError

from skylogin.encoding import json_text
from skylogin.encoding.go_format import fold_name, is_int64
from skylogin.errors import Reason

ALGORITHMS = {
    "HS256": HMACAlgorithm(HMACAlgorithm.SHA256),
    "HS384": HMACAlgorithm(HMACAlgorithm.SHA384),
    "HS512": HMACAlgorithm(HMACAlgorithm.SHA512),
}
SEGMENT_COUNT = 3
HEADERS_KEPT_MAX = 64
HEADER_LENGTH_KEPT_MAX = 512
HEADER_LENGTH_MAX = 8_192
_BASE64URL = re.compile(r"[\w-]*={0,2}", re.ASCII)

STRING_CLAIMS = frozenset(("sub", "aud", "iss", "jti"))
TIME_CLAIMS = frozenset(("iat", "exp", "nbf"))
OBJECT_CLAIMS = frozenset(("profile", "skyprofile"))
KNOWN_CLAIMS = STRING_CLAIMS | TIME_CLAIMS | OBJECT_CLAIMS


class TokenError(Exception):
    """Why a token is refused. The text never contains the signature or a secret."""

    def __init__(self, reason: Reason, explanation: str) -> None:
        super().__init__(explanation)
        self.reason = reason
        self.explanation = explanation


class SignedToken(NamedTuple):
    """A token split into its parts, unverified."""

    header: Mapping[str, object]
    claims_bytes: bytes
    signing_input: bytes
    signature: bytes

    @property
    def algorithm(self) -> str:
        """Return the `alg` in the header, empty if it has none."""
        name = self.header.get("alg")
        return name if isinstance(name, str) else ""

    @property
    def key_id(self) -> str:
        """Return the `kid` in the header, empty if it has none."""
        name = self.header.get("kid")
        return name if isinstance(name, str) else ""


@dataclass(slots=True)
class ClaimSet:
    """The known claims, by the types that the original gives them."""

    strings: dict[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    objects: dict[str, dict[str, object]] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def time(self, name: str) -> int:
        """Return a time in seconds since 1970, 0 if there is none, as in the original."""
        return self.times.get(name, 0)


def prepare_key(secret: str) -> bytes:
    """Return *secret* as a key. Raises ValueError if PyJWT refuses it."""
    try:
        return ALGORITHMS["HS256"].prepare_key(secret.encode())
    except InvalidKeyError as error:
        raise ValueError(str(error)) from error


def split(token: str) -> SignedToken:
    """Split *token* into its parts. Raises TokenError."""
    count = token.count(".") + 1
    if count != SEGMENT_COUNT:
        sentence = f"a token has three parts between dots, this has {count}"
        raise TokenError(Reason.TOKEN_MALFORMED, sentence)
    header, claims, signature = token.split(".")
    if len(header) > HEADER_LENGTH_MAX:
        sentence = f"the header has more than {HEADER_LENGTH_MAX:,} bytes"
        raise TokenError(Reason.TOKEN_TOO_LONG, sentence)
    is_kept = len(header) <= HEADER_LENGTH_KEPT_MAX
    read_header = _read_header if is_kept else _read_header.__wrapped__
    return SignedToken(
        header=read_header(header),
        claims_bytes=_decode_segment(claims, "claims"),
        signing_input=f"{header}.{claims}".encode(),
        signature=_decode_segment(signature, "signature"),
    )


def _decode_segment(segment: str, name: str) -> bytes:
    """Return the bytes of a segment; padding may be missing, but not wrong."""
    text = segment + "=" * (-len(segment) % 4)
    if "\n" in text or "\r" in text:
        # Go ignores line breaks, except when it computes the padding.
        text = text.replace("\r", "").replace("\n", "")
    if len(text) % 4 or _BASE64URL.fullmatch(text) is None:
        sentence = f"the {name} part is not base64url"
        raise TokenError(Reason.TOKEN_MALFORMED, sentence)
    return binascii.a2b_base64(text.replace("-", "+").replace("_", "/"))


# Cached, because all tokens of an issuer have the same header.
@functools.lru_cache(maxsize=HEADERS_KEPT_MAX)
def _read_header(segment: str) -> Mapping[str, object]:
    text = json_text.decode(_decode_segment(segment, "header"))
    try:
        header = json_text.read_whole(text)
    except json_text.NotJsonError as error:
        raise TokenError(Reason.HEADER_MALFORMED, f"the header is not JSON: {error}") from error
    if not isinstance(header, dict):
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
    """Return whether the signature was made with *key*, compared in constant time."""
    return ALGORITHMS[token.algorithm].verify(token.signing_input, key, token.signature)


def sign(signing_input: bytes, key: bytes, algorithm: str = "HS256") -> str:
    """Return the signature of *signing_input* as a segment."""
    return encode_segment(ALGORITHMS[algorithm].sign(signing_input, key))


def encode_segment(data: bytes) -> str:
    """Return *data* as base64url without padding."""
    text = binascii.b2a_base64(data, newline=False).decode()
    return text.rstrip("=").replace("+", "-").replace("/", "_")


def read_claims(data: bytes, object_claims: frozenset[str] = OBJECT_CLAIMS) -> ClaimSet:
    """Return the claims in the first JSON value of *data*.

    Go's rules for structs apply: names match in any case, the last of repeated claims
    counts, null changes nothing, repeated objects are merged. Raises TokenError if the
    value is not an object, or if a claim has the wrong type.
    """
    text = json_text.decode(data)
    try:
        members = json_text.read_first_members(text)
    except json_text.NotJsonError as error:
        raise TokenError(Reason.CLAIMS_MALFORMED, f"the claims are not JSON: {error}") from error
    claims = ClaimSet()
    if members is None:
        return claims
    if not isinstance(members, tuple):
        raise TokenError(Reason.CLAIMS_MALFORMED, "the claims are not a JSON object")
    for name, value in members:
        claims.names.append(name)
        known = name if name in KNOWN_CLAIMS else fold_name(name)
        if known in STRING_CLAIMS:
            _take_string(claims, known, value)
        elif known in TIME_CLAIMS:
            _take_time(claims, known, value)
        elif known in object_claims:
            _take_object(claims, known, value)
    return claims


def _take_string(claims: ClaimSet, name: str, value: object) -> None:
    if isinstance(value, str):
        claims.strings[name] = value
    elif value is not None:
        raise _wrong_type(name, "a string", value)


def _take_time(claims: ClaimSet, name: str, value: object) -> None:
    if value is None:
        return
    if not is_int64(value):
        what = "a whole number of seconds, written without fraction or exponent"
        raise _wrong_type(name, what, value)
    claims.times[name] = value


def _take_object(claims: ClaimSet, name: str, value: object) -> None:
    if value is None:
        claims.objects.pop(name, None)
        return
    if not isinstance(value, tuple):
        raise _wrong_type(name, "an object", value)
    # The last of repeated names counts.
    members = {member: plain(inner) for member, inner in value}
    claims.objects.setdefault(name, {}).update(members)


def plain(value: object) -> object:
    """Return *value* with objects as dicts. Raises TokenError on a number beyond a double."""
    # A comprehension would need a second frame for each level of nesting.
    if isinstance(value, tuple):
        members: dict[str, object] = {}
        for name, item in value:
            members[name] = plain(item)
        return members
    if isinstance(value, list):
        items: list[object] = []
        for item in value:
            items.append(plain(item))
        return items
    if value is json_text.OUT_OF_RANGE:
        raise TokenError(Reason.CLAIM_OF_WRONG_TYPE, "a number is too large for a double")
    return value


_JSON_TYPES = {str: "a string", bool: "a boolean", list: "a list", tuple: "an object"}


def _wrong_type(name: str, wanted: str, value: object) -> TokenError:
    given = _JSON_TYPES.get(type(value), "another number")
    sentence = f"the claim {name} must be {wanted}, not {given}"
    return TokenError(Reason.CLAIM_OF_WRONG_TYPE, sentence)


def check_times(
    claims: ClaimSet, now: int, *, leeway: int = 0, ahead: int = 0, expiry_excluded: bool
) -> None:
    """Raise TokenError unless *now* is within the times of the claims, in whole seconds.

    A time of 0 does not count. The original accepts a token in the second of `exp`;
    with *expiry_excluded* it is refused then, as the original's documentation says.
    All times have a *leeway*; `iat` may be *ahead* by some more seconds.
    """
    expiry, issued, not_before = claims.time("exp"), claims.time("iat"), claims.time("nbf")
    last = expiry - 1 if expiry_excluded else expiry
    if expiry and now > last + leeway:
        raise _bad_time(Reason.EXPIRED, f"expired {now - expiry} s ago", "exp", expiry, now)
    if issued and now < issued - leeway - ahead:
        what = f"issued {issued - now} s from now"
        raise _bad_time(Reason.ISSUED_IN_FUTURE, what, "iat", issued, now)
    if not_before and now < not_before - leeway:
        what = f"valid {not_before - now} s from now"
        raise _bad_time(Reason.NOT_YET_VALID, what, "nbf", not_before, now)


def _bad_time(reason: Reason, what: str, claim: str, seconds: int, now: int) -> TokenError:
    clock = f"the server's clock says {moment_text(now)}"
    return TokenError(reason, f"{what}: {claim} is {moment_text(seconds)}, {clock}")


def moment_text(seconds: int) -> str:
    """Return seconds since 1970 as a readable time, or unchanged if they are out of range."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return str(seconds)
    return moment.isoformat().replace("+00:00", "Z")
