"""The log: a line for each event, whatever the event tells of."""

import io
import logging
import sys

import pytest
from skylogin import config, logs

ODD = "al\nice\x1b[2J\u202e"


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_message_is_one_line(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that a client sent begins another line, or controls a terminal."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logger = logging.getLogger("skylogin")
    before = (logger.handlers, logger.level, logger.propagate)
    try:
        logs.set_up(config.read({"LOG_FORMATTER": kind}, config.DEV))
        logger.warning("refused %s", ODD)
    finally:
        logger.handlers, logger.level, logger.propagate = before

    line = stream.getvalue().removesuffix("\n")
    assert line.isprintable()
    assert "[2J" in line
