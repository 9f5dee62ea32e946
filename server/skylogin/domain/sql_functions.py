"""Functions that SQLite lacks, in Python, with PostgreSQL's results. Pure.

Null and values of another type give null: no stored value makes an error.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Mapping

from skylogin.domain import folding
from skylogin.encoding.json_text import JsonValue

# The mean radius of the Earth, as PostGIS has it for the sphere.
EARTH_RADIUS_METRES = 6371008.7714
# Smaller values count as 0: PostgreSQL raises an error if a result is too small for a double.
DEGREES_MIN = 1e-100


def fold(text: object) -> str | None:
    """Return *text* as it is compared without regard to case."""
    return folding.fold(text) if isinstance(text, str) else None


def like(text: object, pattern: object) -> bool | None:
    """Return whether *text* matches *pattern*: `%` is any text, `_` any character.

    A backslash escapes the next character. A pattern that ends with a single
    backslash is not valid and gives null.
    """
    if not isinstance(text, str) or not isinstance(pattern, str):
        return None
    pieces = _pieces(pattern)
    return None if pieces is None else _matches(text, pieces)


def ends_with_escape(pattern: str) -> bool:
    """Return whether *pattern* ends with a backslash that escapes nothing."""
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


@functools.lru_cache(64)
def _pieces(pattern: str) -> list[re.Pattern[str]] | None:
    """Return the pieces of *pattern* between its `%`."""
    if ends_with_escape(pattern):
        return None
    pieces = [""]
    for mark in re.findall(r"\\.|.", pattern, re.DOTALL):
        if mark == "%":
            pieces.append("")
        else:
            pieces[-1] += "." if mark == "_" else re.escape(mark[-1])
    return [re.compile(piece, re.DOTALL) for piece in pieces]


def _matches(text: str, pieces: list[re.Pattern[str]]) -> bool:
    """Match each piece at its first place, so that the time stays linear in the pieces."""
    first, *others = pieces
    if not others:
        return first.fullmatch(text) is not None
    begin = first.match(text)
    if begin is None:
        return False
    *between, last = others
    place = begin.end()
    for piece in between:
        found = piece.search(text, place)
        if found is None:
            return False
        place = found.end()
    # A piece has a fixed length, so the last one can end the text at one place only.
    return any(last.fullmatch(text, start) for start in _last_places(text, place, last))


def _last_places(text: str, place: int, last: re.Pattern[str]) -> range:
    start = len(text) - _length(last)
    return range(start, start + 1) if start >= place else range(0)


@functools.lru_cache(64)
def _length(piece: re.Pattern[str]) -> int:
    """Return how many characters *piece* matches."""
    return len(re.findall(r"\\.|.", piece.pattern, re.DOTALL))


def metres(*coordinates: object) -> float | None:
    """Return the distance between two places, each a longitude and a latitude in degrees."""
    degrees = [degrees_of(value) for value in coordinates if isinstance(value, int | float)]
    if len(degrees) != 4:  # noqa: PLR2004
        return None
    longitude, latitude, other_longitude, other_latitude = map(math.radians, degrees)
    across = math.sin((other_longitude - longitude) / 2) ** 2
    along = math.sin((other_latitude - latitude) / 2) ** 2
    share = along + math.cos(latitude) * math.cos(other_latitude) * across
    # Rounding may make it less than 0 for latitudes beyond the poles.
    return 2 * EARTH_RADIUS_METRES * math.asin(math.sqrt(max(min(share, 1.0), 0.0)))


def degrees_of(value: float) -> float:
    """Return *value* as `metres` uses it."""
    return 0.0 if abs(value) < DEGREES_MIN else value


def canonical(kind: object, value: object) -> str | None:
    """Return the canonical text of a value that SQLite's json_type and json_extract give."""
    match kind:
        case None | "null":
            return None
        case "true" | "false":
            return str(kind)
        case "text":
            return canonical_text(value if isinstance(value, str) else None)
        case "integer" | "real":
            return canonical_text(value if isinstance(value, int | float) else None)
    return canonical_text(json.loads(value)) if isinstance(value, str) else None


def canonical_text(value: JsonValue) -> str:
    """Return the canonical text of a JSON value: equal values have equal texts."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# By the name in SQL: the number of arguments, and the function.
SQL_FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "skylogin_fold": (1, fold),
    "skylogin_like": (2, like),
    "skylogin_metres": (4, metres),
    "skylogin_json": (2, canonical),
}
