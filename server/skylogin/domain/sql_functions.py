"""Functions that SQLite lacks, in Python, with PostgreSQL's results. Pure.

Null and values of another type give null: no stored value causes an error.
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
    """Return *text* in the form in which case is ignored."""
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
def _pieces(pattern: str) -> list["_Piece"] | None:
    """Return the pieces of *pattern* between its `%`."""
    if ends_with_escape(pattern):
        return None
    pieces: list[list[str | None]] = [[]]
    for mark in re.findall(r"\\.|.", pattern, re.DOTALL):
        if mark == "%":
            pieces.append([])
        else:
            pieces[-1].append(None if mark == "_" else mark[-1])
    return [_Piece(piece) for piece in pieces]


class _Piece:
    """A part of a pattern that matches texts of one length; None stands for any character."""

    def __init__(self, characters: list[str | None]) -> None:
        self.length = len(characters)
        known = [one for one in characters if one is not None]
        self._text = "".join(known) if len(known) == self.length else None
        self._is_any = not known
        # For each character, the bits of a number tell where in the piece it fits.
        self._any = sum(1 << place for place, one in enumerate(characters) if one is None)
        self._places: dict[str, int] = {}
        for place, one in enumerate(characters):
            if one is not None:
                self._places[one] = self._places.get(one, self._any) | 1 << place

    def end_in(self, text: str, start: int) -> int:
        """Return where the first match from *start* on ends, -1 if nothing matches.

        The time grows with the length of *text*, whatever the pattern: after each character,
        the bits of a number tell how many characters before it match a beginning of the piece.
        """
        if self._is_any:
            return start + self.length if start + self.length <= len(text) else -1
        if self._text is not None:
            found = text.find(self._text, start)
            return found + self.length if found >= 0 else -1
        whole, matched = 1 << (self.length - 1), 0
        for end in range(start, len(text)):
            matched = (matched << 1 | 1) & self._places.get(text[end], self._any)
            if matched & whole:
                return end + 1
        return -1

    def is_at(self, text: str, start: int) -> bool:
        """Return whether the piece matches *text* at *start*."""
        end = start + self.length
        return start >= 0 and end <= len(text) and self.end_in(text[start:end], 0) == self.length


def _matches(text: str, pieces: list[_Piece]) -> bool:
    """Match each piece at its first place, so that the time stays linear."""
    first, *others = pieces
    if not others:
        return len(text) == first.length and first.is_at(text, 0)
    *between, last = others
    place = first.length
    if not first.is_at(text, 0):
        return False
    for piece in between:
        place = piece.end_in(text, place)
        if place < 0:
            return False
    # The last piece has a fixed length, so only one place is left for it.
    start = len(text) - last.length
    return start >= place and last.is_at(text, start)


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
