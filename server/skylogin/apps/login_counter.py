"""Counting attempts to log in, and the uses of secrets, without a price for a login.

Counts are added up in memory and written together, about once a second, onto what
other nodes have counted.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from skylogin.database import Store, Transaction
from skylogin.domain.login_attempt import LogEntry
from skylogin.store import login_counts
from skylogin.store.login_counts import Counts, SecretUse

logger = logging.getLogger("skylogin.login_counter")

FLUSH_SECONDS = 1.0
COUNTS_AGE_MAX = timedelta(days=8)
USES_AGE_MAX = timedelta(days=400)
AGE_CHECK = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class LoginCounter:
    """The counts of one app that are still to be written."""

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app
        self._attempts: Counter[tuple[datetime, str]] = Counter()
        self._uses: dict[tuple[str, datetime], SecretUse] = {}
        # Of the last attempt: most come in the same minute as the one before.
        self._minute = self._day = datetime(1, 1, 1, tzinfo=UTC)
        self._aged_at: datetime | None = None
        self._flusher: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def count(self, entry: LogEntry) -> None:
        """Count an attempt; it is written soon."""
        at = entry.at
        if not self._minute <= at < self._minute + MINUTE:
            self._minute = at.replace(second=0, microsecond=0)
            self._day = self._minute.replace(hour=0, minute=0)
        self._attempts[self._minute, entry.reason] += 1
        secret_id = entry.details["secret_id"]
        if entry.accepted and secret_id:
            self._use(secret_id, self._day, 1, at)
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_soon())

    def _use(self, secret_id: str, day: datetime, number: int, at: datetime) -> None:
        seen = self._uses.get((secret_id, day))
        if seen is None:
            self._uses[secret_id, day] = SecretUse(number, at)
            return
        seen.uses += number
        seen.last_used_at = max(seen.last_used_at, at)

    async def _flush_soon(self) -> None:
        try:
            await asyncio.sleep(FLUSH_SECONDS)
        finally:
            self._flusher = None
        await self.flush()

    async def flush(self) -> None:
        """Write what was counted. Raises nothing: counts that cannot be written wait."""
        async with self._writing:
            await self._flush()

    @asynccontextmanager
    async def forgetting(self) -> AsyncIterator[None]:
        """Forget what was counted, while the block takes away what is written."""
        async with self._writing:
            self._attempts, self._uses = Counter(), {}
            self._aged_at = None
            yield

    async def _flush(self) -> None:
        attempts, self._attempts = self._attempts, Counter()
        uses, self._uses = self._uses, {}
        if not attempts:
            return
        latest = max(minute for minute, _ in attempts)

        async def write(tx: Transaction) -> None:
            await login_counts.add(tx, self._app, Counts(attempts, uses))
            if self._aged_at is None or latest - self._aged_at >= AGE_CHECK:
                await login_counts.drop_before(
                    tx, self._app, latest - COUNTS_AGE_MAX, latest - USES_AGE_MAX
                )

        try:
            await self._store.run(write)
            self._aged_at = max(latest, self._aged_at or latest)
        except Exception:
            logger.exception("counts of attempts are not written yet")
            self._attempts.update(attempts)
            for (secret_id, day), use in uses.items():
                self._use(secret_id, day, use.uses, use.last_used_at)

    async def close(self) -> None:
        """Write what still waits."""
        if self._flusher is not None:
            self._flusher.cancel()
        await self.flush()
