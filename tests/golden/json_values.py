"""JSON values: reading them strictly, comparing them as text, and pointers into them.

Pointers have two additions: `*` is every item, `fields[name=email]` picks one of a list.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NoReturn

PICK = re.compile(r"(?P<list>[^\[\]]*)\[(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*)\]")


class Missing:
    """Stands for a value that does not exist; null does."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()


def read_json(data: bytes) -> Any:
    """Return the value in *data*. Raises ValueError for anything but strict JSON.

    Repeated keys, `NaN` and bytes that are not UTF-8 are errors here.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key is repeated")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def as_text(value: Any) -> str:
    """Return one text for equal values, an item a line: 1.0 equals 1, but not true."""
    return json.dumps(
        _with_integers(value), separators=(",\n", ": "), sort_keys=True, ensure_ascii=False
    )


def _with_integers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_integers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_with_integers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def type_name(value: Any) -> str:
    """Return the name that a masked value is compared by."""
    if isinstance(value, bool):
        return "<boolean>"
    names = {str: "string", int: "number", float: "number", list: "array", dict: "object"}
    return f"<{names.get(type(value), 'null')}>"


def in_order(value: Any) -> Any:
    """Return a list in an order that depends only on its items; other values as they are."""
    return sorted(value, key=as_text) if isinstance(value, list) else value


def find(document: Any, pointer: str) -> Any:
    """Return the value at *pointer*, or MISSING; the values as a list if it has a `*`."""
    found: list[Any] = []

    def note(value: Any) -> Any:
        found.append(value)
        return value

    replace(document, pointer, note)
    if "*" in _parts(pointer):
        return found
    return found[0] if found else MISSING


def replace(document: Any, pointer: str, change: Callable[[Any], Any]) -> Any:
    """Return *document* with every value that *pointer* reaches changed."""
    return _replace(document, _parts(pointer), change)


def _parts(pointer: str) -> list[str]:
    parts = pointer.removeprefix("/").split("/") if pointer.strip("/") else []
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def _replace(value: Any, parts: list[str], change: Callable[[Any], Any]) -> Any:
    if not parts:
        return change(value)
    first, rest = parts[0], parts[1:]
    if isinstance(value, list):
        return [
            _replace(item, rest, change) if first in ("*", str(index)) else item
            for index, item in enumerate(value)
        ]
    if not isinstance(value, dict):
        return value
    pick = PICK.fullmatch(first)
    if pick and first not in value and isinstance(value.get(pick["list"]), list):
        for index, item in enumerate(value[pick["list"]]):
            if isinstance(item, dict) and str(item.get(pick["key"])) == pick["value"]:
                return _replace(value, [pick["list"], str(index), *rest], change)
    return {
        name: _replace(item, rest, change) if first in ("*", name) else item
        for name, item in value.items()
    }
