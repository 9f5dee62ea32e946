"""Where access tokens live: `TOKEN_STORE`. Each store issues, finds and forgets them."""

from datetime import datetime
from typing import Protocol

from skylogin import access_token
from skylogin.access_token import AccessToken
from skylogin.ids import IdMaker


class TokenStore(Protocol):
    """What the rest needs of a store of access tokens, of one app."""

    async def issue(self, user_id: str, now: datetime, issuer: str) -> str:
        """Return a new token for *user_id*, good from now on."""

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says. Raises SkygearError (AccessTokenNotAccepted)."""

    async def forget(self, token: str) -> None:
        """End *token*, where the store can."""


class SignedTokens:
    """`TOKEN_STORE=jwt`: tokens are signed and stored nowhere, so none can be ended."""

    def __init__(self, key: bytes, expiry_seconds: int, ids: IdMaker) -> None:
        self._key = key
        self._expiry_seconds = expiry_seconds
        self._ids = ids

    async def issue(self, user_id: str, now: datetime, issuer: str) -> str:
        """Return a new token; *issuer* is its `iss`."""
        return access_token.issue(
            user_id,
            now,
            self._ids.random_id(),
            issuer=issuer,
            expiry_seconds=self._expiry_seconds,
            key=self._key,
        )

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says, once its signature and times are checked."""
        return access_token.verify(token, now, self._key)

    async def forget(self, token: str) -> None:
        """Do nothing: the token lives on, as it does in the original."""
