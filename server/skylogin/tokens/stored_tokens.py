"""The access tokens of an app in files or in Redis."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

from skylogin.ids import IdMaker
from skylogin.tokens import stored_token
from skylogin.tokens.access_token import AccessToken, not_accepted
from skylogin.tokens.stored_token import StoredToken


class Backend(Protocol):
    """Where the tokens of an app are stored. All methods raise SkygearError if it fails."""

    async def save(self, stored: StoredToken, now: datetime) -> None:
        """Store a token, and return when it cannot be lost any more."""

    async def load(self, token: str, now: datetime) -> StoredToken | None:
        """Return what is stored under *token*, if it is not damaged."""

    async def remove(self, token: str) -> None:
        """Remove *token* for good, if it is stored."""


class StoredTokens:
    """The access tokens of one app."""

    def __init__(self, backend: Backend, app: str, expiry_seconds: int, ids: IdMaker) -> None:
        self._backend = backend
        self._app = app
        self._expiry_seconds = expiry_seconds
        self._ids = ids

    async def issue(
        self, user_id: str, now: datetime, issuer: str, valid_since: datetime | None = None
    ) -> str:
        """Return a new token when it is stored. It belongs to this app, whatever *issuer* is.

        If the clock was set back, it counts as issued at the time since which tokens are valid.
        """
        token = self._ids.random_id()
        stored = stored_token.new(token, self._app, user_id, now, self._expiry_seconds)
        if valid_since is not None and valid_since > now:
            stored = replace(stored, issued_at=stored_token.nanoseconds(valid_since))
        await self._backend.save(stored, now)
        return token

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says. Raises SkygearError if it is not valid."""
        if not stored_token.is_token(token):
            raise not_accepted("the access token is not a UUID")
        return stored_token.accept(await self._backend.load(token, now), token, self._app, now)

    async def forget(self, token: str) -> None:
        """End *token*."""
        if stored_token.is_token(token):
            await self._backend.remove(token)
