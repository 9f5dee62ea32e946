"""Values as Go prints them in the original's messages. Pure."""

from decimal import Decimal
from typing import TypeGuard

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def is_int64(value: object) -> TypeGuard[int]:
    """Return whether *value* is an integer that Go's int64 can hold."""
    return type(value) is int and INT64_MIN <= value <= INT64_MAX


def fold_name(name: str) -> str:
    """Return the name of a member as Go compares it: without case, and with long s as s."""
    return name.replace("\u017f", "s").lower()


def go_type(value: object) -> str:
    """Return the name that Go's %T prints for a value read from JSON."""
    return _GO_TYPES.get(type(value), "float64")


_GO_TYPES = {
    type(None): "<nil>",
    bool: "bool",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def go_print(value: object) -> str:
    """Return *value*, read from JSON, as Go's %v prints it."""
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return go_number(value)
    if isinstance(value, list):
        return f"[{' '.join(map(go_print, value))}]"
    if isinstance(value, dict):
        members = (f"{name}:{go_print(inner)}" for name, inner in sorted(value.items()))
        return f"map[{' '.join(members)}]"
    return str(value)


def go_number(number: float) -> str:
    """Return *number* as Go's %v prints a double."""
    value = float(number)
    sign, digits, _ = Decimal(repr(value)).normalize().as_tuple()
    exponent = Decimal(repr(value)).adjusted() if value else 0
    if _GO_EXPONENT_MIN <= exponent <= _GO_EXPONENT_MAX:
        return format(Decimal(repr(value)).normalize(), "f") if value else "0"
    first, rest = str(digits[0]), "".join(map(str, digits[1:]))
    mantissa = f"{first}.{rest}" if rest else first
    return f"{'-' * sign}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


_GO_EXPONENT_MIN, _GO_EXPONENT_MAX = -4, 5
_GO_ESCAPES = {'"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f"}
_GO_ESCAPES |= {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def go_quote(text: str) -> str:
    """Return *text* as Go's %#v prints a string."""
    return '"' + "".join(map(_go_escape, text)) + '"'


def _go_escape(character: str) -> str:
    if character in _GO_ESCAPES:
        return _GO_ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
