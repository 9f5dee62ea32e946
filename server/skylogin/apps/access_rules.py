"""The rules of an app, and when to read them again."""

import asyncio
import time
from collections.abc import Callable

from skylogin.database import Store
from skylogin.domain.access import AccessRules
from skylogin.store import access_rules

FRESH_SECONDS = 1.0


class AccessCache:
    """The rules of an app, read again when they are older than a second.

    Whoever changes them here has them forgotten, so that this node sees it at
    once and every other within a second.
    """

    def __init__(
        self, store: Store, app: str, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._app = app
        self._monotonic = monotonic
        self._rules = AccessRules()
        self._read_at = float("-inf")
        self._forgotten = 0
        # Who comes while they are read waits, or would find none at the start.
        self._reading = asyncio.Lock()

    async def rules(self) -> AccessRules:
        """Return the rules that go now."""
        if self._is_fresh():
            return self._rules
        async with self._reading:
            while not self._is_fresh():
                moment, forgotten = self._monotonic(), self._forgotten
                rules = await self._store.run(
                    lambda tx: access_rules.load(tx, self._app), write=False
                )
                if forgotten == self._forgotten:
                    # Otherwise they changed while they were read.
                    self._rules, self._read_at = rules, moment
        return self._rules

    def forget(self) -> None:
        """Have the rules read again when they are next asked for."""
        self._forgotten += 1
        self._read_at = float("-inf")

    def _is_fresh(self) -> bool:
        return self._monotonic() - self._read_at < FRESH_SECONDS
