"""Making custom tokens that are refused, each for a reason that a test chooses. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from skylogin.domain.subject import CHARACTERS_MAX
from skylogin.errors import Reason
from skylogin.tokens import mint as minting
from skylogin.tokens.mint import HOUR

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Recipe:
    """The parts of a good token. Each kind of bad token changes one of them."""

    subject: str
    secret: str
    issued_at: int
    claims: Claims
    algorithm: str

    def signed(self, claims: Claims) -> str:
        """Return a well-signed token with *claims*."""
        return ".".join(minting.sign(claims, self.secret, self.algorithm))

    def saying(self, **changes: object) -> str:
        """Return a well-signed token with some claims replaced."""
        return self.signed({**self.claims, **changes})

    def without(self, name: str) -> str:
        """Return a well-signed token that lacks a claim."""
        return self.signed({one: value for one, value in self.claims.items() if one != name})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of bad token: why it is refused, how it is made, and what is wrong with it."""

    reason: Reason
    make: Callable[[Recipe], str]
    about: str


_HOUR = int(HOUR.total_seconds())


def _expired(good: Recipe) -> str:
    # Longer ago than any reasonable leeway for clocks.
    return good.saying(iat=good.issued_at - 2 * _HOUR, exp=good.issued_at - _HOUR)


def _not_yet(good: Recipe) -> str:
    return good.saying(iat=good.issued_at + _HOUR, exp=good.issued_at + 2 * _HOUR)


def _wrong_secret(good: Recipe) -> str:
    return ".".join(minting.sign(good.claims, f"not {good.secret}", good.algorithm))


def _wrong_algorithm(good: Recipe) -> str:
    return ".".join(minting.sign(good.claims, good.secret, good.algorithm, named="RS256"))


def _unsigned(good: Recipe) -> str:
    header, claims, _ = minting.sign(good.claims, good.secret, good.algorithm, named="none")
    return f"{header}.{claims}."


def _tampered(good: Recipe) -> str:
    header, _, signature = minting.sign(good.claims, good.secret, good.algorithm)
    changed = minting.encode({**good.claims, "changed_after_signing": True})
    return f"{header}.{changed}.{signature}"


def _long_sub(good: Recipe) -> str:
    characters = CHARACTERS_MAX + 1
    return good.saying(sub=good.subject[:characters].ljust(characters, "x"))


# fmt: off
KINDS: Mapping[str, Kind] = MappingProxyType({
    "expired": Kind(Reason.EXPIRED, _expired, "ended an hour ago"),
    "not_yet": Kind(Reason.ISSUED_IN_FUTURE, _not_yet, "is issued an hour from now"),
    "wrong_secret": Kind(Reason.SIGNATURE_WRONG, _wrong_secret, "is signed with another secret"),
    "wrong_algorithm": Kind(
        Reason.ALGORITHM_NOT_ACCEPTED, _wrong_algorithm, "names RS256, but is signed as usual"
    ),
    "unsigned": Kind(
        Reason.ALGORITHM_NOT_ACCEPTED, _unsigned, "names the algorithm none and has no signature"
    ),
    "tampered": Kind(Reason.SIGNATURE_WRONG, _tampered, "was changed after it was signed"),
    "no_sub": Kind(Reason.SUBJECT_MISSING, lambda good: good.without("sub"), "has no sub"),
    "empty_sub": Kind(Reason.SUBJECT_MISSING, lambda good: good.saying(sub=""), "has an empty sub"),
    "long_sub": Kind(
        Reason.SUBJECT_TOO_LONG, _long_sub,
        "has a sub of 37 characters, which SKYLOGIN_CONTRACT=original accepts",
    ),
    "no_iat": Kind(Reason.ISSUE_TIME_MISSING, lambda good: good.without("iat"), "has no iat"),
    "no_exp": Kind(Reason.EXPIRY_MISSING, lambda good: good.without("exp"), "has no exp"),
    "bad_profile": Kind(
        Reason.CLAIM_OF_WRONG_TYPE, lambda good: good.saying(skyprofile="text"),
        "has text as skyprofile",
    ),
    "malformed": Kind(Reason.TOKEN_MALFORMED, lambda good: "not a token", "is not a token"),
})
# fmt: on


def mint(  # noqa: PLR0913
    kind: str,
    subject: str,
    secret: str,
    now: datetime,
    claims: Claims | None = None,
    *,
    lifetime: timedelta = HOUR,
    algorithm: str = "HS256",
) -> str:
    """Return a token for *subject* that is valid at *now* except for what *kind* changes.

    Raises ValueError on an unknown kind, and on an algorithm other than HS256, HS384 and HS512.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is not a kind of bad token; choose from {', '.join(KINDS)}")
    good = {**minting.default_claims(subject, now, lifetime), **(claims or {})}
    recipe = Recipe(subject, secret, int(now.timestamp()), good, algorithm)
    return KINDS[kind].make(recipe)
