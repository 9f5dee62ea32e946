"""JSON pointers with two additions: `*` is every item, `fields[name=email]` picks from a list.

A pointer is first turned into the places it reaches, each a path of keys and indexes; reading
and replacing then work on places alone.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

Place = tuple[str | int, ...]

PICK = re.compile(r"(?P<list>[^\[\]]*)\[(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*)\]")


class Missing:
    """What stands where a document has no value; not the same as null."""

    def __repr__(self) -> str:
        return "nothing"


MISSING = Missing()


def places(document: Any, pointer: str) -> list[Place]:
    """Return the places in *document* that *pointer* reaches, in order."""
    parts = pointer.removeprefix("/").split("/") if pointer.strip("/") else []
    return list(_walk(document, [part.replace("~1", "/").replace("~0", "~") for part in parts], ()))


def value_at(document: Any, place: Place) -> Any:
    """Return the value at a place that exists."""
    for key in place:
        document = document[key]
    return document


def find(document: Any, pointer: str) -> Any:
    """Return the value at *pointer*, `MISSING`, or for a pointer with `*` the list of values."""
    found = [value_at(document, place) for place in places(document, pointer)]
    if "*" in pointer.split("/"):
        return found
    return found[0] if found else MISSING


def replaced(document: Any, pointer: str, change: Callable[[Any], Any]) -> Any:
    """Return *document* with *change* applied to every value that *pointer* reaches."""
    for place in places(document, pointer):
        document = with_value(document, place, change(value_at(document, place)))
    return document


def with_value(document: Any, place: Place, value: Any) -> Any:
    """Return a copy of *document* with another value at *place*."""
    if not place:
        return value
    key, *rest = place
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[key] = with_value(document[key], tuple(rest), value)  # type: ignore[index]
    return copy


def _walk(value: Any, parts: list[str], place: Place) -> Iterator[Place]:
    if not parts:
        yield place
        return
    first, rest = parts[0], parts[1:]
    for step in _steps(value, first):
        yield from _walk(value_at(value, step), rest, (*place, *step))


def _steps(value: Any, part: str) -> list[Place]:
    if isinstance(value, dict):
        if part == "*":
            return [(key,) for key in value]
        if part in value:
            return [(part,)]
        return _picked(value, part)
    if isinstance(value, list):
        if part == "*":
            return [(index,) for index in range(len(value))]
        if part.isascii() and part.isdigit() and int(part) < len(value):
            return [(int(part),)]
    return []


def _picked(value: dict[str, Any], part: str) -> list[Place]:
    match = PICK.fullmatch(part)
    items = value.get(match["list"]) if match else None
    if not match or not isinstance(items, list):
        return []
    for index, item in enumerate(items):
        if isinstance(item, dict) and str(item.get(match["key"])) == match["value"]:
            return [(match["list"], index)]
    return []
