"""Logging: one line an event on stderr, as text or as JSON. Never a body, a token or a key."""

import logging
import sys

from skylogin.config import Settings

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(settings: Settings) -> None:
    """Send what skylogin logs to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings.log_format))
    logger = logging.getLogger("skylogin")
    logger.handlers = [handler]
    logger.setLevel(settings.log_level.upper())
    logger.propagate = False


def _formatter(kind: str) -> logging.Formatter:
    if kind != "json":
        return logging.Formatter(_FORMAT)
    # Only who asks for JSON pays for its import.
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    return JsonFormatter(_FORMAT, rename_fields={"levelname": "level", "asctime": "time"})
