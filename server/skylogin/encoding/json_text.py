"""JSON as the original reads and writes it. Pure.

The original uses Go's encoding/json, which differs from Python's json in invalid
UTF-8, lone surrogates, numbers too large for a double, repeated keys and bytes
after the first value.
"""

import contextlib
import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, Union

import orjson

JsonValue = Union[  # noqa: UP007
    None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]
]

NESTING_MAX = 512
TOO_DEEP = f"nested deeper than {NESTING_MAX} levels"
TRAILING_TEXT = "text follows the JSON value"
_BLANKS = " \t\n\r"
DOUBLE_EXACT_MAX = 2**53
_PLAIN_NUMBER_MAX = 1e21
_INTEGER_DIGITS_MAX = 300
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
# A string that is not closed matches to the end, so that no text is looked through twice.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[][{}]', re.DOTALL)
# orjson makes a double of a larger integer. Replacing every digit by a zero and searching for this
# text takes an eighth of the time of a regular expression.
_LARGE_INTEGER = b"0" * 19
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")
_TRAILING_COMMA = re.compile(r",[ \t\n\r]*(?=[]}])")
_NEEDS_ESCAPE = re.compile("[<>&]|\u2028|\u2029".encode())


class NotJsonError(ValueError):
    """The text is not JSON, or is nested too deeply.

    *line* is the line of the problem, 0 if it has none.
    """

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


class OutOfRange:
    """A number too large for a double. Code that uses such a value has to refuse it."""


OUT_OF_RANGE: Final = OutOfRange()
# What `surrogateescape` makes of bytes that are not UTF-8. An error handler of our own would be
# called for each of them, which takes half a second for 2 MiB.
_REPLACED = {0xDC00 + byte: "\ufffd" for byte in range(0x80, 0x100)}
PART = 65_536


def decode(data: bytes) -> str:
    """Return *data* as text. Each byte that is not UTF-8 becomes U+FFFD, as in Go."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        text = data.decode("utf-8", "surrogateescape")
        # In parts, between which other threads run.
        parts = (text[at : at + PART] for at in range(0, len(text), PART))
        return "".join(part.translate(_REPLACED) for part in parts)


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python's json reads. Raises NotJsonError."""
    raise NotJsonError(f"{name} is not JSON")


def _refuse_large(literal: str) -> object:
    raise NotJsonError(f"{literal[:40]} is too large for a double")


def _decoder(large: Callable[[str], object], **options: Any) -> json.JSONDecoder:
    """Return a decoder that makes integers int, others float, and calls *large* if neither fits."""

    def read_double(literal: str) -> object:
        value = float(literal)
        return large(literal) if math.isinf(value) else value

    def read_integer(literal: str) -> object:
        return int(literal) if len(literal) <= _INTEGER_DIGITS_MAX else read_double(literal)

    return json.JSONDecoder(
        parse_int=read_integer, parse_float=read_double, parse_constant=refuse_constant, **options
    )


_OBJECTS = _decoder(_refuse_large)
_MEMBERS = _decoder(lambda _: OUT_OF_RANGE, object_pairs_hook=tuple)


def read_first_of(data: bytes) -> object:
    """Return the first JSON value of *data*, as `read_first` does. Raises NotJsonError.

    orjson reads nearly every text that clients send, and many times as fast. What it refuses,
    such as invalid UTF-8 or text after the value, may still be JSON for Go.
    """
    if _LARGE_INTEGER not in data.translate(_DIGITS_AS_ZERO):
        with contextlib.suppress(orjson.JSONDecodeError):
            value: object = orjson.loads(data)
            if data.count(b"[") + data.count(b"{") > NESTING_MAX:
                check_nesting(data.decode())
            return value
    value, _ = read_first(decode(data))
    return value


def has_more_values(data: bytes, values_max: int) -> bool:
    """Return whether *data* has more than *values_max* lists, objects and commas.

    That is about the number of its values. It is counted before *data* is read, because a list
    of a million lists keeps the interpreter busy for a second.
    """
    if _count_marks(data) <= values_max:
        return False
    # Those in strings do not count. A value has at most two strings: itself and its name.
    plain = data.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 4 * values_max + 2:
        return True
    return _count_marks(b"".join(plain.split(b'"')[::2])) > values_max


def _count_marks(data: bytes) -> int:
    return data.count(b"[") + data.count(b"{") + data.count(b",")


def read_first(text: str) -> tuple[object, int]:
    """Return the first JSON value of *text* and the index after it. Raises NotJsonError.

    The last of repeated keys counts. A number too large for a double is an error.
    """
    return _read(_OBJECTS, text)


def read_first_members(text: str) -> object:
    """Return the first JSON value of *text*, objects as tuples of (name, value), for repeated keys.

    A number too large for a double is OUT_OF_RANGE, because it is an error in Go only if it is
    stored. Raises NotJsonError.
    """
    value, _ = _read(_MEMBERS, text)
    return value


