"""Make the servers of one database keep to their limits together.

Once a second, each server reports what it used of the limits and reads the reports of the others:
two short statements, however many calls there were. All of them do so at the beginning of the
clock's second, so that each reads what the others have just written.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import nlargest

from skylogin.apps.limits import Limits
from skylogin.clock import monotonic
from skylogin.database import Store, Transaction
from skylogin.domain.rate import Period
from skylogin.errors import database_trouble
from skylogin.store import limit_counts
from skylogin.store.limit_counts import ServerUsage

logger = logging.getLogger("skylogin.limits")

# The others have written by then.
READ_AFTER_SECONDS = 0.1
# Rows in one statement. If there are more, the keys with the highest usage go first.
WRITTEN_MAX, READ_MAX = 1000, 5000
# A row may be committed this much later than its time says.
LATE = timedelta(seconds=3)
# A quiet server reports this often that it is alive.
QUIET_SECONDS = 5
# A server that has not reported for this long is forgotten.
ALIVE = timedelta(seconds=20)
# A new server reports every second for this long, so that workers find each other soon.
DISCOVERY_SECONDS = 10
SERVER, HOUR_SECONDS = "server", 3600
DROP_SECONDS = 60
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Window = tuple[str, str, datetime]


class SharedLimits:
    """Reports the usage of one server, called *server*, to the others, and counts theirs."""

    def __init__(
        self, limits: Limits, store: Store, now: Callable[[], datetime], server: str
    ) -> None:
        self._limits = limits
        self._store = store
        self._now = now
        self._server = server
        self._used: Counter[Window] = Counter()
        self._changed: set[Window] = set()
        # How much of the usage of each other server is counted here.
        self._counted: dict[tuple[str, Window], int] = {}
        # The time of the latest row that was read, by the database's clock.
        self._latest = _LONG_AGO
        self._others_are_busy = False
        self._began_at = monotonic()
        self._reported_at = self._dropped_at = float("-inf")
        limits.unreported = Counter()

    async def run(self) -> None:
        """Report once a second, and read what the others reported."""
        while True:
            await asyncio.sleep(1 - self._now().microsecond / 1_000_000)
            if not self._is_busy() and monotonic() - self._reported_at < QUIET_SECONDS:
                continue
            await self.report()
            await asyncio.sleep(READ_AFTER_SECONDS)
            await self.read_reports()

    def _is_busy(self) -> bool:
        """Return whether anything was used lately, here or elsewhere."""
        if monotonic() - self._began_at < DISCOVERY_SECONDS:
            return True
        return bool(self._limits.unreported or self._changed or self._others_are_busy)

    async def report(self) -> None:
        """Write what was used. What cannot be written is kept until its window has ended."""
        now = self._now()
        drops = monotonic() - self._dropped_at >= DROP_SECONDS
        if drops:
            self._dropped_at = monotonic()
            self._forget_ended(now - ALIVE)
        unreported, self._limits.unreported = self._limits.unreported or Counter(), Counter()
        for (name, key), amount in unreported.items():
            # Limits that are not rates get windows too, so that the table stays small.
            seconds = self._limits.rules[name].seconds or HOUR_SECONDS
            window = name, key, _end(now, seconds)
            self._used[window] += amount
            self._changed.add(window)
        written = self._changed
        if len(written) > WRITTEN_MAX:
            written = set(nlargest(WRITTEN_MAX, written, key=self._used.__getitem__))
        # Sorted, so that two servers cannot deadlock.
        rows = [
            ServerUsage(*window, self._server, self._used[window]) for window in sorted(written)
        ]
        rows.append(ServerUsage(SERVER, "", _end(now, HOUR_SECONDS), self._server, 0))

        async def write(tx: Transaction) -> None:
            await limit_counts.save(tx, rows)
            if drops:
                await limit_counts.drop_ended(tx, now - ALIVE)

        try:
            await self._store.run(write)
        except Exception as error:
            _log(error)
            return
        self._changed -= written
        self._reported_at = monotonic()

    def _forget_ended(self, before: datetime) -> None:
        for window in [window for window in self._used if window[2] < before]:
            del self._used[window]
            self._changed.discard(window)
        for counted in [counted for counted in self._counted if counted[1][2] < before]:
            del self._counted[counted]

    async def read_reports(self) -> None:
        """Read what the others used, and begin a period."""
        since, alive_since = self._latest - LATE, self._latest - ALIVE

        async def read(tx: Transaction) -> list[tuple[datetime, ServerUsage]]:
            always = SERVER, alive_since
            return await limit_counts.load(tx, self._server, since, always, READ_MAX)

        try:
            rows = await self._store.run(read, write=False)
        except Exception as error:
            _log(error)
            return
        if rows:
            self._latest = max(self._latest, rows[0][0])
        servers = {self._server}
        servers |= {
            row.server for at, row in rows if row.name == SERVER and at >= self._latest - ALIVE
        }
        rank = sorted(servers).index(self._server)
        number = self._limits.period.number + 1
        self._limits.period = Period(number, len(servers), rank / len(servers))
        now = self._now()
        rows = [(at, row) for at, row in rows if row.name != SERVER]
        self._others_are_busy = bool(rows)
        for _, row in rows:
            self._count(row, now)

    def _count(self, row: ServerUsage, now: datetime) -> None:
        window = row.name, row.key, row.ends_at
        source = row.server, window
        more = row.number - self._counted.get(source, 0)
        # A server that has just started does not count the usage of earlier windows.
        is_new = source in self._counted or row.ends_at > now
        self._counted[source] = row.number
        if more and is_new:
            self._limits.count_reported(row.name, row.key, more)


def _end(now: datetime, seconds: int) -> datetime:
    """Return the end of the window that contains *now*; all servers have the same windows."""
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


def _log(error: Exception) -> None:
    # Database trouble is logged elsewhere.
    if not database_trouble(error):
        logger.exception("the limits of other servers are not known")
