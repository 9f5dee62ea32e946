"""Logging to stderr: a line for each event, as text or JSON, without bodies, tokens or keys.

Many messages contain what a client wrote, so every line is cut and control characters are escaped.
"""

import copy
import logging
import shutil
import sys
import traceback
from collections.abc import Collection

from skylogin import config
from skylogin.clock import Throttle
from skylogin.config import Settings
from skylogin.domain import redaction
from skylogin.encoding import visible, widths

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Ours, and those of libraries that log what clients do.
LOGGERS = ("skylogin", "aiohttp", "asyncio", "opentelemetry")
# Logs a line for each call, if a setting asks for it.
CALLS = "skylogin.calls"
# Off by default, also in a process that sets up logging itself, such as a test run.
logging.getLogger(CALLS).setLevel(logging.WARNING)
MESSAGE_CHARACTERS_MAX = 4000
ACTION_WIDTH = 30
QUOTED_CHARACTERS_MAX = 200
TRACEBACK_LINES_MAX = 100


def quoted(text: str) -> str:
    """Return what a client wrote as a message shows it: in quotes, and not too long."""
    return visible.json_text(shown(text))


def shown(text: str) -> str:
    """Return what a client wrote, cut, and without the signatures of tokens."""
    return redaction.text(_cut(text, QUOTED_CHARACTERS_MAX))


def set_up(settings: Settings, *, for_people: bool = False) -> None:
    """Log to stderr, in the format and at the level of *settings*.

    A terminal shows calls *for_people* as lines that fit into it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
    logging.getLogger("skylogin").setLevel(settings.log_level.upper())
    calls = logging.getLogger(CALLS)
    calls.setLevel(logging.INFO if settings.log_calls else logging.WARNING)
    calls.handlers, calls.propagate = [], True
    if for_people and settings.log_format != "json" and sys.stderr.isatty():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_CallFormatter())
        calls.handlers, calls.propagate = [handler], False


class _Bounded:
    """Makes bounded records of what is logged.

    A kind of crash is logged in full once a minute, because a client can repeat it at will.
    """

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = secrets
        self._in_full = Throttle()

    def __call__(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy of *record* whose message and traceback are short."""
        bounded = copy.copy(record)
        message = record.getMessage()
        bounded.exc_text = bounded.stack_info = None
        error = record.exc_info[1] if record.exc_info else None
        bounded.exc_info = None
        if error is not None:
            file, line = _place_of(error)
            if self._in_full.allows((file, line, type(error))):
                bounded.exc_text = redaction.text(_traceback_of(error), self._secrets)
            else:
                message += f": {type(error).__name__} again, at {file}:{line}"
        message = redaction.text(message, self._secrets)
        bounded.msg, bounded.args = _cut(message, MESSAGE_CHARACTERS_MAX), ()
        return bounded


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    return f"{text[:length]}… ({len(text)} characters)"


def _place_of(error: BaseException) -> tuple[str, int]:
    """Return the file and the line that raised *error*."""
    trace = error.__traceback__
    if trace is None:
        return "?", 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def _traceback_of(error: BaseException) -> str:
    """Return the end of the traceback; its lines are indented, so that none looks like an event."""
    lines = "".join(traceback.format_exception(error)).removesuffix("\n").split("\n")
    return "\n".join(
        f"    {visible.text(_cut(line, MESSAGE_CHARACTERS_MAX))}"
        for line in lines[-TRACEBACK_LINES_MAX:]
    )


class _TextFormatter(logging.Formatter):
    """Writes each message as one line without control characters."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__(_FORMAT)
        self._bounded = _Bounded(secrets)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of *record*, and the lines of its traceback."""
        return super().format(self._bounded(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of *record*."""
        record.message = visible.text(record.message)
        return super().formatMessage(record)


class _CallFormatter(logging.Formatter):
    """Writes a call as one line that is not wider than the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line: the time, the status, the action, and why it was refused."""
        facts = vars(record)
        why = ": ".join(filter(None, (facts["reason"], facts["explanation"])))
        action = widths.short(facts["action"] or facts["path"], ACTION_WIDTH)
        text = f"{self.formatTime(record, '%H:%M:%S')}  {facts['status']}  {action}  {why}"
        columns = shutil.get_terminal_size().columns
        return widths.beginning(visible.text(text, sys.stderr.encoding).rstrip(), columns)


def _formatter(settings: Settings) -> logging.Formatter:
    # The traceback of a crash may quote secrets.
    secrets = config.secrets_of(settings)
    if settings.log_format != "json":
        return _TextFormatter(secrets)
    # On the start-up list: the text format does not need it.
    from pythonjsonlogger.json import JsonFormatter  # noqa: PLC0415

    class BoundedJsonFormatter(JsonFormatter):
        bounded = _Bounded(secrets)

        def format(self, record: logging.LogRecord) -> str:
            return super().format(self.bounded(record))

    return BoundedJsonFormatter(_FORMAT, rename_fields={"levelname": "level", "asctime": "time"})