def _read(decoder: json.JSONDecoder, text: str) -> tuple[object, int]:
    check_nesting(text)
    start = len(text) - len(text.lstrip(_BLANKS))
    try:
        value, end = decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise syntax_error(error) from error
    except RecursionError:
        raise NotJsonError(TOO_DEEP) from None
    if "\\u" in text and _SURROGATE_ESCAPE.search(text):
        value = without_surrogates(value)
    return value, end


def syntax_error(error: json.JSONDecodeError) -> NotJsonError:
    """Return the error for a text that `json` cannot read, in our own words.

    Its words, and the place of a trailing comma, differ between versions of Python.
    """
    text = error.doc
    comma = _TRAILING_COMMA.match(text, error.pos)
    index = comma.end() if comma else error.pos
    line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
    what = f"unexpected {text[index]!r}" if text[index:].strip(_BLANKS) else "unexpected end"
    return NotJsonError(f"{what} in line {line}, column {column}", line)


def read_whole(text: str) -> object:
    """Return the only JSON value of *text*. Raises NotJsonError."""
    value, end = read_first(text)
    if text[end:].strip(_BLANKS):
        raise NotJsonError(TRAILING_TEXT)
    return value


def check_nesting(text: str) -> None:
    """Raise NotJsonError if the first value of *text* is nested deeper than NESTING_MAX levels."""
    if too_deep(text):
        raise NotJsonError(TOO_DEEP)


def too_deep(text: str, nesting_max: int = NESTING_MAX) -> bool:
    """Return whether the first value of *text* is nested deeper than *nesting_max* levels."""
    if text.count("[") + text.count("{") <= nesting_max:
        return False
    if not text.lstrip(_BLANKS).startswith(("[", "{")):
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > nesting_max:
                return True
        elif mark in "]}":
            depth -= 1
            if depth <= 0:
                break
    return False


def without_surrogates(value: object) -> object:
    """Return *value* with each lone surrogate replaced by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    # A comprehension would need a second frame for each level of nesting.
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(without_surrogates(item))
        return items
    if isinstance(value, dict | tuple):
        members = []
        for name, item in value.items() if isinstance(value, dict) else value:
            members.append((_SURROGATE.sub("\ufffd", name), without_surrogates(item)))
        return dict(members) if isinstance(value, dict) else tuple(members)
    return value


def as_double(number: float) -> float:
    """Return *number* as the double that the original makes of it, whole numbers as int.

    The int has the digits that Go prints, the shortest that give the same double:
    12345678901234567890 becomes 12345678901234567000.
    """
    value = float(number)
    if not value.is_integer() or abs(value) >= _PLAIN_NUMBER_MAX:
        return value
    return int(value) if abs(value) <= DOUBLE_EXACT_MAX else int(Decimal(repr(value)))


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)


def write(value: object) -> bytes:
    """Return *value* as JSON for the wire, with `<`, `>` and `&` escaped as Go does."""
    return escape_html(_dump(value))


def write_as_go(value: object) -> bytes:
    """Return *value* as exactly the bytes that Go writes; `write` differs in two escapes."""
    data = write(value)
    return _ESCAPED.sub(_escape_as_go, data) if b"\\" in data else data


_ESCAPED = re.compile(rb"\\.")


def _escape_as_go(match: re.Match[bytes]) -> bytes:
    return {rb"\b": rb"\u0008", rb"\f": rb"\u000c"}.get(match[0], match[0])


def escape_html(data: bytes) -> bytes:
    """Return JSON with the characters escaped that Go escapes for HTML pages."""
    # Few answers have any of them, and searching for a byte is faster than the pattern.
    # The last one starts U+2028 and U+2029.
    if b"<" in data or b">" in data or b"&" in data or b"\xe2\x80" in data:
        return _NEEDS_ESCAPE.sub(_escape, data)
    return data


def _escape(match: re.Match[bytes]) -> bytes:
    return f"\\u{ord(match[0].decode()):04x}".encode()


def write_stored(value: object) -> str:
    """Return *value* as JSON for the database."""
    return _dump(value).decode()


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson refuses integers of more than 64 bits, and lone surrogates in a header.
        return _ENCODER.encode(value).encode("utf-8", "replace")


def _read_stored_integer(literal: str) -> float:
    return as_double(int(literal)) if len(literal) > len(str(DOUBLE_EXACT_MAX)) else int(literal)


# PostgreSQL's jsonb returns 1e300 with all its digits; it has to become a double again.
_STORED = json.JSONDecoder(parse_int=_read_stored_integer)


def read_stored(text: str) -> JsonValue:
    """Return what `write_stored` wrote, even if the database spells numbers differently."""
    value: JsonValue = _STORED.decode(text)
    return value
