"""Columns and literals to compare: a literal is read as the type of its column. Pure.

The original sends literals as text, and PostgreSQL reads them. Here they are read
before the database is asked, with the same errors.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum

from skylogin.domain.fields import FIELD_KINDS, INTEGER_MAX
from skylogin.domain.user import Field
from skylogin.encoding import json_text, rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import NOT_SUPPORTED, UNEXPECTED_ERROR, SkygearError
from skylogin.query.predicate import Literal


class Family(StrEnum):
    """Types whose values compare with one another."""

    TEXT = "text"
    NUMBER = "double precision"
    BOOLEAN = "boolean"
    MOMENT = "timestamp without time zone"
    JSON = "jsonb"
    PLACE = "geometry"
    OTHER = "unknown"


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the records asked for, or of the records that the reference *via* leads to."""

    name: str
    field: Field
    via: str = ""
    target: str = ""

    @property
    def family(self) -> Family:
        """Return the family of its values."""
        return _FAMILIES[self.field.kind]

    @property
    def folds(self) -> bool:
        """Return whether its values are compared without case."""
        return self.field.column == "citext"

    @property
    def word(self) -> str:
        """Return the name of its type in messages."""
        return self.field.column or FIELD_KINDS[self.field.kind].column or "text"


@dataclass(frozen=True, slots=True)
class Value:
    """A literal, read as the type it is compared with; None is null."""

    family: Family
    value: JsonValue


_FAMILIES = {
    **dict.fromkeys(("string", "reference", "asset"), Family.TEXT),
    **dict.fromkeys(("number", "integer", "sequence"), Family.NUMBER),
    "boolean": Family.BOOLEAN,
    "datetime": Family.MOMENT,
    "json": Family.JSON,
    "location": Family.PLACE,
    **dict.fromkeys(("acl", "geometry", "unknown"), Family.OTHER),
}
_WHOLE = frozenset(("integer", "sequence"))


def read_as(literal: Literal, column: Column) -> Value:
    """Return *literal* as a value of *column*. Raises SkygearError if it does not fit."""
    value = fitted(literal, column.family, column.word)
    number = value.value
    if (
        column.field.kind in _WHOLE
        and isinstance(number, float)
        and not (number.is_integer() and abs(number) <= INTEGER_MAX)
    ):
        raise _invalid_input(column.word, _text_of(literal))
    return value


def fitted(literal: Literal, family: Family, word: str) -> Value:
    """Return *literal* as a value of *family*; messages call the type *word*.

    Raises SkygearError if it does not fit.
    """
    if literal.kind == "null":
        return Value(family, None)
    if family is Family.PLACE and literal.kind == "location":
        return Value(family, literal.value)
    if family is Family.MOMENT and literal.kind == "datetime":
        return Value(family, literal.value)
    if family in (Family.PLACE, Family.OTHER):
        raise database_error(f"a value does not fit the type {word}")
    text = _text_of(literal)
    value = _READERS[family](text)
    if value is None:
        raise _invalid_input(word, text)
    return Value(family, value)


def _invalid_input(word: str, text: str) -> SkygearError:
    return database_error(f'invalid input syntax for type {word}: "{text}"')


def _text_of(literal: Literal) -> str:
    """Return *literal* as the text that the original sends to the database."""
    value = literal.value
    match literal.kind:
        case "string" | "reference" | "asset":
            return str(value)
        case "boolean":
            return "true" if value else "false"
        case "number":
            return format(Decimal(repr(value)), "f")
        case "datetime":
            return str(value).replace("T", " ")
    raise database_error(f"a value of the kind {literal.kind} compares with nothing")


def _read_number(text: str) -> float | None:
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    return None if math.isinf(number) else number


def _read_boolean(text: str) -> bool | None:
    word = text.strip().lower()
    if word in ("on", "1") or (word and any(whole.startswith(word) for whole in ("true", "yes"))):
        return True
    no = word in ("of", "off", "0") or (word and any(w.startswith(word) for w in ("false", "no")))
    return False if no else None


def _read_moment(text: str) -> str | None:
    try:
        # As in PostgreSQL, a column without a time zone ignores the zone in the text.
        moment = datetime.fromisoformat(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        return None
    return rfc3339.stored(moment)


def _read_json(text: str) -> JsonValue:
    try:
        value: JsonValue = json_text.read_whole(text)  # type: ignore[assignment]
    except json_text.NotJsonError:
        return None
    return value


# It never backtracks, so that the time does not grow with the square of the length.
_NUMBER = re.compile(r"\s*+[+-]?(\d++\.?+\d*+|\.\d++)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_READERS: Mapping[Family, Callable[[str], JsonValue]] = {
    Family.TEXT: str,
    Family.NUMBER: _read_number,
    Family.BOOLEAN: _read_boolean,
    Family.MOMENT: _read_moment,
    Family.JSON: _read_json,
}


def database_error(message: str) -> SkygearError:
    """Return the error for a query that the original's database would refuse."""
    return SkygearError(UNEXPECTED_ERROR, f"pq: {message}")


def not_supported(what: str) -> SkygearError:
    """Return the error for a query that the original answers and skylogin does not."""
    return SkygearError(NOT_SUPPORTED, f"{what} is not supported")
