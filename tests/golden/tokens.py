"""Making JSON web tokens, right or wrong on purpose, and saying in one line what a token holds.

Written with hashes and base64 alone, so that a fault of a token library in the server cannot
hide behind the same fault here.
"""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.golden.scenarios import ScenarioError
from tests.golden.strict_json import read_json

HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

HOUR_SECONDS = 3600
NOW_WITHIN_SECONDS = 120

DETAILS = frozenset(
    {
        "claims",
        "drop",
        "alg",
        "secret",
        "header",
        "header_text",
        "claims_text",
        "carry_claims",
        "signature",
        "encoding",
        "padding",
        "standard_base64",
        "layout",
    }
)


def make_token(wanted: Mapping[str, Any], secret: str, now: int) -> str:
    """Return the token that *wanted* describes, signed with *secret* unless it names another."""
    if unknown := set(wanted) - DETAILS:
        raise ScenarioError(f"unknown in a token: {sorted(unknown)}")
    alg = wanted.get("alg", "HS256")
    claims = {"iat": now, "exp": now + HOUR_SECONDS, **wanted.get("claims", {})}
    for name in wanted.get("drop", ()):
        claims.pop(name, None)

    header_part = _encoded(wanted, wanted.get("header_text", _header_text(wanted, alg)))
    claims_part = _encoded(wanted, wanted.get("claims_text", _compact(claims)))
    key = wanted.get("secret", secret)
    signed = "" if alg == "none" else sign(alg, key, f"{header_part}.{claims_part}")
    if wanted.get("standard_base64") or wanted.get("padding"):
        signed = _text_of(wanted, _bytes_of(signed))
    if "carry_claims" in wanted:
        claims_part = _text_of(wanted, _compact({**claims, **wanted["carry_claims"]}).encode())

    parts = {
        "{header}": header_part,
        "{claims}": claims_part,
        "{signature}": wanted.get("signature", signed),
    }
    layout = wanted.get("layout", "{header}.{claims}.{signature}")
    return re.sub("|".join(parts), lambda match: parts[match[0]], layout)


def sign(alg: str, secret: str, signed: str) -> str:
    """Return the signature as base64; an unknown algorithm is signed like HS256."""
    digest = hmac.new(secret.encode(), signed.encode(), HASHES.get(alg, hashlib.sha256)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def describe_token(
    token: str, secret: str, now: float, in_words: Callable[[str], str]
) -> str | None:
    """Return a line that lists header and claims of *token*, or `None` for what is no token.

    *in_words* gives texts inside claims their stable names.
    """
    if not SHAPE.fullmatch(token):
        return None
    head, body, signature = token.split(".")
    try:
        header, claims = read_json(_bytes_of(head)), read_json(_bytes_of(body))
    except ValueError:
        return None
    if not isinstance(header, dict) or "alg" not in header or not isinstance(claims, dict):
        return None
    words = [f"{name}={_plain(header[name])}" for name in sorted(header)]
    words += [f"{name}={_claim(name, claims, now, in_words)}" for name in sorted(claims)]
    good = hmac.compare_digest(sign(str(header["alg"]), secret, f"{head}.{body}"), signature)
    words.append(f"signature={'good' if good else 'bad'}")
    return f"<jwt {' '.join(words)}>"


def _claim(name: str, claims: Mapping[str, Any], now: float, in_words: Callable[[str], str]) -> str:
    value, issued_at = claims[name], claims.get("iat")
    if name == "iat" and type(value) is int and abs(value - now) < NOW_WITHIN_SECONDS:
        return "now"
    if name == "exp" and type(value) is int and type(issued_at) is int:
        return f"iat{value - issued_at:+d}"
    if name == "jti" and isinstance(value, str) and UUID.fullmatch(value):
        return "uuid"
    # A time that is a text is written in quotes: it must not pass for one of the words above.
    if isinstance(value, str) and name not in {"iat", "exp"}:
        return in_words(value)
    return json.dumps(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _header_text(wanted: Mapping[str, Any], alg: str) -> str:
    header = {"alg": alg, "typ": "JWT", **wanted.get("header", {})}
    return _compact({name: value for name, value in header.items() if value is not None})


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _encoded(wanted: Mapping[str, Any], text: str) -> str:
    return _text_of(wanted, text.encode(wanted.get("encoding", "utf-8")))


def _text_of(wanted: Mapping[str, Any], data: bytes) -> str:
    encode = base64.b64encode if wanted.get("standard_base64") else base64.urlsafe_b64encode
    text = encode(data).decode()
    return text if wanted.get("padding") else text.rstrip("=")


def _bytes_of(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
