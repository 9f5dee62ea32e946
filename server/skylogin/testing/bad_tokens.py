"""Custom tokens that are refused, each for one reason."""

import functools
from collections.abc import Callable, Mapping
from typing import Protocol

from skylogin.tokens.bad_tokens import KINDS


class BadToken(Protocol):
    """Makes tokens of one kind."""

    def __call__(
        self, sub: str, profile: Mapping[str, object] | None = None, **claims: object
    ) -> str:
        """Return a token that would log *sub* in if it were not bad."""


class BadTokens:
    """A method for each kind of bad token: `bad.expired("alice")`."""

    def __init__(self, mint: Callable[..., str]) -> None:
        self._mint = mint

    def __getattr__(self, kind: str) -> BadToken:
        """Return the function that makes tokens of *kind*."""
        if kind not in KINDS:
            raise AttributeError(f"unknown bad token {kind!r}; the kinds are {', '.join(KINDS)}")
        return functools.partial(self._make, kind)

    def _make(
        self, kind: str, /, sub: str, profile: Mapping[str, object] | None = None, **claims: object
    ) -> str:
        return self._mint(kind, sub, profile, claims)

    def __dir__(self) -> list[str]:
        """Return the kinds."""
        return list(KINDS)
