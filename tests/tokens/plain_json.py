"""JSON as the original reads it, from bytes, written a second time and without a JSON library.

Objects are lists of (name, value) in an `Object`, so that repeated names are seen. Numbers
keep their spelling.
"""

import re
from collections.abc import Callable
from typing import Any

LEVELS_MAX = 512
# The groups of the pattern.
MARK, STRING, NUMBER, WORD = 1, 2, 3, 4
_CLOSING = {b"{": b"}", b"[": b"]"}
_BLANKS = re.compile(rb"[ \t\r\n]*")
_MARK = re.compile(
    rb'[ \t\r\n]*(?:([][{},:])|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    rb"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|(true|false|null))"
)
_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\.", re.DOTALL)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS = {b"true": True, b"false": False, b"null": None}
_NOT_UTF_8 = re.compile("[\udc80-\udcff]")


class NotJsonError(Exception):
    """The bytes do not begin with a JSON value."""


class Number(str):
    """A number as it is spelled."""

    @property
    def too_large(self) -> bool:
        """Return whether no double is as large."""
        return abs(float(self)) == float("inf")

    @property
    def whole(self) -> int | None:
        """Return the number if it is spelled as a whole one of 64 bits."""
        digits = self.removeprefix("-")
        if not digits.isdigit() or len(digits) > len("9223372036854775808"):
            return None
        number = int(self)
        return number if -(2**63) <= number < 2**63 else None


class Object(list[tuple[str, Any]]):
    """The members of an object, in order."""


def first(data: bytes) -> tuple[Any, int]:
    """Return the first value in *data*, and where it ends."""
    kind, text, at = _mark(data, 0)
    return _value(data, kind, text, at, 0)


def only(data: bytes) -> Any:
    """Return the value in *data*, around which there are only blanks."""
    value, at = first(data)
    if at + len(_BLANKS.match(data, at)[0]) < len(data):  # type: ignore[index]
        raise NotJsonError
    return value


def _mark(data: bytes, at: int) -> tuple[int, bytes, int]:
    found = _MARK.match(data, at)
    if found is None:
        raise NotJsonError
    kind = found.lastindex or 0
    return kind, found[kind], found.end()


def _value(data: bytes, kind: int, text: bytes, at: int, level: int) -> tuple[Any, int]:
    if kind != MARK:
        return _READ[kind](text), at
    if text not in _CLOSING or level == LEVELS_MAX:
        raise NotJsonError
    close, is_object = _CLOSING[text], text == b"{"
    members: list[Any] = Object() if is_object else []
    kind, text, at = _mark(data, at)
    while text != close:
        if is_object:
            name, kind, text, at = _name(data, kind, text, at)
        value, at = _value(data, kind, text, at, level + 1)
        members.append((name, value) if is_object else value)
        _, text, at = _mark(data, at)
        if text == b",":
            kind, text, at = _mark(data, at)
            # A comma is not the last.
            kind, text = (kind, text) if text != close else (MARK, b",")
        elif text != close:
            raise NotJsonError
    return members, at


def _name(data: bytes, kind: int, text: bytes, at: int) -> tuple[str, int, bytes, int]:
    """Return the name of a member, and the beginning of its value."""
    _, colon, at = _mark(data, at)
    if kind != STRING or colon != b":":
        raise NotJsonError
    return (_string(text), *_mark(data, at))


def _string(quoted: bytes) -> str:
    text = quoted[1:-1].decode("utf-8", "surrogateescape")
    text = _NOT_UTF_8.sub("\ufffd", text)
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(found: re.Match[str]) -> str:
    escape = found[0]
    if escape[1] != "u":
        return _SHORT.get(escape[1], escape[1])
    units = b"".join(int(code, 16).to_bytes(2, "big") for code in escape.split("\\u")[1:])
    return units.decode("utf-16-be", "replace")


_READ: dict[int, Callable[[bytes], Any]] = {
    STRING: _string,
    NUMBER: lambda text: Number(text.decode()),
    WORD: lambda text: _WORDS[text],
}
