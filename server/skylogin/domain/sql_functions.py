"""What SQL has to do the same way on every database, in Python: SQLite lacks it. Pure.

Null in gives null out, and so does a value of another type: a stored value
never makes an error.
"""

import functools
import json
import math
import re
from collections.abc import Callable, Mapping

from skylogin.encoding.json_text import JsonValue

# The mean radius of the Earth, as PostGIS has it for the sphere.
EARTH_RADIUS_METRES = 6371008.7714
# Fewer degrees count as none: PostgreSQL makes an error of a result too small for a double.
DEGREES_MIN = 1e-100


def fold(text: object) -> str | None:
    """Return *text* without its case: each character alone, as PostgreSQL's lower does it."""
    if not isinstance(text, str):
        return None
    return text.lower() if text.isascii() else "".join(letter.lower()[0] for letter in text)


def like(text: object, pattern: object) -> bool | None:
    """Return whether *text* is like *pattern*: `%` is any text, `_` any character.

    A backslash takes the meaning from the next one. A pattern that ends with
    one is none, and gives null.
    """
    if not isinstance(text, str) or not isinstance(pattern, str):
        return None
    pieces = _pieces(pattern)
    return None if pieces is None else _matches(text, pieces)


def ends_with_escape(pattern: str) -> bool:
    """Return whether *pattern* ends with a backslash that takes no character's meaning."""
    return (len(pattern) - len(pattern.rstrip("\\"))) % 2 == 1


@functools.lru_cache(64)
def _pieces(pattern: str) -> list[re.Pattern[str]] | None:
    """Return what stands between the `%` of *pattern*."""
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
    """Look for each piece where it first fits: no pattern takes longer than its pieces do."""
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
    # Every piece has one length, so the last one has one place where it can end the text.
    return any(last.fullmatch(text, start) for start in _last_places(text, place, last))


def _last_places(text: str, place: int, last: re.Pattern[str]) -> range:
    start = len(text) - _length(last)
    return range(start, start + 1) if start >= place else range(0)


@functools.lru_cache(64)
def _length(piece: re.Pattern[str]) -> int:
    """Return how many characters *piece* matches."""
    return len(re.findall(r"\\.|.", piece.pattern, re.DOTALL))


def metres(*coordinates: object) -> float | None:
    """Return how far a place is from another: two longitudes and latitudes in degrees."""
    degrees = [degrees_of(value) for value in coordinates if isinstance(value, int | float)]
    if len(degrees) != 4:  # noqa: PLR2004
        return None
    longitude, latitude, other_longitude, other_latitude = map(math.radians, degrees)
    across = math.sin((other_longitude - longitude) / 2) ** 2
    along = math.sin((other_latitude - latitude) / 2) ** 2
    share = along + math.cos(latitude) * math.cos(other_latitude) * across
    # Places beyond the poles may make it less than 0 by a rounding.
    return 2 * EARTH_RADIUS_METRES * math.asin(math.sqrt(max(min(share, 1.0), 0.0)))


def degrees_of(value: float) -> float:
    """Return *value* as `metres` reckons with it."""
    return 0.0 if abs(value) < DEGREES_MIN else value


def canonical(kind: object, value: object) -> str | None:
    """Return the one text of a JSON value, given as SQLite's json_type and json_extract do."""
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
    """Return the one text of a JSON value: equal values have equal texts."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


# The name that each has in SQL, and how many arguments.
SQL_FUNCTIONS: Mapping[str, tuple[int, Callable[..., object]]] = {
    "skylogin_fold": (1, fold),
    "skylogin_like": (2, like),
    "skylogin_metres": (4, metres),
    "skylogin_json": (2, canonical),
}
