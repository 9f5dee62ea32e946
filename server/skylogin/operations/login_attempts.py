"""Attempts to log in: find them, follow them, wait for one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import timedelta

from skylogin.database import Transaction
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.ids import timed_prefix
from skylogin.operations.operator import MissingError, Operator
from skylogin.store import login_attempts as stored_journal

POLL_SECONDS = 0.2
# An id begins with the time of its call, and the entry may be committed that much later.
LATE_MAX = timedelta(seconds=5)
# Where more come at once, nobody can look at them all.
FOLLOWED_AT_ONCE_MAX = 1000


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """Some attempts, the newest first; *next_cursor* is empty on the last page."""

    attempts: list[LogEntry]
    next_cursor: str


async def find(
    operator: Operator, app: str, wanted: Filter, cursor: str = "", limit: int = 50
) -> AttemptPage:
    """Return the latest attempts that *wanted* is about, or those before *cursor*."""
    await operator.flush(app)
    found = await operator.store.run(
        lambda tx: stored_journal.find(tx, app, wanted, cursor, limit + 1), write=False
    )
    has_more = len(found) > limit
    return AttemptPage(found[:limit], found[limit - 1].id if has_more else "")


async def get(operator: Operator, app: str, attempt_id: str) -> LogEntry:
    """Return one attempt. Raises MissingError."""
    await operator.flush(app)
    found = await operator.store.run(
        lambda tx: stored_journal.load(tx, app, attempt_id), write=False
    )
    if found is None:
        raise MissingError(f"there is no attempt {attempt_id} in the journal")
    return found


async def follow(
    operator: Operator, app: str, wanted: Filter, after: str = ""
) -> AsyncGenerator[LogEntry, None]:
    """Give every matching attempt from now on, each once, the oldest first.

    With *after* also those that are there already and came after that one. Attempts of
    other nodes are among them, and those that are committed late; of more than a thousand
    in a few seconds only the latest.
    """
    first_id = after or timed_prefix(operator.arrival - LATE_MAX)
    seen = {} if after else await _look(operator, app, replace(wanted, first_id=first_id))
    if after:
        await get(operator, app, after)
    while True:
        known = await _look(operator, app, replace(wanted, first_id=first_id))
        for attempt_id in sorted(set(known) - set(seen)):
            if attempt_id > after:
                yield known[attempt_id]
        seen = known
        first_id = max(first_id, timed_prefix(operator.arrival - LATE_MAX))
        await asyncio.sleep(POLL_SECONDS)


async def _look(operator: Operator, app: str, wanted: Filter) -> dict[str, LogEntry]:
    await operator.flush(app)

    async def load(tx: Transaction) -> list[LogEntry]:
        return await stored_journal.find(tx, app, wanted, "", FOLLOWED_AT_ONCE_MAX)

    return {entry.id: entry for entry in await operator.store.run(load, write=False)}


async def wait(
    operator: Operator, app: str, wanted: Filter, timeout_seconds: float, after: str = ""
) -> LogEntry | None:
    """Return the next attempt that matches, or the first after *after*; None at the time-out."""
    # Where a test's own thread began it, it is a task only after its first wait.
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(timeout_seconds):
            async with aclosing(follow(operator, app, wanted, after)) as attempts:
                async for attempt in attempts:
                    return attempt
    except TimeoutError:
        pass
    return None
