"""`TOKEN_STORE=redis`: a hash for each access token, as the original keeps them.

Redis takes a token away some time after its end; whether it has ended is decided by
its `expiredAt` and our clock all the same.
"""

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from skylogin.encoding import json_text
from skylogin.ids import IdMaker
from skylogin.tokens import stored_token
from skylogin.tokens.access_token import AccessToken, not_accepted, store_fails

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger("skylogin.redis_tokens")

Result = TypeVar("Result")
CONNECTIONS_MAX = 50
# A call waits no longer for an answer, nor for a connection that others use.
TIMEOUT_SECONDS = 5
RETRIES, PAUSE_SECONDS, PAUSE_SECONDS_MAX = 3, 0.01, 0.2
MILLISECONDS = 1000
EXPIRY_MILLISECONDS_MAX = 2**53
WRONG_TYPE = "WRONGTYPE"


def open_client(url: str) -> "Redis":
    """Return a client for the server at *url*, which is connected to when first used.

    A connection that broke is replaced. Raises ValueError where the URL is no good.
    """
    # redis-py is on the start-up list.
    from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import ExponentialBackoff  # noqa: PLC0415
    from redis.exceptions import ConnectionError, RedisError, TimeoutError  # noqa: PLC0415

    backoff = ExponentialBackoff(PAUSE_SECONDS_MAX, PAUSE_SECONDS)
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=CONNECTIONS_MAX,
        timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        retry=Retry(backoff, RETRIES, (ConnectionError, TimeoutError)),
        # Old servers speak no other.
        protocol=2,
    )
    try:
        # Parameters in the URL are looked at only when a connection is made.
        pool.connection_class(**pool.connection_kwargs)
    except (RedisError, TypeError, ValueError) as error:
        raise ValueError("has parameters that are not known") from error
    return Redis.from_pool(pool)


class RedisTokens:
    """The access tokens of one app, below a key of their own."""

    def __init__(
        self, client: "Redis", prefix: str, app: str, expiry_seconds: int, ids: IdMaker
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._app = app
        self._expiry_seconds = expiry_seconds
        self._ids = ids

    async def issue(self, user_id: str, now: datetime, issuer: str) -> str:
        """Return a new token, once Redis has it. It is this app's, whatever *issuer* is."""
        token = self._ids.random_id()
        stored = stored_token.new(token, self._app, user_id, now, self._expiry_seconds)
        key = self._prefix + token
        async with self._client.pipeline(transaction=True) as pipeline:
            members = stored_token.members(stored).items()
            pipeline.hset(key, items=[part for member in members for part in member])
            if stored.expires_at:
                # Redis has a clock of its own, so it is told how long, not until when.
                milliseconds = min(self._expiry_seconds * MILLISECONDS, EXPIRY_MILLISECONDS_MAX)
                pipeline.pexpire(key, milliseconds)
            await _translated(pipeline.execute(), status=500)
        return token

    async def find(self, token: str, now: datetime) -> AccessToken:
        """Return what *token* says, if its end has not come."""
        if not stored_token.is_token(token):
            raise not_accepted("the access token is no UUID")
        found = await _translated(self._client.hgetall(self._prefix + token), status=401)
        texts = {
            json_text.decode(name): json_text.decode(value) for name, value in (found or {}).items()
        }
        return stored_token.accept(stored_token.from_texts(texts), token, self._app, now)

    async def forget(self, token: str) -> None:
        """End *token*."""
        if stored_token.is_token(token):
            await _translated(self._client.delete(self._prefix + token), status=500)


async def _translated(answer: Awaitable[Any], *, status: int) -> Any:
    """Return Redis's *answer*, None where the key is no hash. Raises SkygearError."""
    from redis.exceptions import RedisError  # noqa: PLC0415

    try:
        return await answer
    except (RedisError, OSError) as error:
        if str(error).startswith(WRONG_TYPE):
            return None
        # The error's own text may have a password, or the command with the token.
        name = type(error).__name__
        logger.warning("access tokens cannot be kept in Redis: %s", name)
        raise store_fails(status, f"Redis cannot be used: {name}") from None
