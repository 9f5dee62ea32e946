"""`TOKEN_STORE=redis`: a hash for each access token, as in the original.

Redis removes a token some time after it expires. Whether it has expired is decided by
its `expiredAt` and the server's clock.
"""

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from skylogin.encoding import json_text
from skylogin.errors import cause_of
from skylogin.tokens import stored_tokens
from skylogin.tokens.stored_tokens import StoredToken, store_fails

if TYPE_CHECKING:
    from redis.asyncio import Redis

Result = TypeVar("Result")
CONNECTIONS_MAX = 50
# The longest wait for an answer, with all retries, and for a free connection.
TIMEOUT_SECONDS = 1.5
RETRIES, PAUSE_SECONDS, PAUSE_SECONDS_MAX = 3, 0.01, 0.2
NANOSECONDS_PER_MILLISECOND = 10**6
WRONG_TYPE = "WRONGTYPE"
TRIED_KEY = "skylogin:tried"
TLS = "rediss:"
# The system's errors for a connection that the other side has ended.
ENDED = (ConnectionResetError, ConnectionAbortedError, BrokenPipeError)


def open_client(url: str) -> "Redis":
    """Return a client for the server at *url*, which connects when it is first used.

    Broken connections are replaced. Raises ValueError if the URL is not valid.
    """
    # Imported only if it is needed, so that other servers start faster.
    from redis.asyncio import BlockingConnectionPool, Redis  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import ExponentialBackoff  # noqa: PLC0415
    from redis.exceptions import ConnectionError, RedisError, TimeoutError  # noqa: PLC0415

    backoff = ExponentialBackoff(PAUSE_SECONDS_MAX, PAUSE_SECONDS)
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS_MAX,
            timeout=TIMEOUT_SECONDS,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(backoff, RETRIES, (ConnectionError, TimeoutError)),
            # Old servers only know this version.
            protocol=2,
        )
        # Some parameters of the URL are checked only when a connection is made.
        pool.connection_class(**pool.connection_kwargs)
    except (RedisError, TypeError, ValueError) as error:
        raise ValueError("has unknown parameters, or one with a wrong value") from error
    return Redis.from_pool(pool)


async def find_problem(url: str, prefix: str) -> str:
    """Return why tokens cannot be stored in the Redis at *url*, empty if they can.

    A key that begins with *prefix* is written and deleted. Raises ValueError if the URL is not
    valid.
    """
    # Imported only if it is needed, as above.
    from redis import exceptions  # noqa: PLC0415

    async with open_client(url) as client:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS), client.pipeline() as pipeline:
                pipeline.hset(f"{prefix}{TRIED_KEY}", items=["tried", ""])
                pipeline.delete(f"{prefix}{TRIED_KEY}")
                await pipeline.execute()
        except (exceptions.RedisError, OSError) as error:
            address = urlsplit(url).netloc.rpartition("@")[2]
            tls = "; does its port speak TLS, as rediss:// says?" if url.startswith(TLS) else ""
            return f"names a Redis that {_cause(error)}: {address}{tls}"
    return ""


class RedisTokens:
    """The access tokens of an app, under keys that begin with *prefix*."""

    def __init__(self, client: "Redis", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def save(self, stored: StoredToken, now: datetime) -> None:
        """Write the hash of a token."""
        await _translated(self._save(stored, now), status=500)

    async def _save(self, stored: StoredToken, now: datetime) -> None:
        key = self._prefix + stored.token
        async with self._client.pipeline(transaction=True) as pipeline:
            members = stored.members().items()
            pipeline.hset(key, items=[part for member in members for part in member])
            if stored.expires_at:
                # Redis has its own clock, so it gets a duration, not a time.
                nanoseconds = stored.expires_at - stored_tokens.nanoseconds(now)
                pipeline.pexpire(key, nanoseconds // NANOSECONDS_PER_MILLISECOND)
            await pipeline.execute()

    async def load(self, token: str, now: datetime) -> StoredToken | None:
        """Read the hash of a token."""
        found = await _translated(self._client.hgetall(self._prefix + token), status=401)
        return stored_tokens.from_texts(
            {
                json_text.decode(name): json_text.decode(value)
                for name, value in (found or {}).items()
            }
        )

    async def remove(self, token: str) -> None:
        """Remove the hash of a token."""
        await _translated(self._client.delete(self._prefix + token), status=500)


async def _translated(answer: Awaitable[Any], *, status: int) -> Any:
    """Return the *answer* of Redis, None if the key is not a hash. Raises SkygearError."""
    from redis.exceptions import RedisError  # noqa: PLC0415

    asking = asyncio.ensure_future(answer)
    # redis-py sometimes continues with its next try although it is cancelled: do not await it.
    asking.add_done_callback(lambda task: task.cancelled() or task.exception())
    try:
        await asyncio.wait([asking], timeout=TIMEOUT_SECONDS)
        if not asking.done():
            raise TimeoutError
        return asking.result()
    except (RedisError, OSError) as error:
        if str(error).startswith(WRONG_TYPE):
            return None
        raise store_fails(status, f"Redis {_cause(error)}") from None
    finally:
        asking.cancel()


def _cause(error: Exception) -> str:
    """Return what Redis did, without the text of *error*, which may have a password or a token."""
    from redis import exceptions  # noqa: PLC0415

    causes: dict[type[Exception] | tuple[type[Exception], ...], str] = {
        (TimeoutError, exceptions.TimeoutError): f"does not answer in {TIMEOUT_SECONDS} s",
        exceptions.AuthenticationError: "refuses the password, or needs one",
        exceptions.NoPermissionError: "does not let this account write",
        exceptions.ReadOnlyError: "is a replica and cannot be written",
        exceptions.OutOfMemoryError: "has no memory left",
        exceptions.BusyLoadingError: "is loading its data",
        exceptions.InvalidResponse: "does not speak its protocol",
    }
    known = next((text for kinds, text in causes.items() if isinstance(error, kinds)), "")
    if known:
        return known
    system = next((one for one in (error, error.__context__) if isinstance(one, OSError)), None)
    if system is not None and not isinstance(system, ENDED):
        return f"cannot be reached ({cause_of(system)})"
    if system is not None or isinstance(error, exceptions.ConnectionError):
        return "ends or refuses the connection"
    # Redis begins its errors with a word of capitals.
    code = str(error).partition(" ")[0]
    return f"refuses a command ({code if code.isalpha() and code.isupper() else 'ERR'})"
