"""Reading the values of a profile."""

from typing import Any

import pytest
from skylogin.domain import profile
from skylogin.domain.user import FieldValue
from skylogin.errors import INVALID_ARGUMENT, Reason, SkygearError

VALUES: dict[str, tuple[Any, FieldValue | None]] = {
    "text": ("a", FieldValue("string", "a")),
    "an empty text": ("", FieldValue("string", "")),
    "a whole number": (1, FieldValue("number", 1)),
    "a whole number with a fraction": (1.0, FieldValue("number", 1)),
    "a fraction": (1.5, FieldValue("number", 1.5)),
    "too many digits": (12345678901234567890, FieldValue("number", 12345678901234567000)),
    "yes": (True, FieldValue("boolean", True)),
    "no": (False, FieldValue("boolean", False)),
    "null": (None, None),
    "a list": ([1.0, "a", None], FieldValue("json", [1, "a", None])),
    "an empty list": ([], FieldValue("json", [])),
    "an object": ({"a": {"b": [True]}}, FieldValue("json", {"a": {"b": [True]}})),
    "an empty object": ({}, FieldValue("json", {})),
    "a date": (
        {"$type": "date", "$date": "2001-02-03T04:05:06+01:00"},
        FieldValue("datetime", "2001-02-03T03:05:06.000000Z"),
    ),
    "a date between microseconds": (
        {"$type": "date", "$date": "2001-02-03T04:05:06.0000019Z"},
        FieldValue("datetime", "2001-02-03T04:05:06.000002Z"),
    ),
    "a date that rounds into the next year": (
        {"$type": "date", "$date": "2001-12-31T23:59:59.9999999Z"},
        FieldValue("datetime", "2002-01-01T00:00:00.000000Z"),
    ),
    "a place": ({"$type": "geo", "$lng": 1.0, "$lat": 2.5}, FieldValue("location", [1, 2.5])),
    "a shape": (
        {"$type": "geojson", "$val": {"type": "Point", "coordinates": [1.0, 2]}},
        FieldValue("geometry", {"type": "Point", "coordinates": [1, 2]}),
    ),
    "a reference": ({"$type": "ref", "$id": "note/1"}, FieldValue("reference", "1", "note")),
    "a reference to an odd id": (
        {"$type": "ref", "$id": "note/a/b"},
        FieldValue("reference", "a/b", "note"),
    ),
    "an asset": ({"$type": "asset", "$name": "a.png"}, FieldValue("asset", "a.png")),
    "a sequence": ({"$type": "seq"}, FieldValue("sequence", None)),
    "a key path": ({"$type": "keypath", "$val": "x"}, FieldValue("string", "x")),
    "unknown": ({"$type": "unknown"}, FieldValue("unknown", None)),
}


@pytest.mark.parametrize(("raw", "value"), VALUES.values(), ids=VALUES)
def test_a_value_has_a_kind(raw: Any, value: FieldValue | None) -> None:
    """It decides the type of the field."""
    read = profile.read({"f": raw})

    assert read == {"f": value}
    if value is not None:
        assert type(read["f"].value) is type(value.value)  # type: ignore[union-attr]


INSIDE: dict[str, tuple[Any, Any]] = {
    "a date": (
        {"$type": "date", "$date": "2001-02-03T04:05:06.10+01:00"},
        "2001-02-03T03:05:06.1Z",
    ),
    "a place": ({"$type": "geo", "$lng": 1, "$lat": 2}, [1, 2]),
    "a reference": ({"$type": "ref", "$id": "note/1"}, {"ID": "note/1"}),
    "a shape": ({"$type": "geojson", "$val": {"a": [1]}}, {"a": [1]}),
    "a key path": ({"$type": "keypath", "$val": "x"}, "x"),
    "a sequence": ({"$type": "seq"}, {}),
    "unknown": ({"$type": "unknown", "$underlying_type": "money"}, {"UnderlyingType": "money"}),
    "unknown, without a word": ({"$type": "unknown"}, {"UnderlyingType": ""}),
    "an asset": (
        {"$type": "asset", "$name": "x.png"},
        {"ContentType": "", "Name": "x.png", "Public": False, "Signer": None, "Size": 0},
    ),
    "null": (None, None),
}


@pytest.mark.parametrize(("raw", "value"), INSIDE.values(), ids=INSIDE)
def test_a_typed_value_inside_another_becomes_plain_json(raw: Any, value: Any) -> None:
    """As Go writes it, in lists and objects at any depth."""
    read = profile.read({"f": [raw, {"a": {"b": raw}}]})

    assert read == {"f": FieldValue("json", [value, {"a": {"b": value}}])}


def test_the_profile_itself_is_never_a_typed_value() -> None:
    """Its member `$type` is a field with that name."""
    assert profile.read({"$type": "date"}) == {"$type": FieldValue("string", "date")}


def test_an_empty_profile_has_no_fields() -> None:
    """The login still works."""
    assert profile.read({}) == {}


