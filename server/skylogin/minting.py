"""Making custom tokens, as an application's authentication server does. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from skylogin import json_text, jws


def mint(  # noqa: PLR0913, PLR0917
    subject: str,
    secret: str,
    now: datetime,
    lifetime: timedelta = timedelta(hours=1),
    algorithm: str = "HS256",
    claims: Mapping[str, object] | None = None,
) -> str:
    """Return a token for *subject*, issued at *now*; *claims* are added, or replace its own.

    Raises ValueError on an algorithm that is none of HS256, HS384 and HS512.
    """
    if algorithm not in jws.ALGORITHMS:
        raise ValueError(f"{algorithm} is none of {', '.join(jws.ALGORITHMS)}")
    issued_at = int(now.timestamp())
    expires_at = issued_at + int(lifetime.total_seconds())
    payload = {"sub": subject, "iat": issued_at, "exp": expires_at, **(claims or {})}
    header = {"alg": algorithm, "typ": "JWT"}
    parts = [jws.encode_segment(json_text.write(part)) for part in (header, payload)]
    signing_input = ".".join(parts)
    return f"{signing_input}.{jws.sign(signing_input.encode(), jws.prepare_key(secret), algorithm)}"
