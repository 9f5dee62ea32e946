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

JsonValue = Union[None, bool, int, float, str, list["JsonValue"], dict[str, "JsonValue"]]

NESTING_MAX = 512
_BLANKS = " \t\n\r"
_DOUBLE_EXACT_MAX = 2**53
_PLAIN_NUMBER_MAX = 1e21
_INTEGER_DIGITS_MAX = 300
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)
_NEEDS_ESCAPE = re.compile("[<>&\u2028\u2029]")


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


def _read_integer(literal: str) -> int | float | OutOfRange:
    if len(literal) <= _INTEGER_DIGITS_MAX:
        return int(literal)
    return _read_double(literal)


def _read_double(literal: str) -> float | OutOfRange:
    value = float(literal)
    return OUT_OF_RANGE if value in (float("inf"), float("-inf")) else value


_HOOKS = {
    "parse_int": _read_integer,
    "parse_float": _read_double,
    "parse_constant": _refuse_constant,
}
_OBJECTS = json.JSONDecoder(**_HOOKS)  # type: ignore[arg-type]
_MEMBERS = json.JSONDecoder(object_pairs_hook=tuple, **_HOOKS)  # type: ignore[arg-type]


def read_first(text: str, *, members: bool = False) -> tuple[object, int]:
    """Return the first JSON value of *text* and the place behind it.

    Objects are dicts, where the last of a repeated key counts; with *members*
    they are tuples of (name, value) instead, so that repeats can be seen.
    Whole-number literals are int, others float. Raises NotJsonError.
    """
    start = len(text) - len(text.lstrip(_BLANKS))
    if too_deep(text):
        raise NotJsonError(f"nested deeper than {NESTING_MAX} levels")
    try:
        value, end = (_MEMBERS if members else _OBJECTS).raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise NotJsonError(str(error)) from error
    if _SURROGATE_ESCAPE.search(text):
        value = _without_surrogates(value)
    return value, end


def read_whole(text: str, *, members: bool = False) -> object:
    """Return the only JSON value of *text*. Raises NotJsonError."""
    value, end = read_first(text, members=members)
    if text[end:].strip(_BLANKS):
        raise NotJsonError("there is something behind the JSON value")
    return value


def too_deep(text: str) -> bool:
    """Return whether *text* opens more brackets in one another than we follow."""
    if text.count("[") + text.count("{") <= NESTING_MAX:
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text):
        mark = match[0]
        if mark in "[{":
            depth += 1
            if depth > NESTING_MAX:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def _without_surrogates(value: object) -> object:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_without_surrogates(item) for item in value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return value


def contains_out_of_range(value: object) -> bool:
    """Return whether a number anywhere in *value* is beyond a double."""
    if isinstance(value, list | tuple):
        return any(contains_out_of_range(item) for item in value)
    if isinstance(value, dict):
        return any(contains_out_of_range(item) for item in value.values())
    return value is OUT_OF_RANGE


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


def write(value: object) -> str:
    """Return *value* as JSON for the wire, with `<`, `>` and `&` escaped as Go does."""
    text = _ENCODER.encode(value)
    if _NEEDS_ESCAPE.search(text) is None:
        return text
    return _NEEDS_ESCAPE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def write_stored(value: object) -> str:
    """Return *value* as JSON for the database."""
    return _ENCODER.encode(value)


def _read_stored_integer(literal: str) -> float:
    return as_double(int(literal)) if len(literal) > len(str(_DOUBLE_EXACT_MAX)) else int(literal)


# PostgreSQL's jsonb writes 1e300 with all its digits; read back it is a double again.
_STORED = json.JSONDecoder(parse_int=_read_stored_integer)


def read_stored(text: str) -> JsonValue:
    """Return what `write_stored` wrote, whatever form the database gave its numbers."""
    value: JsonValue = _STORED.decode(text)
    return value
