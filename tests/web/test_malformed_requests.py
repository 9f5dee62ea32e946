"""Malformed requests in the log."""

import logging

from aiohttp.http_exceptions import BadHttpMessage
from skylogin.clock import MINUTE_SECONDS
from skylogin.web.malformed_requests import MalformedRequests


def test_a_stranger_does_not_fill_the_log() -> None:
    """There is one line a minute, with their number, and nothing of what was sent."""
    now = 0.0
    is_logged = MalformedRequests(lambda: now)

    def lines(number: int) -> list[str]:
        records = [record_of(BadHttpMessage("a-key-of-this-test")) for _ in range(number)]
        return [record.getMessage() for record in records if is_logged(record)]

    assert lines(1000) == [f"{LINE}; refused so far: 1"]
    now = MINUTE_SECONDS - 1
    assert lines(2) == []
    now = MINUTE_SECONDS
    assert lines(2) == [f"{LINE}; refused so far: 1003"]


def test_other_errors_are_logged_as_they_are() -> None:
    """With their traceback."""
    record = record_of(RuntimeError("broken"))

    assert MalformedRequests()(record)
    assert record.exc_info
    assert record.getMessage() == "Error handling request"


LINE = "refused a request that is not HTTP: BadHttpMessage"


def record_of(error: Exception) -> logging.LogRecord:
    """Return the record that aiohttp makes of an error."""
    place = (logging.ERROR, "file", 1)
    information = (type(error), error, None)
    return logging.LogRecord("skylogin.http", *place, "Error handling request", (), information)
