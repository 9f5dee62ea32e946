"""Reading `skyprofile` and other values of fields. Pure.

An object with `$type` is a typed value at the top level, and plain JSON below it.
The rules and messages are the original's (pkg/server/skydb/skyconv/map.go).
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from skylogin.domain.claims import Profile
from skylogin.domain.user import FieldValue
from skylogin.encoding import rfc3339
from skylogin.encoding.go_format import go_quote, go_type
from skylogin.encoding.json_text import JsonValue, as_double
from skylogin.errors import INVALID_ARGUMENT, Reason, SkygearError, text_with_nul


def read(raw: Mapping[str, object]) -> Profile:
    """Return the profile in the JSON object *raw*.

    Raises SkygearError (InvalidArgument, with the original's message) on an invalid
    value and on U+0000.
    """
    return {_text(name): _read_member(name, value) for name, value in raw.items()}


def _read_member(name: str, value: object) -> FieldValue | None:
    try:
        return read_value(value)
    except SkygearError as error:
        if error.reason is Reason.PROFILE_VALUE_INVALID:
            error.explanation = f"skyprofile.{name}: {error.message}"
        raise


def read_value(value: object) -> FieldValue | None:
    """Return *value* as a value of a field, None for null. Raises SkygearError as `read` does."""
    if isinstance(value, str):
        return FieldValue("string", _text(value))
    if value is None:
        return None
    if isinstance(value, bool):
        return FieldValue("boolean", value)
    if isinstance(value, int | float):
        return FieldValue("number", as_double(value))
    if isinstance(value, dict) and "$type" in value:
        typed = _read_typed(value)
        if typed.kind in _NOT_STORABLE:
            raise _bad_value(f"a value of $type = {typed.kind} cannot be stored")
        return typed
    return FieldValue("json", _read_nested(value))


def _read_nested(value: object) -> JsonValue:
    # A comprehension would need a second frame for each level of nesting.
    if isinstance(value, list):
        items: list[JsonValue] = []
        for item in value:
            items.append(_read_nested(item))
        return items
    if isinstance(value, dict):
        if "$type" in value:
            return _nested_form(_read_typed(value), value)
        members: dict[str, JsonValue] = {}
        for name, item in value.items():
            members[_text(name)] = _read_nested(item)
        return members
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    assert isinstance(value, int | float)
    return as_double(value)


def _nested_form(  # noqa: PLR0911
    typed: FieldValue, raw: Mapping[str, object]
) -> JsonValue:
    """Return a typed value inside a JSON field as the original stores it, by Go's encoding/json."""
    match typed.kind:
        case "datetime":
            return _nested_date(raw)
        case "reference":
            return {"ID": f"{typed.target}/{typed.value}"}
        case "sequence":
            return {}
        case "unknown":
            word = raw.get("$underlying_type")
            return {"UnderlyingType": _text(word) if isinstance(word, str) else ""}
        case "asset":
            content_type = raw.get("$content_type", "")
            assert isinstance(content_type, str)
            name = typed.value
            plain = {"Public": False, "Signer": None, "Size": 0}
            return {"ContentType": _text(content_type), "Name": name, **plain}
        case "relation":
            return {"Name": raw["$name"], "Direction": raw["$direction"]}  # type: ignore[dict-item]
        case "record":
            raise _bad_value("a value of $type = record cannot be stored")
    return typed.value


def _read_typed(raw: dict[str, object]) -> FieldValue:
    kind = raw["$type"]
    if not isinstance(kind, str):
        raise _bad_value(f'got "$type"\'s type = {go_type(kind)}, want string')
    if kind == "blob":
        raise _bad_value("unimplemented $type = blob")
    reader = _TYPED.get(kind)
    if reader is None:
        raise _bad_value(f"unknown $type = {kind}")
    return reader(raw)


def _read_date(raw: dict[str, object]) -> FieldValue:
    text = _member(raw, "$date")
    if not isinstance(text, str):
        raise _bad_value(f"got type($date) = {go_type(text)}, want string")
    try:
        moment, nanoseconds = rfc3339.read(text)
        # PostgreSQL rounds to microseconds; rounding up to the year 10000 overflows.
        rounded = moment + timedelta(microseconds=round(nanoseconds / 1000))
    except (ValueError, OverflowError):
        raise _bad_value(f"failed to parse $date = {go_quote(text)}") from None
    return FieldValue("datetime", rfc3339.stored(rounded))


def _nested_date(raw: Mapping[str, object]) -> str:
    text = raw["$date"]
    assert isinstance(text, str)
    moment, nanoseconds = rfc3339.read(text)
    fraction = f".{nanoseconds:09d}".rstrip("0").rstrip(".")
    return f"{moment.isoformat()[:19]}{fraction}Z"


def read_location(raw: Mapping[str, object]) -> FieldValue:
    """Return the place in *raw*, whatever its `$type`. Raises SkygearError as `read` does."""
    return FieldValue("location", [_coordinate(raw, "$lng"), _coordinate(raw, "$lat")])


def _coordinate(raw: Mapping[str, object], name: str) -> float:
    value = _member(raw, name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad_value(f"got type({name}) = {go_type(value)}, want number")
    return as_double(value)


def _read_geometry(raw: dict[str, object]) -> FieldValue:
    shape = raw.get("$val")
    if not isinstance(shape, dict):
        raise _bad_value("$val is not a map")
    return FieldValue("geometry", plain_json(shape))


def _read_reference(raw: dict[str, object]) -> FieldValue:
    if "$id" not in raw:
        raise _bad_value("referencing without $id")
    text = raw["$id"]
    if not isinstance(text, str):
        raise _bad_value(f"got reference type($id) = {go_type(text)}, want string")
    target, slash, key = _text(text).partition("/")
    if not slash:
        raise _bad_value(
            f"ref: \"_id\" should be of format '{{type}}/{{id}}', got {go_quote(text)}"
        )
    return FieldValue("reference", key, target)


def _read_asset(raw: dict[str, object]) -> FieldValue:
    name = _member(raw, "$name")
    if not isinstance(name, str):
        raise _bad_value(f"got type($name) = {go_type(name)}, want string")
    if not name:
        raise _bad_value("asset's $name should not be empty")
    content_type = raw.get("$content_type", "")
    if not isinstance(content_type, str):
        raise _bad_value(f"got type($contentType) = {go_type(content_type)}, want string")
    return FieldValue("asset", _text(name))


def _read_key_path(raw: dict[str, object]) -> FieldValue:
    path = raw.get("$val")
    if not isinstance(path, str) or not path:
        raise _bad_value("empty key path")
    return FieldValue("string", _text(path))


def _read_relation(raw: dict[str, object]) -> FieldValue:
    for name, what in (("$name", "relation name"), ("$direction", "direction")):
        value = raw.get(name)
        if not isinstance(value, str) or not value:
            raise _bad_value(f"empty {what}")
        _text(value)
    return FieldValue("relation", None)


def _read_record(raw: dict[str, object]) -> FieldValue:
    if not isinstance(_member(raw, "$record"), dict):
        raise _bad_value("$record is not a map")
    return FieldValue("record", None)


_TYPED: Mapping[str, Callable[[dict[str, object]], FieldValue]] = {
    "date": _read_date,
    "geo": read_location,
    "geojson": _read_geometry,
    "ref": _read_reference,
    "asset": _read_asset,
    "keypath": _read_key_path,
    "seq": lambda raw: FieldValue("sequence", None),
    "unknown": lambda raw: FieldValue("unknown", None),
    "relation": _read_relation,
    "record": _read_record,
}
_NOT_STORABLE = frozenset(("relation", "record"))


def _member(raw: Mapping[str, object], name: str) -> object:
    if name not in raw:
        raise _bad_value(f"missing compulsory field {name}")
    return raw[name]


def plain_json(value: object) -> JsonValue:
    """Return *value* with its numbers as doubles; typed values stay as they are."""
    if isinstance(value, list):
        return [plain_json(item) for item in value]
    if isinstance(value, dict):
        return {_text(name): plain_json(item) for name, item in value.items()}
    return _read_nested(value)


def _text(value: str) -> str:
    if "\0" in value:
        raise text_with_nul()
    return value


def _bad_value(message: str) -> SkygearError:
    return SkygearError(INVALID_ARGUMENT, message, reason=Reason.PROFILE_VALUE_INVALID)


def references(values: Profile) -> set[tuple[str, str]]:
    """Return the type and id of each record that *values* refer to."""
    return {
        (value.target, str(value.value))
        for value in values.values()
        if value is not None and value.kind == "reference"
    }
