"""Counting login attempts and the uses of secrets, at no cost to a login.

Counts add up in memory. The login log writes them together, and the database adds up the counts
of all servers.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from skylogin.database import Store, Transaction
from skylogin.domain.login_attempt import LogEntry
from skylogin.errors import database_trouble
from skylogin.store import login_counts
from skylogin.store.login_counts import Counts, SecretUse

logger = logging.getLogger("skylogin.login_counter")

COUNTS_AGE_MAX = timedelta(days=8)
USES_AGE_MAX = timedelta(days=400)
DROP_EVERY = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class LoginCounter:
    """The counts of one app that are not written yet."""

    def __init__(self, store: Store, app: str) -> None:
        self._store = store
        self._app = app
        self._attempts: Counter[tuple[datetime, str]] = Counter()
        self._uses: dict[tuple[str, datetime], SecretUse] = {}
        # The minute and day of the previous attempt: the next one is usually in the same minute.
        self._minute = self._day = datetime(1, 1, 1, tzinfo=UTC)
        self._dropped_at: datetime | None = None
        self._writing = asyncio.Lock()

    def count(self, entry: LogEntry) -> None:
        """Count a login attempt."""
        self.count_reason(entry.reason, entry.at)
        secret_id = entry.details["secret_id"]
        if entry.accepted and secret_id:
            self._count_uses(secret_id, self._day, SecretUse(1, entry.at))

    def count_reason(self, reason: str, at: datetime) -> None:
        """Count a login attempt with this *reason*, and without a secret."""
        if not self._minute <= at < self._minute + MINUTE:
            self._minute = at.replace(second=0, microsecond=0)
            self._day = self._minute.replace(hour=0, minute=0)
        self._attempts[self._minute, reason] += 1

    def leave_out(self, at: datetime) -> None:
        """Count that the login log leaves out an attempt that was counted before."""
        minute = at.replace(second=0, microsecond=0)
        self._attempts[minute, login_counts.LEFT_OUT] += 1

    def _count_uses(self, secret_id: str, day: datetime, more: SecretUse) -> None:
        known = self._uses.setdefault((secret_id, day), more)
        if known is not more:
            known.uses += more.uses
            known.last_used_at = max(known.last_used_at, more.last_used_at)

    async def flush(self) -> None:
        """Write the counts. A failure is only logged; the next flush writes the counts."""
        async with self._writing:
            await self._flush()

    @asynccontextmanager
    async def forgetting(self) -> AsyncIterator[None]:
        """Forget the unwritten counts, while the block deletes those in the database."""
        async with self._writing:
            self._attempts, self._uses = Counter(), {}
            self._dropped_at = None
            yield

    async def _flush(self) -> None:
        attempts, self._attempts = self._attempts, Counter()
        uses, self._uses = self._uses, {}
        if not attempts:
            return
        latest = max(minute for minute, _ in attempts)
        # abs(): also once a clock that was ahead is set back.
        is_due = self._dropped_at is None or abs(latest - self._dropped_at) >= DROP_EVERY

        async def write(tx: Transaction) -> None:
            await login_counts.add(tx, self._app, Counts(attempts, uses))
            if is_due:
                await login_counts.drop_before(
                    tx, self._app, latest - COUNTS_AGE_MAX, latest - USES_AGE_MAX
                )

        try:
            await self._store.run(write)
            self._dropped_at = latest if is_due else self._dropped_at
        except Exception as error:
            # Database trouble is logged elsewhere; the counts wait for the next flush.
            if not database_trouble(error):
                logger.exception("the counts of login attempts could not be written")
            self._attempts.update(attempts)
            for (secret_id, day), use in uses.items():
                self._count_uses(secret_id, day, use)
