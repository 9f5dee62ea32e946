"""How SQLite and PostgreSQL read and compare values: the part of `dialect` for queries.

JSON members, case folding, patterns, distances and times.
"""

import math
import re
import string
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    Boolean,
    Double,
    Integer,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import TypeEngine

from skylogin.database.dialect import Json
from skylogin.domain import folding
from skylogin.domain.sql_functions import (
    DEGREES_MIN,
    EARTH_RADIUS_METRES,
    canonical_text,
    degrees_of,
)
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue


class Member:
    """A member of a JSON object, on either database: its type and its value.

    A value is cast only if it has the type: a value of another type is null and does
    not cause an error.
    """

    value: ColumnElement[Any]
    _text: ColumnElement[Any]
    _kind: ColumnElement[Any]

    def __init__(self, document: ColumnElement[Any], name: str, dialect: str) -> None:
        self._dialect = dialect
        if dialect == "postgresql":
            key = literal(name, Text)
            self.value = _inside(document, key)
            self._text = _text_inside(document, key)
            self._kind = func.jsonb_typeof(self.value, type_=Text)
        elif _NEEDS_QUOTING.search(name):
            # Not every version of SQLite supports a path with such a name.
            each = func.json_each(document).table_valued("key", "value", "type").c
            self.value = self._text = select(each.value).where(each.key == name).scalar_subquery()
            self._kind = select(each.type).where(each.key == name).scalar_subquery()
        else:
            path = literal(f'$."{name}"', Text)
            self.value = self._text = func.json_extract(document, path)
            self._kind = func.json_type(document, path, type_=Text)

    def has(self, kind: str) -> ColumnElement[bool]:
        """Return whether it is a `string`, a `number`, a `boolean`, an `array` or `null`."""
        return self._kind.in_(_JSON_KINDS[self._dialect][kind])

    def is_null(self) -> ColumnElement[bool]:
        """Return whether it is missing or null."""
        return or_(self._kind.is_(None), self.has("null"))

    def is_any_of(self, wanted: Mapping[str, str | float]) -> ColumnElement[bool]:
        """Return whether it is one of the values *wanted*, each by its kind."""
        values: list[ColumnElement[Any]] = [literal(value, Json()) for value in wanted.values()]
        if self._dialect == "sqlite":
            # Versions of SQLite differ in how they read the digits of a number.
            values = [func.json_extract(value, "$") for value in values]
        return and_(self.value.in_(values), or_(*map(self.has, wanted)))

    def as_type(self, kind: str, column_type: TypeEngine[Any]) -> ColumnElement[Any]:
        """Return its value as a *column_type*, null if it is not of *kind*."""
        return case((self.has(kind), cast(self._text, column_type)))

    def coordinate(self, place: int) -> ColumnElement[Any]:
        """Return the number at *place* in its list, null if it has none."""
        if self._dialect == "postgresql":
            key = literal(place, Integer)
            kind = func.jsonb_typeof(_inside(self.value, key), type_=Text)
            return case((kind == "number", cast(_text_inside(self.value, key), Double)))
        path = literal(f"$[{place}]", Text)
        listed = case((self.has("array"), self.value))
        kind = func.json_type(listed, path, type_=Text)
        return case((kind.in_(("integer", "real")), func.json_extract(listed, path, type_=Double)))

    def whole(self) -> ColumnElement[Any]:
        """Return the whole value, in a form in which equal JSON values are equal."""
        if self._dialect == "postgresql":
            return case((not_(self.is_null()), self.value))
        return func.skylogin_json(self._kind, self.value, type_=Text)

    def holds(self, wanted: str) -> ColumnElement[bool]:
        """Return whether it is *wanted*, lists it, or has it as a key; null if it is missing."""
        if self._dialect == "postgresql":
            found = func.jsonb_exists(self.value, literal(wanted, Text), type_=Boolean)
            return case((not_(self.is_null()), found))
        each = func.json_each(self.value).table_valued("key", "value", "type").c
        listed = select(each.value).where(each.type == "text", each.value == wanted).exists()
        keyed = select(each.key).where(each.key == wanted).exists()
        return case(
            (self.is_null(), null()),
            (self._kind == "text", self.value == literal(wanted, Text)),
            (self._kind == "array", listed),
            (self._kind == "object", keyed),
            else_=false(),
        )


_NEEDS_QUOTING = re.compile(r'["\\\x00-\x1f]')
_JSON_KINDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "postgresql": {name: (name,) for name in ("string", "number", "boolean", "array", "null")},
    "sqlite": {
        "string": ("text",),
        "number": ("integer", "real"),
        "boolean": ("true", "false"),
        "array": ("array",),
        "null": ("null",),
    },
}


