"""Limits on wrong passwords and tokens, for each address that they come from."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from skylogin.clock import monotonic

FREE_FAILURES = 5
WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 10, 300
# A source that was quiet for this long starts anew.
FORGET_SECONDS = 3600
SOURCES_MAX = 10_000


@dataclass(slots=True)
class _Source:
    failures: int = 0
    failed_at: float = 0
    may_try_at: float = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class AttemptLimits:
    """Which sources failed lately, and how long each has to wait before its next attempt.

    Each failure is passed to *report*; `count` also gets those that other servers reported.
    """

    def __init__(
        self,
        now: Callable[[], float] = monotonic,
        sources_max: int = SOURCES_MAX,
        free_failures: float = FREE_FAILURES,
        report: Callable[[str], None] = lambda source: None,
    ):
        self._now = now
        self._report = report
        self._free_failures = free_failures
        self._sources_max = sources_max
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    @asynccontextmanager
    async def one_at_a_time(self, source: str) -> AsyncIterator[None]:
        """Let the attempts of *source* run one after the other."""
        async with self._find_or_add(source).lock:
            yield

    async def wait_seconds(self, source: str) -> int:
        """Return how long *source* has to wait, rounded up."""
        known = self._find(source)
        return 0 if known is None else max(0, math.ceil(known.may_try_at - self._now()))

    async def fail(self, source: str) -> int:
        """Count a failure, and return how many there are; after the first few, the wait doubles."""
        self._report(source)
        return self.count(source, 1)

    def count(self, source: str, number: int) -> int:
        """Count failures, also those on other servers, and return how many there are."""
        known, now = self._find_or_add(source), self._now()
        known.failures += number
        known.failed_at = now
        doublings = known.failures - self._free_failures
        if doublings >= 0:
            # A large number of doublings would not fit into a float.
            wait = WAIT_SECONDS_MIN * 2 ** min(int(doublings), WAIT_SECONDS_MAX.bit_length())
            known.may_try_at = now + min(wait, WAIT_SECONDS_MAX)
        return known.failures

    async def succeed(self, source: str) -> None:
        """Forget the failures of *source*."""
        self._sources.pop(source, None)

    def _find(self, source: str) -> _Source | None:
        known = self._sources.get(source)
        if known is not None and known.failures and self._now() - known.failed_at >= FORGET_SECONDS:
            del self._sources[source]
            return None
        return known

    def _find_or_add(self, source: str) -> _Source:
        known = self._find(source) or self._sources.setdefault(source, _Source())
        self._sources.move_to_end(source)
        if len(self._sources) > self._sources_max:
            self._sources.popitem(last=False)
        return known
