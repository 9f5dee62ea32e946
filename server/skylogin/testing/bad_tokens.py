"""Custom tokens that are refused, each for one reason."""

from collections.abc import Callable, Mapping
from typing import Protocol

from skylogin.tokens.bad_tokens import KINDS


class BadToken(Protocol):
    """Makes a token of one kind."""

    def __call__(
        self, sub: str, profile: Mapping[str, object] | None = None, **claims: object
    ) -> str:
        """Return the token; it would be good for *sub* but for its kind."""


class BadTokens:
    """A method for each kind of bad token: `bad.expired("alice")`."""

    def __init__(self, mint: Callable[..., str]) -> None:
        self._mint = mint

    def __getattr__(self, kind: str) -> BadToken:
        """Return what makes tokens of *kind*."""
        if kind not in KINDS:
            raise AttributeError(f"there is no bad token {kind!r}; there are {', '.join(KINDS)}")

        def make(sub: str, profile: Mapping[str, object] | None = None, **claims: object) -> str:
            return self._mint(kind, sub, profile, claims)

        return make

    def __dir__(self) -> list[str]:
        """Return the kinds."""
        return list(KINDS)
