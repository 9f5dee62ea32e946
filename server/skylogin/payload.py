"""Reading the fields of a payload by the original's rules (transport, section 4). Pure."""

from collections.abc import Mapping
from typing import TypeVar

from skylogin.errors import Reason, not_decodable

T = TypeVar("T", str, bool)


def direct_text(payload: Mapping[str, object], name: str) -> str:
    """Return a field that is looked up as it is spelled; another type counts as absent."""
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def bound(payload: Mapping[str, object], name: str, default: T) -> T:
    """Return a field that may be spelled in any case; null counts as absent.

    Raises SkygearError (BadRequest) on a value that has not the type of *default*.
    """
    value = payload.get(name, _MISSING)
    if value is _MISSING:
        value = next((v for key, v in payload.items() if key.lower() == name), None)
    if value is None:
        return default
    if type(value) is not type(default):
        raise not_decodable(Reason.TOKEN_NOT_TEXT, f"{name} is not a {_WORDS[type(default)]}")
    return value


_MISSING = object()
_WORDS = {str: "string", bool: "boolean"}
