"""JSON as the original reads and writes it. Pure.

The original is written in Go, so this is Go's encoding/json where it differs
from Python's json: bytes that are no UTF-8, lone surrogates, numbers beyond a
double, repeated keys, bytes after the first value.
"""

import codecs
import json
import re
from decimal import Decimal
from typing import Final, Union

import orjson

JsonValue = Union[  # noqa: UP007
    None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]
]

NESTING_MAX = 512
_BLANKS = " \t\n\r"
_DOUBLE_EXACT_MAX = 2**53
_PLAIN_NUMBER_MAX = 1e21
_INTEGER_DIGITS_MAX = 300
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANK_RUN = re.compile(r"[ \t\n\r]*")
_STRING_OR_BLANKS = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\n\r]+', re.DOTALL)
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_NEEDS_ESCAPE = re.compile("[<>&]|\u2028|\u2029".encode())


class NotJsonError(ValueError):
    """The text is not JSON, or nested deeper than we follow."""


class OutOfRange:
    """A number that no double can hold. Whoever uses such a value refuses it."""


OUT_OF_RANGE: Final = OutOfRange()
_REPLACE = "skylogin.replace_each_byte"


def _replace_each_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error(_REPLACE, _replace_each_byte)


def decode(data: bytes) -> str:
    """Return *data* as text; every byte that is no UTF-8 becomes U+FFFD, as in Go."""
    return data.decode("utf-8", _REPLACE)


def _refuse_constant(name: str) -> None:
    raise NotJsonError(f"{name} is not JSON")


class _BeyondDoubleError(ValueError):
    """A number that no double can hold, in a text that may hold none."""


def _refuse_double(literal: str) -> float:
    value = float(literal)
    if value in _INFINITIES:
        raise _BeyondDoubleError(f"{literal[:40]} is beyond a double")
    return value


def _refuse_integer(literal: str) -> float:
    return int(literal) if len(literal) <= _INTEGER_DIGITS_MAX else _refuse_double(literal)


def _mark_double(literal: str) -> float | OutOfRange:
    value = float(literal)
    return OUT_OF_RANGE if value in _INFINITIES else value


def _mark_integer(literal: str) -> float | OutOfRange:
    return int(literal) if len(literal) <= _INTEGER_DIGITS_MAX else _mark_double(literal)


_INFINITIES = (float("inf"), float("-inf"))
_OBJECTS = json.JSONDecoder(
    parse_int=_refuse_integer, parse_float=_refuse_double, parse_constant=_refuse_constant
)
_MEMBERS = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=_refuse_integer,
    parse_float=_refuse_double,
    parse_constant=_refuse_constant,
)
_MARKED_MEMBERS = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=_mark_integer,
    parse_float=_mark_double,
    parse_constant=_refuse_constant,
)
_UNCOUNTED = json.JSONDecoder(
    parse_int=lambda _: 0, parse_float=lambda _: 0, parse_constant=_refuse_constant
)


def read_first(text: str) -> tuple[object, int]:
    """Return the first JSON value of *text* and the place behind it.

    Of a repeated key the last counts. Whole-number literals are int, others
    float. Raises NotJsonError, also on a number beyond a double.
    """
    try:
        return _read(_OBJECTS, text)
    except _BeyondDoubleError as error:
        raise NotJsonError(str(error)) from error


def read_first_members(text: str) -> object:
    """Return the first JSON value of *text*, objects as tuples of (name, value).

    So repeated keys can be seen. A number beyond a double is OUT_OF_RANGE,
    because Go only minds where it has to keep it. Raises NotJsonError.
    """
    try:
        value, _ = _read(_MEMBERS, text)
    except _BeyondDoubleError:
        value, _ = _read(_MARKED_MEMBERS, text)
    return value


def _read(decoder: json.JSONDecoder, text: str) -> tuple[object, int]:
    start = len(text) - len(text.lstrip(_BLANKS))
    if too_deep(text):
        raise NotJsonError(f"nested deeper than {NESTING_MAX} levels")
    try:
        value, end = decoder.raw_decode(text, start)
    except _BeyondDoubleError:
        raise
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    if "\\u" in text and _SURROGATE_ESCAPE.search(text):
        value = _without_surrogates(value)
    return value, end


def read_whole(text: str) -> object:
    """Return the only JSON value of *text*. Raises NotJsonError."""
    value, end = read_first(text)
    if text[end:].strip(_BLANKS):
        raise NotJsonError("there is something behind the JSON value")
    return value


