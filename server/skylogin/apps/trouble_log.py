"""Log why the database or the token store fails, once a minute for each cause."""

import logging
from collections import Counter
from collections.abc import Callable

from skylogin.clock import Throttle, monotonic
from skylogin.errors import Reason, SkygearError

logger = logging.getLogger("skylogin.trouble")

# Further causes together log one line a minute.
CAUSES_MAX = 10
_TROUBLES = (
    Reason.DATABASE_UNAVAILABLE,
    Reason.TOKEN_STORE_UNAVAILABLE,
    Reason.COMMITTED_WITHOUT_TOKEN,
)


class TroubleLog:
    """Logs each cause once a minute, with the number of calls that failed because of it."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._lines = Throttle(now)
        self._causes: set[str] = set()
        self._calls: Counter[str] = Counter()

    def note(self, error: Exception, about: str) -> None:
        """Log the failure of *about*, a call, if the database or the token store is the cause."""
        if not isinstance(error, SkygearError) or error.reason not in _TROUBLES:
            return
        cause = error.explanation
        if len(self._causes) < CAUSES_MAX:
            self._causes.add(cause)
        kind = cause if cause in self._causes else ""
        self._calls[kind] += 1
        if self._lines.allows(kind):
            calls = self._calls.pop(kind)
            logger.error("%s: %s (calls since the line before: %d)", about, cause, calls)
