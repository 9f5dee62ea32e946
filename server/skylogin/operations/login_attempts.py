"""Login attempts: find them, follow new ones, wait for one."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from datetime import timedelta

from skylogin.apps.limits import source_of
from skylogin.database import Transaction
from skylogin.domain.limit_table import STREAMS
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.ids import timed_prefix
from skylogin.operations.operator import MissingError, Operator
from skylogin.store import login_attempts as stored_attempts

POLL_SECONDS = 0.2
# An id begins with the time of its call; its entry may be committed this much later.
LATE_MAX = timedelta(seconds=5)
# If more are new at once, the oldest of them are left out.
FOLLOWED_AT_ONCE_MAX = 1000
COUNTED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class AttemptPage:
    """A page of login attempts, newest first; *next_cursor* is empty on the last page."""

    attempts: list[LogEntry]
    next_cursor: str


async def find(
    operator: Operator, app: str, wanted: Filter, cursor: str = "", limit: int = 50
) -> AttemptPage:
    """Return the latest login attempts that match *wanted*, or those before *cursor*."""
    await operator.flush(app)
    found = await operator.store.run(
        lambda tx: stored_attempts.find(tx, app, wanted, cursor, limit + 1), write=False
    )
    has_more = len(found) > limit
    return AttemptPage(found[:limit], found[limit - 1].id if has_more else "")


async def count_by_reason(operator: Operator, app: str, wanted: Filter) -> dict[str, int]:
    """Count the latest login attempts that match *wanted*, at most COUNTED_MAX, by reason."""
    return await operator.store.run(
        lambda tx: stored_attempts.count_by_reason(tx, app, wanted, COUNTED_MAX), write=False
    )


async def get(operator: Operator, app: str, attempt_id: str) -> LogEntry:
    """Return one login attempt. Raises MissingError."""
    await operator.flush(app)
    found = await operator.store.run(
        lambda tx: stored_attempts.load(tx, app, attempt_id), write=False
    )
    if found is None:
        raise MissingError(f"the login log has no login attempt {attempt_id}")
    return found


async def follow(
    operator: Operator, app: str, wanted: Filter, after: str = ""
) -> AsyncGenerator[LogEntry, None]:
    """Yield every new login attempt that matches, each once, oldest first.

    With *after*, the existing ones after it come first. Attempts on other nodes, and attempts
    that are committed late, are included. If more than a thousand come within a few
    seconds, only the latest are yielded.
    """
    first_id = after or timed_prefix(operator.server_now() - LATE_MAX)
    seen = {} if after else await _load_from(operator, app, wanted, first_id)
    if after:
        await get(operator, app, after)
    while True:
        known = await _load_from(operator, app, wanted, first_id)
        for attempt_id in sorted(known.keys() - seen.keys()):
            if attempt_id > after:
                yield known[attempt_id]
        seen = known
        first_id = max(first_id, timed_prefix(operator.server_now() - LATE_MAX))
        await asyncio.sleep(POLL_SECONDS)


async def _load_from(
    operator: Operator, app: str, wanted: Filter, first_id: str
) -> dict[str, LogEntry]:
    await operator.flush(app)
    bounded = wanted._replace(first_id=first_id)

    async def load(tx: Transaction) -> list[LogEntry]:
        return await stored_attempts.find(tx, app, bounded, "", FOLLOWED_AT_ONCE_MAX)

    return {entry.id: entry for entry in await operator.store.run(load, write=False)}


def stream(operator: Operator) -> AbstractContextManager[None]:
    """Count a live stream of the operator's address. Raises SkygearError if it has too many."""
    return operator.limits.holding(STREAMS, source_of(operator.address))


async def wait(
    operator: Operator, app: str, wanted: Filter, timeout_seconds: float, after: str = ""
) -> LogEntry | None:
    """Return the next login attempt that matches, or the first after *after*; None on time-out."""
    try:
        async with (
            asyncio.timeout(timeout_seconds),
            aclosing(follow(operator, app, wanted, after)) as attempts,
        ):
            return await anext(attempts)
    except TimeoutError:
        return None
