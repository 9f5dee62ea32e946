"""How wide text is, counted in Latin letters, and text cut to a width."""

import itertools
import unicodedata


def beginning(text: str, width: int) -> str:
    """Return *text* without its end if it is wider than *width* letters."""
    return text if _is_within(text, width) else f"{_first(text, width - 1)}…"


def short(text: str, width: int) -> str:
    """Return *text* without its middle if it is wider than *width* letters."""
    if _is_within(text, width):
        return text
    start, end = width * 2 // 3, width // 3 - 1
    return f"{_first(text, start)}…{_first(text[::-1], end)[::-1]}"


def _is_within(text: str, width: int) -> bool:
    return sum(map(_width, text)) <= width


def _first(text: str, width: int) -> str:
    """Return the beginning of *text* that is at most *width* letters wide."""
    widths = itertools.accumulate(map(_width, text))
    return text[: sum(1 for _ in itertools.takewhile(lambda reached: reached <= width, widths))]


def _width(letter: str) -> int:
    """Return the width in Latin letters: 2 for Chinese, Japanese and Korean letters."""
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
