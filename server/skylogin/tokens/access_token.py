"""Access tokens of `TOKEN_STORE=jwt`: signed and not stored. Pure.

They have the original's form, so that tokens of either server are valid on the other.
"""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from skylogin.encoding import json_text
from skylogin.errors import ACCESS_TOKEN_NOT_ACCEPTED, SkygearError
from skylogin.tokens import jws

_HEADER = jws.encode_segment(b'{"alg":"HS256","typ":"JWT"}')
# How far the clock of the server that issued a token may be ahead of this one's.
AHEAD_SECONDS = 5
# Our own claim and its member: the token was issued after this time, although `iat` is earlier.
OURS, AFTER = "skylogin", "after"
_ACCEPTED = frozenset(jws.ALGORITHMS)


class AccessToken(NamedTuple):
    """What a valid access token says. *user_id* is empty if it names no user."""

    user_id: str
    issuer: str
    issued_at: datetime | None


def issue(  # noqa: PLR0913
    user_id: str,
    now: datetime,
    token_id: str,
    *,
    issuer: str,
    expiry_seconds: int,
    key: bytes,
    valid_since: datetime | None = None,
) -> str:
    """Return a new access token for *user_id*; with an expiry of 0 seconds it never expires.

    If the clock was set back, and *valid_since* is later than *now*, the token says that it was
    issued after that time.
    """
    issued_at = int(now.timestamp())
    claims: dict[str, object] = {
        "exp": issued_at + expiry_seconds if expiry_seconds > 0 else 0,
        "jti": token_id,
        "iat": issued_at,
        "iss": issuer,
        "sub": user_id,
    }
    if valid_since is not None and valid_since > now:
        claims[OURS] = {AFTER: int(valid_since.timestamp())}
    # The original's claims are a struct that leaves out what is empty or 0.
    written = {name: value for name, value in claims.items() if value}
    payload = jws.encode_segment(json_text.write_as_go(written))
    signing_input = f"{_HEADER}.{payload}"
    return f"{signing_input}.{jws.sign(signing_input.encode(), key)}"


def verify(token: str, now: datetime, key: bytes) -> AccessToken:
    """Return what *token* says. Raises SkygearError (AccessTokenNotAccepted).

    The issuer is not compared with the app's name, as in the original.
    """
    try:
        parts = jws.split(token)
        jws.check_algorithm(parts, _ACCEPTED)
        claims = jws.read_claims(parts.claims_bytes, frozenset((OURS,)))
        jws.check_times(claims, int(now.timestamp()), ahead=AHEAD_SECONDS, expiry_excluded=False)
    except jws.TokenError as error:
        raise not_accepted(error.explanation) from error
    if not jws.has_signature_of(parts, key):
        raise not_accepted("the signature was not made with TOKEN_STORE_SECRET")
    return AccessToken(
        user_id=claims.strings.get("sub", ""),
        issuer=claims.strings.get("iss", ""),
        issued_at=_moment(max(claims.time("iat"), _after(claims))),
    )


def _after(claims: jws.ClaimSet) -> int:
    after = claims.objects.get(OURS, {}).get(AFTER)
    return after if isinstance(after, int) else 0


def _moment(seconds: int) -> datetime | None:
    # A time before 1970 counts as none, as in the original. The far future was refused above.
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None


def check_still_valid(issued_at: datetime | None, valid_since: datetime | None) -> None:
    """Raise SkygearError if the token was issued before the user's password was last changed.

    Tokens have times in whole seconds, so one that is up to a second older is accepted.
    A token without a time is never too old.
    """
    if issued_at is None or valid_since is None:
        return
    if issued_at <= valid_since - timedelta(seconds=1):
        raise not_accepted("issued before the password was last changed")


def not_accepted(explanation: str) -> SkygearError:
    """Return the refusal of an access token, the same for every reason."""
    message = "token does not exist or it has expired"
    return SkygearError(ACCESS_TOKEN_NOT_ACCEPTED, message, explanation=explanation)