def _inside(document: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[Any]:
    return document.op("->", return_type=Json())(key)


def _text_inside(document: ColumnElement[Any], key: ColumnElement[Any]) -> ColumnElement[Any]:
    return document.op("->>", return_type=Text())(key)


def json_value(value: JsonValue, dialect: str) -> ColumnElement[Any]:
    """Return *value* in the form of `Member.whole`."""
    if dialect == "postgresql":
        return literal(value, Json())
    return literal(canonical_text(value), Text)


def fold(value: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return a text as `folding.fold` does.

    Neither SQLite's lower() nor PostgreSQL's in the locale C knows more than ASCII.
    """
    if dialect == "sqlite":
        return func.skylogin_fold(value, type_=Text)
    is_ascii = func.octet_length(value) == func.char_length(value)
    in_ascii = func.translate(value, string.ascii_uppercase, string.ascii_lowercase, type_=Text)
    # translate() would search a long list for each character.
    split = func.regexp_split_to_table(value, "")
    each = split.table_valued("letter", with_ordinality="place").render_derived().c
    lower = _text_inside(literal(dict(folding.letters()), Json()), each.letter)
    ordered = select(func.coalesce(lower, each.letter)).order_by(each.place).scalar_subquery()
    joined = func.array_to_string(func.array(ordered), "", type_=Text)
    return case((is_ascii, in_ascii), (value.is_not(None), joined))


def like(
    value: ColumnElement[Any], pattern: ColumnElement[Any], dialect: str
) -> ColumnElement[bool]:
    """Return whether a text matches a LIKE pattern of PostgreSQL, which is case-sensitive.

    If the pattern ends in the middle of an escape, which is an error in PostgreSQL, the
    result is null.
    """
    if dialect == "postgresql":
        is_whole = not_(pattern.regexp_match(r"(^|[^\\])(\\\\)*\\$"))
        return case((is_whole, value.like(pattern)))
    return func.skylogin_like(value, pattern, type_=Boolean)


def by_code_points(value: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return a text that sorts by code points, independent of the database's language."""
    return value.collate("C") if dialect == "postgresql" else value


def metres(
    one: Sequence[ColumnElement[Any]], other: Sequence[float], dialect: str
) -> ColumnElement[Any]:
    """Return the distance of two places, each a longitude and a latitude in degrees."""
    there = [literal(degrees_of(value), Double) for value in other]
    if dialect == "sqlite":
        return func.skylogin_metres(*one, *there, type_=Double)
    here = [case((func.abs(value) < DEGREES_MIN, 0.0), else_=value) for value in one]
    longitude, latitude, other_longitude, other_latitude = map(func.radians, [*here, *there])
    across = func.power(func.sin((other_longitude - longitude) / 2), 2)
    along = func.power(func.sin((other_latitude - latitude) / 2), 2)
    share = along + func.cos(latitude) * func.cos(other_latitude) * across
    # LEAST and GREATEST ignore null, but the distance of an invalid place has to be null.
    bounded = func.greatest(func.least(share, literal(1.0, Double)), literal(0.0, Double))
    angle = case((share.is_not(None), func.asin(func.sqrt(bounded))))
    return literal(2 * EARTH_RADIUS_METRES, Double) * angle


def moment_text(moment: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """Return a timestamp column as text of fixed width, like times in fields."""
    if dialect == "sqlite":
        return type_coerce(moment, Text)
    in_utc = func.timezone("UTC", moment)
    return func.to_char(in_utc, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"', type_=Text)


def lists_any(
    listed: ColumnElement[Any], wanted: Iterable[tuple[str, str | bool]], dialect: str
) -> ColumnElement[bool]:
    """Return whether a JSON list has an object with one of the members *wanted*."""
    if dialect == "postgresql":
        contains = listed.op("@>", is_comparison=True)
        return or_(false(), *(contains(literal([{name: value}], Json())) for name, value in wanted))
    each = func.json_each(listed).table_valued("value", "type").c
    entry = case((each.type == "object", each.value))
    found = [
        func.json_type(entry, f"$.{name}") == "true"
        if value is True
        else func.json_extract(entry, f"$.{name}") == literal(value, Text)
        for name, value in wanted
    ]
    return select(each.value).where(or_(false(), *found)).exists()


def member_text(document: ColumnElement[Any], name: str, dialect: str) -> ColumnElement[Any]:
    """Return the value of a member of a JSON object as text, null if it is missing.

    It does not use a path, in which the name would have to be quoted.
    """
    each = func.jsonb_each_text if dialect == "postgresql" else func.json_each
    found = each(document).table_valued("key", "value").c
    return select(cast(found.value, Text)).where(found.key == name).scalar_subquery()


def has_member(
    document: ColumnElement[Any], name: str, text: str, dialect: str
) -> ColumnElement[bool]:
    """Return whether a member of a JSON object is *text*, or the number or boolean it spells."""
    wanted: dict[str, str | float] = {"string": text}
    try:
        value = json_text.read_stored(text)
        if isinstance(value, bool):
            wanted["boolean"] = value
        elif isinstance(value, int | float) and math.isfinite(value):
            wanted["number"] = json_text.as_double(value)
    except (ArithmeticError, ValueError, RecursionError):
        # It spells no value, or a number that cannot be stored.
        pass
    return Member(document, name, dialect).is_any_of(wanted)
