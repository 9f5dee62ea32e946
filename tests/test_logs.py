"""The log: a line for each event, whatever the event tells of."""

import io
import json
import logging
import sys
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from skylogin import config, logs

ODD = "al\nice\r\x1b[2J\u202e\x00\x85\u2028" + "x" * 100_000
CHARACTERS_MAX, TIMES = 5000, 5
KINDS = pytest.mark.parametrize("kind", ["text", "json"])
# Sets up a log, and returns what is written to it.
Open = Callable[[str], io.StringIO]


@pytest.fixture
def open_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Let logs be set up, for the time of a test."""
    loggers = [logging.getLogger(name) for name in (*logs.LOGGERS, logs.CALLS)]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]

    def set_up(kind: str) -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up(config.read({"LOG_FORMATTER": kind}, config.DEV))
        return stream

    yield set_up
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.level, logger.propagate = handlers, level, propagate


class Terminal(io.StringIO):
    """Standard error on a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Return whether it is one."""
        return True


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("action", ["auth:login", "", "a:" + "b" * 300, "倉庫:" + "\u4e2d" * 99])
def test_a_terminal_shows_a_call_on_one_line(
    open_log: Open, monkeypatch: pytest.MonkeyPatch, action: str, columns: int
) -> None:
    """However wide it is: wide letters count twice."""
    monkeypatch.setenv("COLUMNS", str(columns))
    open_log("text")
    monkeypatch.setattr(sys, "stderr", Terminal())
    settings = config.read({"SKYLOGIN_LOG_CALLS": "yes"}, config.DEV)
    logs.set_up(settings, for_people=True)
    facts = {"status": 401, "action": action, "path": "/path", "reason": "signature_wrong"}

    calls = logging.getLogger(logs.CALLS)
    calls.info("", extra={**facts, "explanation": "中" * 99 + "\x1b\n" * 99})

    assert isinstance(sys.stderr, Terminal)
    [line] = sys.stderr.getvalue().splitlines()
    widths = [2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line]
    assert columns - 1 <= sum(widths) <= columns
    assert line[10:15] == "401  "
    assert (action or "/path")[:5] in line
    assert "\x1b" not in line


def crash(text: str) -> None:
    """Log a crash, always of one kind."""
    try:
        raise ValueError(text)
    except ValueError:
        logging.getLogger("skylogin.web").exception("crashed: %s", logs.quoted(text))


def crash_otherwise() -> None:
    """Log a crash of another kind."""
    try:
        raise KeyError("name")
    except KeyError:
        logging.getLogger("skylogin.web").exception("crashed")


@KINDS
@pytest.mark.parametrize("name", ["skylogin.web", "asyncio", "aiohttp.server"])
def test_a_message_is_one_short_line(name: str, kind: str, open_log: Open) -> None:
    """Nothing that a client sent begins another line, or controls a terminal."""
    stream = open_log(kind)

    logging.getLogger(name).warning("refused %s", ODD)

    line = stream.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert "[2J" in line
    assert len(line) < CHARACTERS_MAX


@KINDS
def test_the_text_of_an_error_begins_no_line(kind: str, open_log: Open) -> None:
    """Every line of a traceback is indented, or part of a line of JSON."""
    stream = open_log(kind)

    crash("a\n2026-01-01 00:00:00,000 INFO skylogin: forged\x1b[2J" + "x" * 100_000)

    first, *lines = stream.getvalue().splitlines()
    assert "forged" in first
    assert all(line.isprintable() and line.startswith("    ") for line in lines)
    assert len(stream.getvalue()) < 4 * CHARACTERS_MAX


@KINDS
def test_a_crash_of_one_kind_is_logged_in_full_once_a_minute(kind: str, open_log: Open) -> None:
    """Its repetitions are lines that tell where it was."""
    stream = open_log(kind)

    for number in range(TIMES):
        crash(f"number {number}")
    crash_otherwise()

    text = stream.getvalue()
    assert text.count("Traceback") == len(("ValueError", "KeyError"))
    assert text.count("ValueError again, at ") == TIMES - 1
    assert all(f"number {number}" in text for number in range(TIMES))


def test_json_has_the_whole_event_in_one_line(open_log: Open) -> None:
    """With its traceback as a member."""
    stream = open_log("json")

    crash("a\nb")

    event = json.loads(stream.getvalue())
    assert event["message"] == r'crashed: "a\nb"'
    assert event["level"] == "ERROR"
    assert "ValueError: a" in event["exc_info"]


def test_quoted_text_is_cut() -> None:
    """It says how long it was."""
    assert logs.quoted('a"b\n') == r'"a\"b\n"'
    assert logs.quoted("x" * 1000) == f'"{"x" * 200}… (1000 characters)"'
