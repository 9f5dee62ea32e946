"""Make the servers of one database keep to their limits together.

Once a second, each server writes what it took of the limits and reads what the others took: two
short statements, however many calls there were. All of them do so at the beginning of the clock's
second, so that each reads what the others have just written.
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
from skylogin.domain.rate import Turn
from skylogin.errors import database_trouble
from skylogin.store import limit_counts
from skylogin.store.limit_counts import Taken

logger = logging.getLogger("skylogin.limits")

# The others have written by then.
HEAR_AFTER_SECONDS = 0.1
# Rows in one statement. If there are more, the keys with the highest usage go first.
TOLD_MAX, HEARD_MAX = 1000, 5000
# A row may be committed this much later than its time says.
LATE = timedelta(seconds=3)
# A quiet server reports this often that it is alive; without a report, it is forgotten.
QUIET_SECONDS, ALIVE = 5, timedelta(seconds=20)
# A new server exchanges its usage every second, so that workers find each other soon.
MEETING_SECONDS = 10
SERVER, HOUR_SECONDS = "server", 3600
DROP_SECONDS = 60
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)

Window = tuple[str, str, datetime]


class SharedLimits:
    """Exchanges the usage of one server, called *server*, with the others."""

    def __init__(
        self, limits: Limits, store: Store, now: Callable[[], datetime], server: str
    ) -> None:
        self._limits = limits
        self._store = store
        self._now = now
        self._server = server
        self._taken: Counter[Window] = Counter()
        self._changed: set[Window] = set()
        self._heard: dict[tuple[str, Window], int] = {}
        # The time of the latest row that was read, by the database's clock.
        self._latest = _LONG_AGO
        self._has_heard = False
        self._began_at = monotonic()
        self._told_at = self._dropped_at = float("-inf")
        limits.untold = Counter()

    async def run(self) -> None:
        """Tell and hear once a second."""
        while True:
            await asyncio.sleep(1 - self._now().microsecond / 1_000_000)
            if not self._is_busy() and monotonic() - self._told_at < QUIET_SECONDS:
                continue
            await self.tell()
            await asyncio.sleep(HEAR_AFTER_SECONDS)
            await self.hear()

    def _is_busy(self) -> bool:
        """Return whether anything was taken lately, here or elsewhere."""
        if monotonic() - self._began_at < MEETING_SECONDS:
            return True
        return bool(self._limits.untold or self._changed or self._has_heard)

    async def tell(self) -> None:
        """Write what was taken. What cannot be written is kept until its window has ended."""
        now = self._now()
        drops = monotonic() - self._dropped_at >= DROP_SECONDS
        if drops:
            self._dropped_at = monotonic()
            self._forget_ended(now - ALIVE)
        untold, self._limits.untold = self._limits.untold or Counter(), Counter()
        for (name, key), amount in untold.items():
            # Limits that are not rates get windows too, so that the table stays small.
            seconds = self._limits.rules[name].seconds or HOUR_SECONDS
            window = name, key, _end(now, seconds)
            self._taken[window] += amount
            self._changed.add(window)
        told = self._changed
        if len(told) > TOLD_MAX:
            told = set(nlargest(TOLD_MAX, told, key=self._taken.__getitem__))
        # Sorted, so that two servers cannot deadlock.
        rows = [Taken(*window, self._server, self._taken[window]) for window in sorted(told)]
        rows.append(Taken(SERVER, "", _end(now, HOUR_SECONDS), self._server, 0))

        async def write(tx: Transaction) -> None:
            await limit_counts.save(tx, rows)
            if drops:
                await limit_counts.drop_ended(tx, now - ALIVE)

        try:
            await self._store.run(write)
        except Exception as error:
            _log(error)
            return
        self._changed -= told
        self._told_at = monotonic()

    def _forget_ended(self, before: datetime) -> None:
        for window in [window for window in self._taken if window[2] < before]:
            del self._taken[window]
            self._changed.discard(window)
        for heard in [heard for heard in self._heard if heard[1][2] < before]:
            del self._heard[heard]

    async def hear(self) -> None:
        """Read the usage of the others, and begin a turn."""
        since, alive_since = self._latest - LATE, self._latest - ALIVE

        async def read(tx: Transaction) -> list[tuple[datetime, Taken]]:
            always = SERVER, alive_since
            return await limit_counts.load(tx, self._server, since, always, HEARD_MAX)

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
        number = self._limits.turn.number + 1
        self._limits.turn = Turn(number, len(servers), rank / len(servers))
        now = self._now()
        rows = [(at, row) for at, row in rows if row.name != SERVER]
        self._has_heard = bool(rows)
        for _, row in rows:
            self._hear(row, now)

    def _hear(self, row: Taken, now: datetime) -> None:
        window = row.name, row.key, row.ends_at
        heard = row.server, window
        more = row.number - self._heard.get(heard, 0)
        # A server that has just started does not count the usage of earlier windows.
        is_new = heard in self._heard or row.ends_at > now
        self._heard[heard] = row.number
        if more and is_new:
            self._limits.hear(row.name, row.key, more)


def _end(now: datetime, seconds: int) -> datetime:
    """Return the end of the window that contains *now*; all servers have the same windows."""
    return datetime.fromtimestamp((int(now.timestamp()) // seconds + 1) * seconds, UTC)


def _log(error: Exception) -> None:
    # Database trouble is logged elsewhere.
    if not database_trouble(error):
        logger.exception("the limits of other servers are not known")