REFUSED: dict[str, tuple[Any, str]] = {
    "type number": ({"$type": 1}, 'got "$type"\'s type = float64, want string'),
    "type boolean": ({"$type": True}, 'got "$type"\'s type = bool, want string'),
    "type null": ({"$type": None}, 'got "$type"\'s type = <nil>, want string'),
    "type list": ({"$type": []}, 'got "$type"\'s type = []interface {}, want string'),
    "type object": ({"$type": {}}, 'got "$type"\'s type = map[string]interface {}, want string'),
    "unknown type": ({"$type": "foo"}, "unknown $type = foo"),
    "type in capitals": ({"$type": "Date"}, "unknown $type = Date"),
    "blob": ({"$type": "blob"}, "unimplemented $type = blob"),
    "no date": ({"$type": "date"}, "missing compulsory field $date"),
    "date number": ({"$type": "date", "$date": 1}, "got type($date) = float64, want string"),
    "date null": ({"$type": "date", "$date": None}, "got type($date) = <nil>, want string"),
    "date only": (
        {"$type": "date", "$date": "1990-01-02"},
        'failed to parse $date = "1990-01-02"',
    ),
    "date with quotes": ({"$type": "date", "$date": '"'}, r'failed to parse $date = "\""'),
    "date after all dates": (
        {"$type": "date", "$date": "9999-12-31T23:59:59.9999999Z"},
        'failed to parse $date = "9999-12-31T23:59:59.9999999Z"',
    ),
    "place without both": ({"$type": "geo"}, "missing compulsory field $lng"),
    "place without lat": ({"$type": "geo", "$lng": 1}, "missing compulsory field $lat"),
    "place of text": (
        {"$type": "geo", "$lng": 1, "$lat": "2"},
        "got type($lat) = string, want number",
    ),
    "place of booleans": (
        {"$type": "geo", "$lng": True, "$lat": 2},
        "got type($lng) = bool, want number",
    ),
    "shape without value": ({"$type": "geojson"}, "$val is not a map"),
    "shape of a list": ({"$type": "geojson", "$val": []}, "$val is not a map"),
    "no id": ({"$type": "ref"}, "referencing without $id"),
    "id number": ({"$type": "ref", "$id": 1}, "got reference type($id) = float64, want string"),
    "id without type": (
        {"$type": "ref", "$id": "nosep"},
        'ref: "_id" should be of format \'{type}/{id}\', got "nosep"',
    ),
    "no name": ({"$type": "asset"}, "missing compulsory field $name"),
    "name number": ({"$type": "asset", "$name": 1}, "got type($name) = float64, want string"),
    "name empty": ({"$type": "asset", "$name": ""}, "asset's $name should not be empty"),
    "content type number": (
        {"$type": "asset", "$name": "a", "$content_type": 1},
        "got type($contentType) = float64, want string",
    ),
    "no key path": ({"$type": "keypath"}, "empty key path"),
    "empty key path": ({"$type": "keypath", "$val": ""}, "empty key path"),
    "relation without name": ({"$type": "relation"}, "empty relation name"),
    "relation without direction": ({"$type": "relation", "$name": "a"}, "empty direction"),
    "record without record": ({"$type": "record"}, "missing compulsory field $record"),
}


@pytest.mark.parametrize(("raw", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("place", ["on top", "inside"])
def test_an_invalid_value_is_refused(raw: Any, message: str, place: str) -> None:
    """With the original's message, at any depth; the explanation names the field."""
    with pytest.raises(SkygearError) as caught:
        profile.read({"f": raw if place == "on top" else {"a": [raw]}})

    error = caught.value
    assert (error.kind, error.message, error.info) == (INVALID_ARGUMENT, message, None)
    assert error.reason is Reason.PROFILE_VALUE_INVALID
    assert error.explanation == f"skyprofile.f: {message}"


NOT_STORED: dict[str, Any] = {
    "a relation": {"$type": "relation", "$name": "friend", "$direction": "outward"},
    "a record": {"$type": "record", "$record": {}},
}


@pytest.mark.parametrize("raw", NOT_STORED.values(), ids=NOT_STORED)
def test_a_value_that_crashes_the_original_is_refused(raw: Any) -> None:
    """A profile cannot store it."""
    with pytest.raises(SkygearError) as caught:
        profile.read({"f": raw})

    assert caught.value.kind is INVALID_ARGUMENT


WITH_NUL: dict[str, dict[str, Any]] = {
    "text": {"f": "a\0"},
    "name": {"a\0": 1},
    "text inside": {"f": [{"a": "\0"}]},
    "name inside": {"f": {"\0": 1}},
    "reference": {"f": {"$type": "ref", "$id": "note/\0"}},
    "asset": {"f": {"$type": "asset", "$name": "\0"}},
    "content type inside": {"f": [{"$type": "asset", "$name": "a", "$content_type": "\0"}]},
    "key path": {"f": {"$type": "keypath", "$val": "\0"}},
    "shape": {"f": {"$type": "geojson", "$val": {"a": ["\0"]}}},
    "unknown inside": {"f": [{"$type": "unknown", "$underlying_type": "\0"}]},
    "relation inside": {"f": [{"$type": "relation", "$name": "\0", "$direction": "a"}]},
}


@pytest.mark.parametrize("raw", WITH_NUL.values(), ids=WITH_NUL)
def test_text_with_nul_is_refused(raw: dict[str, Any]) -> None:
    """PostgreSQL cannot store it, so neither database does."""
    with pytest.raises(SkygearError) as caught:
        profile.read(raw)

    assert caught.value.message == 'invalid byte sequence for encoding "UTF8": 0x00'
    assert caught.value.reason is Reason.TEXT_WITH_NUL


def test_references_are_those_of_the_top_level() -> None:
    """A reference inside a JSON field does not count."""
    values = profile.read(
        {
            "a": {"$type": "ref", "$id": "note/1"},
            "b": [{"$type": "ref", "$id": "note/2"}],
            "c": None,
        }
    )

    assert profile.references(values) == {("note", "1")}
