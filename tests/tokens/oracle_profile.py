"""What may be in `skyprofile`, stated a second time: what the original was seen to refuse."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.tokens.plain_json import Number, Object

# A reason and a message. One that ends with `…` is only the beginning.
Problem = tuple[str, str]
Members = Mapping[str, Any]
NUL = ("text_with_nul", 'invalid byte sequence for encoding "UTF8": 0x00')
DATE = re.compile(
    "([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})([.][0-9]+)?"
    "(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)
WORDS = {Number: "float64", str: "string", bool: "bool", Object: "map[string]interface {}"}


def problems_of(fields: Members) -> set[Problem]:
    """Return all that is wrong; the original reports any one of it."""
    found: set[Problem] = set()
    for name, value in fields.items():
        find_text(name, found)
        find_problems(value, found, top=True)
    return found


def find_text(text: Any, found: set[Problem]) -> None:
    """Add the problem of a text that is stored."""
    if type(text) is str and "\0" in text:
        found.add(NUL)


def find_problems(
    value: Any, found: set[Problem], *, top: bool = False, in_shape: bool = False
) -> None:
    """Add what is wrong with a value, and with the values in it.

    In a shape, `$type` means nothing.
    """
    if isinstance(value, Object):
        members = dict(value)
        if "$type" in members and not in_shape:
            find_typed(members, found, top=top)
            return
        for name, item in members.items():
            find_text(name, found)
            find_problems(item, found, in_shape=in_shape)
    elif isinstance(value, list):
        for item in value:
            find_problems(item, found, in_shape=in_shape)
    else:
        find_text(value, found)


def find_typed(value: Members, found: set[Problem], *, top: bool) -> None:
    """Add what is wrong with an object that has a `$type`."""
    kind = value["$type"]
    if word(kind) != "string":
        wrong = f'got "$type"\'s type = {word(kind)}, want string'
    elif kind in ("seq", "unknown"):
        wrong = ""
    else:
        wrong = WRONG[kind](value) if kind in WRONG else f"unknown $type = {kind}"
    if not wrong and top and kind == "relation":
        wrong = "a value of $type = relation cannot be stored"
    if wrong:
        found.add(("profile_value_invalid", wrong))
    stored = STORED_AT_TOP if top else STORED_BELOW
    for name in stored.get(kind if word(kind) == "string" else "", ()):
        find_text(value.get(name), found)
    if not wrong and kind == "geojson":
        find_problems(value["$val"], found, in_shape=True)


STORED_AT_TOP = {
    "ref": ("$id",),
    "asset": ("$name",),
    "keypath": ("$val",),
    "relation": ("$name", "$direction"),
}
STORED_BELOW = {
    **STORED_AT_TOP,
    "asset": ("$name", "$content_type"),
    "unknown": ("$underlying_type",),
}


def date_wrong(value: Members) -> str:
    """Return what is wrong with a date."""
    if "$date" not in value:
        return "missing compulsory field $date"
    if word(value["$date"]) != "string":
        return f"got type($date) = {word(value['$date'])}, want string"
    wrong = "failed to parse $date = …"
    parts = DATE.fullmatch(value["$date"])
    if parts is None:
        return wrong
    *whole, fraction, sign, hours, minutes = parts.groups("0")
    if int(hours) > 24 or int(minutes) > 60:  # noqa: PLR2004
        return wrong
    # More than nanoseconds are cut off, and the rest is rounded to microseconds.
    nanoseconds = int((fraction[1:] + "0" * 9)[:9])
    east = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        moment = datetime(*map(int, whole), tzinfo=UTC) - east  # type: ignore[arg-type, misc]
        moment += timedelta(microseconds=round(nanoseconds / 1000))
    except (ValueError, OverflowError):
        return wrong
    return ""


def place_wrong(value: Members) -> str:
    """Return what is wrong with a place: the longitude comes first."""
    for name in ("$lng", "$lat"):
        if name not in value:
            return f"missing compulsory field {name}"
        if word(value[name]) != "float64":
            return f"got type({name}) = {word(value[name])}, want number"
    return ""


def shape_wrong(value: Members) -> str:
    """Return what is wrong with GeoJSON, whatever the shape is."""
    return "" if isinstance(value.get("$val"), Object) else "$val is not a map"


def reference_wrong(value: Members) -> str:
    """Return what is wrong with a reference."""
    if "$id" not in value:
        return "referencing without $id"
    if word(value["$id"]) != "string":
        return f"got reference type($id) = {word(value['$id'])}, want string"
    form = "ref: \"_id\" should be of format '{type}/{id}', got …"
    return "" if "/" in value["$id"] else form


def asset_wrong(value: Members) -> str:
    """Return what is wrong with an asset."""
    if "$name" not in value:
        return "missing compulsory field $name"
    if word(value["$name"]) != "string":
        return f"got type($name) = {word(value['$name'])}, want string"
    if not value["$name"]:
        return "asset's $name should not be empty"
    content = word(value.get("$content_type", ""))
    return "" if content == "string" else f"got type($contentType) = {content}, want string"


def path_wrong(value: Members) -> str:
    """Return what is wrong with a key path."""
    path = value.get("$val")
    return "" if word(path) == "string" and path else "empty key path"


def relation_wrong(value: Members) -> str:
    """Return what is wrong with a relation."""
    for name, what in (("$name", "relation name"), ("$direction", "direction")):
        if word(value.get(name)) != "string" or not value[name]:
            return f"empty {what}"
    return ""


def record_wrong(value: Members) -> str:
    """Return what is wrong with a record, which cannot be stored at all."""
    if "$record" not in value:
        return "missing compulsory field $record"
    is_object = isinstance(value["$record"], Object)
    return "a value of $type = record cannot be stored" if is_object else "$record is not a map"


WRONG: Mapping[str, Callable[[Members], str]] = {
    "date": date_wrong,
    "geo": place_wrong,
    "geojson": shape_wrong,
    "ref": reference_wrong,
    "asset": asset_wrong,
    "keypath": path_wrong,
    "relation": relation_wrong,
    "record": record_wrong,
    "blob": lambda value: "unimplemented $type = blob",
}


def word(value: Any) -> str:
    """Return the original's word for the type of a value."""
    return "<nil>" if value is None else WORDS.get(type(value), "[]interface {}")