def read_members_as_written(text: str) -> object:
    """Return the only JSON value of *text*, an object as a list of (name, value, value's text).

    For handing a value on as it is: its numbers are not looked at, and stand as 0
    in what is returned. Raises NotJsonError.
    """
    if too_deep(text):
        raise NotJsonError(f"nested deeper than {NESTING_MAX} levels")
    try:
        value, end = _read_as_written(text, _behind_blanks(text, 0))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    if _behind_blanks(text, end) != len(text):
        raise NotJsonError("there is something behind the JSON value")
    return value


def _read_as_written(text: str, place: int) -> tuple[object, int]:
    if not text.startswith("{", place):
        return _UNCOUNTED.raw_decode(text, place)
    members: list[tuple[object, object, str]] = []
    place = _behind_blanks(text, place + 1)
    if text.startswith("}", place):
        return members, place + 1
    while True:
        if not text.startswith('"', place):
            raise json.JSONDecodeError("Expecting a name in double quotes", text, place)
        name, place = _UNCOUNTED.raw_decode(text, place)
        start = _behind_blanks(text, _behind(":", text, _behind_blanks(text, place)))
        value, end = _UNCOUNTED.raw_decode(text, start)
        members.append((_without_surrogates(name), _without_surrogates(value), text[start:end]))
        place = _behind_blanks(text, end)
        if text.startswith("}", place):
            return members, place + 1
        place = _behind_blanks(text, _behind(",", text, place))


def _behind_blanks(text: str, place: int) -> int:
    match = _BLANK_RUN.match(text, place)
    return match.end() if match else place


def _behind(mark: str, text: str, place: int) -> int:
    if not text.startswith(mark, place):
        raise json.JSONDecodeError(f"Expecting {mark!r}", text, place)
    return place + 1


def too_deep(text: str, nesting_max: int = NESTING_MAX) -> bool:
    """Return whether *text* opens more brackets in one another than *nesting_max*."""
    if text.count("[") + text.count("{") <= nesting_max:
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
    return False


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    # One frame a level: Python follows no more than a thousand of them.
    if isinstance(value, list):
        items = []
        for item in value:
            items.append(_without_surrogates(item))
        return items
    if isinstance(value, dict | tuple):
        members = []
        for name, item in value.items() if isinstance(value, dict) else value:
            members.append((_SURROGATE.sub("\ufffd", name), _without_surrogates(item)))
        return dict(members) if isinstance(value, dict) else tuple(members)
    return value


def as_double(number: float) -> float:
    """Return *number* as the double the original makes of it, whole ones as int.

    The int has the digits that Go prints: the shortest that give the double
    back, so 12345678901234567890 becomes 12345678901234567000.
    """
    value = float(number)
    if not value.is_integer() or abs(value) >= _PLAIN_NUMBER_MAX:
        return value
    return int(value) if abs(value) <= _DOUBLE_EXACT_MAX else int(Decimal(repr(value)))


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, separators=(",", ":")
)


def write(value: object) -> bytes:
    """Return *value* as JSON for the wire, with `<`, `>` and `&` escaped as Go does."""
    return _escaped(_dump(value))


def write_as_written(text: str) -> bytes:
    """Return the JSON *text* for the wire: without blanks, and otherwise as it stands."""
    return _escaped(_STRING_OR_BLANKS.sub(r"\1", text).encode())


def _escaped(data: bytes) -> bytes:
    # Nearly every answer has none of these, and finding one byte is quicker than a pattern.
    if not any(first in data for first in _ESCAPES_BEGIN):
        return data
    return _NEEDS_ESCAPE.sub(_escape, data)


# The last is the beginning of U+2028 and U+2029.
_ESCAPES_BEGIN = (b"<", b">", b"&", b"\xe2\x80")


def _escape(match: re.Match[bytes]) -> bytes:
    return f"\\u{ord(match[0].decode()):04x}".encode()


def write_stored(value: object) -> str:
    """Return *value* as JSON for the database."""
    return _dump(value).decode()


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        # orjson refuses integers beyond 64 bits, and lone surrogates of a header.
        return _ENCODER.encode(value).encode("utf-8", "replace")


def _read_stored_integer(literal: str) -> float:
    return as_double(int(literal)) if len(literal) > len(str(_DOUBLE_EXACT_MAX)) else int(literal)


# PostgreSQL's jsonb writes 1e300 with all its digits; read back it is a double again.
_STORED = json.JSONDecoder(parse_int=_read_stored_integer)


def read_stored(text: str) -> JsonValue:
    """Return what `write_stored` wrote, whatever form the database gave its numbers."""
    value: JsonValue = _STORED.decode(text)
    return value
