"""The stores of access tokens: `TOKEN_STORE`."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from skylogin.config import ConfigurationError, Settings
from skylogin.ids import IdMaker
from skylogin.tokens import access_token, file_store, redis_store
from skylogin.tokens.access_token import AccessToken
from skylogin.tokens.file_sweep import Sweep
from skylogin.tokens.stored_tokens import Backend, StoredTokens

if TYPE_CHECKING:
    from redis.asyncio import Redis

# The part of a path or key before the name of an app other than the default app.
APPS = "apps"


class TokenStore(Protocol):
    """The access tokens of one app."""

    async def issue(
        self, user_id: str, now: datetime, issuer: str, valid_since: datetime | None = None
    ) -> str:
        """Return a new token for *user_id*, valid from *now*.

        It counts as issued after *valid_since*, before which the user's tokens are not valid.
        """

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says. Raises SkygearError if it is not valid."""

    async def forget(self, token: str) -> None:
        """End *token*, if the store can."""


class SignedTokens:
    """`TOKEN_STORE=jwt`: tokens are signed and not stored, so they cannot be ended."""

    def __init__(self, key: bytes, expiry_seconds: int, ids: IdMaker) -> None:
        self._key = key
        self._expiry_seconds = expiry_seconds
        self._ids = ids

    async def issue(
        self, user_id: str, now: datetime, issuer: str, valid_since: datetime | None = None
    ) -> str:
        """Return a new token; *issuer* is its `iss`."""
        return access_token.issue(
            user_id,
            now,
            self._ids.random_id(),
            issuer=issuer,
            expiry_seconds=self._expiry_seconds,
            key=self._key,
            valid_since=valid_since,
        )

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says, after a check of its signature and times."""
        return access_token.verify(token, now, self._key)

    async def forget(self, token: str) -> None:
        """Do nothing: the token stays valid, as in the original."""


class TokenStores:
    """Opens the token store of each app; all of them share a directory or a Redis client."""

    def __init__(self, settings: Settings, ids: IdMaker) -> None:
        self._settings = settings
        self._ids = ids
        self._redis: Redis | None = None
        self._sweep = Sweep()

    async def open(self) -> None:
        """Make the directory or the client. Raises ConfigurationError if that fails."""
        settings = self._settings
        path = settings.token_store_path
        try:
            if settings.token_store == "fs":
                await asyncio.to_thread(file_store.make_directory, Path(path))
            elif settings.token_store == "redis":
                self._redis = redis_store.open_client(path)
        except OSError as error:
            raise ConfigurationError([f"TOKEN_STORE_PATH {path}: {error.strerror}"]) from error
        except ValueError as error:
            raise ConfigurationError([f"TOKEN_STORE_PATH {error}"]) from None

    def open_token_store(self, app: str, key: bytes) -> TokenStore:
        """Return the store of the app called *app*; *key* signs tokens under `jwt`.

        The default app's tokens are where the original stores them. Each other app has its
        own place, so that its tokens are not valid elsewhere.
        """
        settings, ids = self._settings, self._ids
        seconds = settings.token_store_expiry_seconds
        is_default = app == settings.app_name
        if settings.token_store == "fs":
            directory = Path(settings.token_store_path)
            directory = directory if is_default else directory / APPS / app
            backend: Backend = file_store.FileTokens(directory, self._sweep)
        elif self._redis is not None:
            prefix = f"{settings.token_store_prefix}:" if settings.token_store_prefix else ""
            prefix += "" if is_default else f"{APPS}:{app}:"
            backend = redis_store.RedisTokens(self._redis, prefix)
        else:
            return SignedTokens(key, seconds, ids)
        return StoredTokens(backend, app, seconds, ids)

    async def close(self) -> None:
        """Close the client or the directory."""
        self._sweep.close()
        if self._redis is not None:
            await self._redis.aclose()


async def find_problem(settings: Settings) -> str:
    """Return why access tokens cannot be stored, empty if they can. `jwt` stores none."""
    if settings.token_store == "jwt":
        return ""
    path = settings.token_store_path
    if settings.token_store == "fs":
        problem = await asyncio.to_thread(file_store.find_problem, Path(path))
    else:
        prefix = settings.token_store_prefix
        try:
            problem = await redis_store.find_problem(path, f"{prefix}:" if prefix else "")
        except ValueError as error:
            problem = str(error)
    return f"TOKEN_STORE_PATH {problem}" if problem else ""
