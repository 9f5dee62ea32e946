"""Making JSON web tokens, right or wrong on purpose, and saying in one line what a token holds.

Written with hashes and base64 alone, so that an error of the server's token library cannot
hide behind the same error here.
"""

import base64
import hmac
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.factories import HASHES, HOUR, decoded, signature
from tests.golden.json_values import read_json
from tests.golden.scenarios import check_keys

SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOW_WITHIN_SECONDS = 120
# fmt: off
TOKEN_KEYS = {
    "claims", "drop", "alg", "secret", "header", "header_text", "claims_text", "carry_claims",
    "signature", "encoding", "padding", "standard_base64", "layout",
}
# fmt: on


def make_token(wanted: Mapping[str, Any], secret: str, now: int) -> str:
    """Return the token that *wanted* describes, signed with *secret* unless it names another."""
    check_keys(wanted, TOKEN_KEYS)
    encode = base64.b64encode if wanted.get("standard_base64") else base64.urlsafe_b64encode

    def segment(data: bytes) -> str:
        text = encode(data).decode()
        return text if wanted.get("padding") else text.rstrip("=")

    alg = wanted.get("alg", "HS256")
    header = {"alg": alg, "typ": "JWT", **wanted.get("header", {})}
    header = {name: value for name, value in header.items() if value is not None}
    claims = {"iat": now, "exp": now + HOUR, **wanted.get("claims", {})}
    claims = {name: value for name, value in claims.items() if name not in wanted.get("drop", ())}
    encoding = wanted.get("encoding", "utf-8")
    head = segment(wanted.get("header_text", compact(header)).encode(encoding))
    body = segment(wanted.get("claims_text", compact(claims)).encode(encoding))
    signed = sign(alg, wanted.get("secret", secret), f"{head}.{body}")
    if "carry_claims" in wanted:
        body = segment(compact({**claims, **wanted["carry_claims"]}).encode())
    parts = {
        "{header}": head,
        "{claims}": body,
        "{signature}": wanted.get("signature", segment(decoded(signed))),
    }
    layout = wanted.get("layout", "{header}.{claims}.{signature}")
    return re.sub("|".join(parts), lambda match: parts[match[0]], layout)


def sign(alg: str, secret: str, signed: str) -> str:
    """Return a signature: nothing for `none`, and HS256 for an unknown algorithm."""
    return "" if alg == "none" else signature(signed, secret, alg if alg in HASHES else "HS256")


def describe_token(
    token: str, secret: str, now: float, in_words: Callable[[str], str]
) -> str | None:
    """Return a line that lists the header and the claims of *token*, None if it is not a token.

    *in_words* gives texts in claims their stable names.
    """
    if not SHAPE.fullmatch(token):
        return None
    head, body, given = token.split(".")
    try:
        header, claims = read_json(decoded(head)), read_json(decoded(body))
    except ValueError:
        return None
    if not isinstance(header, dict) or "alg" not in header or not isinstance(claims, dict):
        return None
    words = [f"{name}={_plain(header[name])}" for name in sorted(header)]
    words += [f"{name}={_claim(name, claims, now, in_words)}" for name in sorted(claims)]
    good = hmac.compare_digest(sign(str(header["alg"]), secret, f"{head}.{body}"), given)
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
    # A time that is text is quoted, so that it cannot pass for one of the words above.
    if isinstance(value, str) and name not in {"iat", "exp"}:
        return in_words(value)
    return json.dumps(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def compact(value: Any) -> str:
    """Return *value* as JSON without blanks."""
    return json.dumps(value, separators=(",", ":"))
