"""JSON that is passed on as it was written, as by Go's json.RawMessage. Pure."""

import json
import re

from skylogin.encoding.json_text import (
    TOO_DEEP,
    TRAILING_TEXT,
    NotJsonError,
    check_nesting,
    escape_html,
    refuse_constant,
    syntax_error,
    without_surrogates,
)

_BLANKS = re.compile(r"[ \t\n\r]*")
_STRING_OR_BLANKS = re.compile(r'("(?:[^"\\]++|\\.)*+")|[ \t\n\r]+', re.DOTALL)


_DECODER = json.JSONDecoder(
    parse_int=lambda _: 0, parse_float=lambda _: 0, parse_constant=refuse_constant
)


def write(text: str) -> bytes:
    """Return the JSON *text* for the wire: without blanks, and otherwise as it was written."""
    return escape_html(_STRING_OR_BLANKS.sub(r"\1", text).encode())


def read_members(text: str) -> object:
    """Return the only JSON value of *text*, an object as a list of (name, value, value's text).

    Numbers are not read: each of them is 0 in the values. Raises NotJsonError.
    """
    check_nesting(text)
    try:
        value, end = _read(text, _skip_blanks(text, 0))
    except json.JSONDecodeError as error:
        raise syntax_error(error) from error
    except RecursionError:
        raise NotJsonError(TOO_DEEP) from None
    if _skip_blanks(text, end) != len(text):
        raise NotJsonError(TRAILING_TEXT)
    return value


def _read(text: str, index: int) -> tuple[object, int]:
    if not text.startswith("{", index):
        return _DECODER.raw_decode(text, index)
    members: list[tuple[object, object, str]] = []
    index = _skip_blanks(text, index + 1)
    if text.startswith("}", index):
        return members, index + 1
    while True:
        if not text.startswith('"', index):
            raise json.JSONDecodeError("no name", text, index)
        name, index = _DECODER.raw_decode(text, index)
        start = _skip_blanks(text, _skip(":", text, _skip_blanks(text, index)))
        value, end = _DECODER.raw_decode(text, start)
        members.append((without_surrogates(name), without_surrogates(value), text[start:end]))
        index = _skip_blanks(text, end)
        if text.startswith("}", index):
            return members, index + 1
        index = _skip_blanks(text, _skip(",", text, index))


def _skip_blanks(text: str, index: int) -> int:
    match = _BLANKS.match(text, index)
    return match.end() if match else index


def _skip(mark: str, text: str, index: int) -> int:
    if not text.startswith(mark, index):
        raise json.JSONDecodeError(f"no {mark}", text, index)
    return index + 1
