"""Malformed requests in the log: at most one line a minute."""

import logging
from collections.abc import Callable

from aiohttp.http_exceptions import HttpProcessingError

from skylogin.clock import Throttle, monotonic


class MalformedRequests:
    """A log filter that also removes aiohttp's quote of the request, which may contain a key."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._lines = Throttle(now)
        self._number = 0

    def __call__(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is logged, and shorten one about a malformed request."""
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        self._number += 1
        if not self._lines.allows():
            return False
        record.msg = "refused a request that is not HTTP: %s; refused so far: %d"
        record.args = (type(error).__name__, self._number)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True
