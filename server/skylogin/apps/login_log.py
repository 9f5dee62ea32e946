"""Write the login log, limited in size and without slowing logins down.

An accepted login is logged in its own transaction. Refused attempts wait, at most a
thousand of them, and are written together: a flood of bad tokens costs the database no
more than a trickle.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from skylogin.apps.login_counter import LoginCounter
from skylogin.clock import Throttle
from skylogin.database import Store, Transaction
from skylogin.domain.login_attempt import LogEntry
from skylogin.errors import Reason, database_trouble
from skylogin.ids import timed_prefix
from skylogin.store import login_attempts as stored_attempts

logger = logging.getLogger("skylogin.login_log")

WAITING_MAX = 1000
FLUSH_SECONDS = 0.5
DROPPED_AT_ONCE_MAX = 256
# Of attempts with these reasons, one entry at a time is written; the others are only counted.
BRIEF: frozenset[str] = frozenset((Reason.TOO_MANY, Reason.OVERLOADED))
AGE_CHECK = timedelta(minutes=1)


async def _do_nothing() -> None:
    pass


class LoginLog:
    """The login log of one app: at most *rows_max* entries, at most *days* days old."""

    def __init__(
        self, store: Store, app: str, *, rows_max: int, days: int, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._app = app
        self._rows_max = rows_max
        self._age_max = timedelta(days=days)
        self._now = now
        self._rows = 0
        self._age_checked_at: datetime | None = None
        self._waiting: deque[LogEntry] = deque()
        self._brief: frozenset[str] = frozenset()
        self._left_out = 0
        self._reports = Throttle()
        self._flusher: asyncio.Task[None] | None = None
        # Callers of `write` wait until an entry that is being written is in the database.
        self._writing = asyncio.Lock()
        self._counter = LoginCounter(store, app)
        self._is_closed = False

    async def open(self) -> None:
        """Count the entries."""
        self._rows = await self._store.run(lambda tx: stored_attempts.count(tx, self._app))

    async def add(self, tx: Transaction, entries: Sequence[LogEntry]) -> None:
        """Write *entries* in the transaction of their logins, and drop the oldest ones."""
        if not entries:
            return
        await stored_attempts.add(tx, self._app, entries)
        rows = self._rows + len(entries)
        excess = min(rows - self._rows_max, DROPPED_AT_ONCE_MAX)
        if excess >= min(DROPPED_AT_ONCE_MAX, self._rows_max):
            # The new entries have to be written first: they may be among those dropped.
            await tx.finish()
            rows -= await stored_attempts.drop_oldest(tx, self._app, excess)
        rows -= await self._drop_aged(tx)
        change = rows - self._rows
        tx.on_commit.append(lambda: self._count(change, entries))

    def _count(self, change: int, entries: Sequence[LogEntry]) -> None:
        self._rows += change
        for entry in entries:
            # A refused attempt was counted before: it may never be written.
            if entry.accepted:
                self._store.metrics.logins.add(entry.reason)
                self._counter.count(entry)
                self._flush_soon()

    async def _drop_aged(self, tx: Transaction) -> int:
        now = self._now()
        if self._age_checked_at is not None and abs(now - self._age_checked_at) < AGE_CHECK:
            return 0
        self._age_checked_at = now
        # By the ids, which have the server's time: a test that sets its app's clock to next
        # year still finds its earlier attempts.
        first_id = timed_prefix(now - self._age_max)
        return await stored_attempts.drop_before(tx, self._app, first_id, DROPPED_AT_ONCE_MAX)

    def note(self, entry: LogEntry) -> None:
        """Write *entry* soon, or only count it if too many are waiting."""
        self._store.metrics.logins.add(entry.reason)
        self._counter.count(entry)
        if len(self._waiting) < WAITING_MAX:
            self._brief |= {entry.reason} & BRIEF
            self._waiting.append(entry)
        else:
            self._leave_out(entry.at)
        self._flush_soon()

    def note_brief(self, reason: str, at: datetime) -> bool:
        """If an entry with *reason* is waiting, only count the attempt, and return True."""
        if reason not in self._brief:
            return False
        self._store.metrics.logins.add(reason)
        self._counter.count_reason(reason, at)
        self._leave_out(at)
        return True

    def _leave_out(self, *times: datetime) -> None:
        self._left_out += len(times)
        self._store.metrics.log_left_out.add(amount=len(times))
        for at in times:
            self._counter.leave_out(at)

    @property
    def waiting(self) -> int:
        """Return how many entries wait to be written."""
        return len(self._waiting)

    def _flush_soon(self) -> None:
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._flush_later())

    async def _flush_later(self) -> None:
        try:
            await asyncio.sleep(FLUSH_SECONDS)
        finally:
            self._flusher = None
        await self.flush()

    async def flush(self) -> None:
        """Write the waiting entries and the counts. A failure is only logged."""
        await self.write()
        await self._counter.flush()

    async def write(self) -> None:
        """Write the waiting entries. A failure is only logged, so that logins go on."""
        async with self._writing:
            await self._write()

    async def _write(self) -> None:
        entries, trouble = list(self._waiting), ""
        self._brief = frozenset()
        self._waiting.clear()
        try:
            if entries:
                await self._store.run(lambda tx: self.add(tx, entries))
        except Exception as error:
            trouble = database_trouble(error)
            if trouble and not self._is_closed:
                self._keep(entries)
            else:
                self._leave_out(*(entry.at for entry in entries))
                if not trouble:
                    logger.exception("the login log lost %d entries", len(entries))
        self._report(trouble)

    def _report(self, trouble: str) -> None:
        """Log, once a minute, how many attempts were counted but not written, and why."""
        if not (self._left_out or trouble):
            return
        if self._is_closed or self._reports.allows():
            cause = f", and {len(self._waiting)} wait: {trouble}" if trouble else ""
            logger.warning("the login log left out %d refused attempts%s", self._left_out, cause)
            self._left_out = 0

    def _keep(self, entries: Sequence[LogEntry]) -> None:
        """Let *entries* wait, before newer ones, until the database is available again."""
        space = WAITING_MAX - len(self._waiting)
        self._waiting.extendleft(reversed(entries[:space]))
        self._leave_out(*(entry.at for entry in entries[space:]))
        self._flush_soon()

    async def forget(self, empty: Callable[[], Awaitable[None]] = _do_nothing) -> None:
        """Forget the waiting entries and counts, while *empty* deletes those in the database."""
        async with self._writing, self._counter.forgetting():
            self._waiting.clear()
            self._left_out = 0
            await empty()
            self._rows = 0

    async def close(self) -> None:
        """Write the waiting entries and the counts, and stop."""
        self._is_closed = True
        if self._flusher is not None:
            self._flusher.cancel()
        await self.flush()
