"""Reading the members of a payload by the original's rules. Pure.

All but `read_exact_text` read a member as Go decodes it into the field of a struct: its name in
any case, its value of one type only.
"""

from collections.abc import Mapping
from typing import TypeVar

from skylogin.domain.limits import check_storable
from skylogin.encoding.go_format import fold_name
from skylogin.errors import Reason, not_decodable

T = TypeVar("T", str, bool)


def read_exact_text(payload: Mapping[str, object], name: str) -> str:
    """Return a text by its case-sensitive name; empty if it is missing or of another type."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def read_member(payload: Mapping[str, object], name: str, default: T) -> T:
    """Return a value by its case-insensitive name, *default* if it is missing or null.

    Raises SkygearError (BadRequest) if its type differs from that of *default*.
    """
    value = _find(payload, name)
    if value is None:
        return default
    if type(value) is not type(default):
        reason = Reason.TOKEN_NOT_TEXT if name == "token" else Reason.ARGUMENT_INVALID
        raise not_decodable(reason, f"{name} is not a {_WORDS[type(default)]}")
    return value


def read_storable_text(payload: Mapping[str, object], name: str) -> str:
    """Return a text to store, empty if it is missing or null.

    Raises SkygearError as `read_member` does, and on U+0000, which PostgreSQL cannot store.
    """
    value = read_member(payload, name, "")
    check_storable(value)
    return value


def read_object(payload: Mapping[str, object], name: str) -> dict[str, object] | None:
    """Return an object, None if it is missing or null. Raises as `read_member` does."""
    value = _find(payload, name)
    if value is not None and not isinstance(value, dict):
        raise not_decodable(Reason.ARGUMENT_INVALID, f"{name} is not an object")
    return value


def _read_list(payload: Mapping[str, object], name: str) -> list[object] | None:
    """Return a list, None if it is missing or null. Raises as `read_member` does."""
    value = _find(payload, name)
    if value is not None and not isinstance(value, list):
        raise not_decodable(Reason.ARGUMENT_INVALID, f"{name} is not a list")
    return value


def read_objects(payload: Mapping[str, object], name: str) -> list[object]:
    """Return a list of objects and nulls, empty if it is missing or null. Raises likewise."""
    values = _read_list(payload, name) or []
    if not all(value is None or isinstance(value, dict) for value in values):
        raise not_decodable(Reason.ARGUMENT_INVALID, f"{name} has an item that is not an object")
    return values


def read_storable_texts(payload: Mapping[str, object], name: str) -> list[str] | None:
    """Return a list of texts; null becomes an empty text. Raises as `read_storable_text` does."""
    values = _read_list(payload, name)
    if values is None:
        return None
    texts = ["" if value is None else value for value in values]
    if not all(isinstance(text, str) for text in texts):
        raise not_decodable(Reason.ARGUMENT_INVALID, f"{name} has an item that is not a string")
    check_storable(texts)
    return texts  # type: ignore[return-value]


def _find(payload: Mapping[str, object], name: str) -> object:
    value = payload.get(name, _MISSING)
    if value is _MISSING:
        wanted = fold_name(name)
        value = next((v for key, v in payload.items() if fold_name(key) == wanted), None)
    return value


_MISSING = object()
_WORDS = {str: "string", bool: "boolean"}
