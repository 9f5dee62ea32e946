"""Making custom tokens, like an application's authentication server. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from skylogin.encoding import json_text
from skylogin.tokens import jws

HOUR = timedelta(hours=1)


def mint(  # noqa: PLR0913, PLR0917
    subject: str,
    secret: str,
    now: datetime,
    lifetime: timedelta = HOUR,
    algorithm: str = "HS256",
    claims: Mapping[str, object] | None = None,
) -> str:
    """Return a token for *subject*, issued at *now*, with *claims* added to the default ones.

    Raises ValueError on an algorithm other than HS256, HS384 and HS512.
    """
    payload = {**default_claims(subject, now, lifetime), **(claims or {})}
    return ".".join(sign(payload, secret, algorithm))


def default_claims(subject: str, now: datetime, lifetime: timedelta) -> dict[str, object]:
    """Return the claims that every token has."""
    issued_at = int(now.timestamp())
    return {
        "sub": subject,
        "iat": issued_at,
        "exp": issued_at + int(lifetime.total_seconds()),
    }


def sign(
    payload: Mapping[str, object], secret: str, algorithm: str, *, named: str | None = None
) -> tuple[str, str, str]:
    """Return the three segments of a token; its header names *named* if given, or *algorithm*.

    Raises ValueError on an algorithm other than HS256, HS384 and HS512.
    """
    if algorithm not in jws.ALGORITHMS:
        raise ValueError(f"{algorithm} is none of {', '.join(jws.ALGORITHMS)}")
    header = encode({"alg": named or algorithm, "typ": "JWT"})
    claims = encode(payload)
    signing_input = f"{header}.{claims}".encode()
    return header, claims, jws.sign(signing_input, jws.prepare_key(secret), algorithm)


def encode(part: Mapping[str, object]) -> str:
    """Return a JSON object as a segment."""
    return jws.encode_segment(json_text.write(part))
