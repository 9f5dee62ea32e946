"""Logging to stderr: a line for each event, as text or JSON, without bodies, tokens or keys."""

import logging
import sys

from skylogin.config import Settings
from skylogin.encoding import visible

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(settings: Settings) -> None:
    """Log to stderr, in the format and from the level that *settings* have."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.log_format))
    logger = logging.getLogger("skylogin")
    logger.handlers = [handler]
    logger.setLevel(settings.log_level.upper())
    logger.propagate = False


class _TextFormatter(logging.Formatter):
    """Writes each message as one line, in which nothing controls a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        record.message = visible.text(record.message)
        return super().formatMessage(record)


def _formatter(kind: str) -> logging.Formatter:
    if kind != "json":
        return _TextFormatter(_FORMAT)
    # On the start-up list: the text format does not need it.
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    return JsonFormatter(_FORMAT, rename_fields={"levelname": "level", "asctime": "time"})
