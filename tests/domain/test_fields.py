"""The types of fields, and values that are merged into a record."""

from typing import Any

import pytest
from skylogin.domain import fields
from skylogin.domain.fields import FIELDS_MAX, FIRST_USER_FIELDS, new_field
from skylogin.domain.user import Field, FieldValue
from skylogin.errors import CONSTRAINT_VIOLATED, INCOMPATIBLE_SCHEMA, INVALID_ARGUMENT, SkygearError

from tests.factories import as_field_value

KNOWN = {
    **FIRST_USER_FIELDS,
    "text": new_field("string"),
    "number": new_field("number"),
    "whole": Field("integer", column="integer"),
    "next": new_field("sequence"),
    "flag": new_field("boolean"),
    "any": new_field("json"),
    "when": new_field("datetime"),
    "friend": new_field("reference", "user"),
    "shape": new_field("geometry"),
}


def extend(values: dict[str, Any], *, may_extend: bool = True, count: int = 10) -> dict[str, Field]:
    """Return the fields that *values* add to the known ones."""
    given = {name: as_field_value(value) for name, value in values.items()}
    return fields.extend_fields(given, KNOWN, may_extend=may_extend, count=count)


ADDED = {
    "string": ("text", ""),
    "number": ("double precision", ""),
    "boolean": ("boolean", ""),
    "json": ("jsonb", ""),
    "datetime": ("timestamp without time zone", ""),
    "location": ("geometry(Point)", ""),
    "geometry": ("geometry", ""),
    "reference": ("", "note"),
    "asset": ("", ""),
}


@pytest.mark.parametrize("kind", ADDED)
def test_a_new_name_creates_a_field_of_the_kind_of_its_value(kind: str) -> None:
    """With the original's name for the type of its column."""
    column, target = ADDED[kind]

    assert extend({"new": FieldValue(kind, None, target)}) == {"new": Field(kind, target, column)}


FITTING: dict[str, dict[str, Any]] = {
    "the same kind": {"text": "a"},
    "a number in a column of whole ones": {"whole": 1.5},
    "a number in a sequence": {"next": 1},
    "a sequence in a number": {"number": FieldValue("sequence", None)},
    "the same target": {"friend": FieldValue("reference", "1", "user")},
    "null, whatever is there": {"when": None},
    "null, where nothing is": {"new": None},
    "a reserved text": {"_owner_id": "a", "_created_by": "b", "_id": "c", "_database_id": "d"},
    "a reserved time": {"_created_at": FieldValue("datetime", "2001-01-01T00:00:00.000000Z")},
    "other names with an underscore": {"_type": 1, "_transient_x": "a", "_": True},
    "no access list": {"_access": None},
}


@pytest.mark.parametrize("may_extend", [True, False])
@pytest.mark.parametrize("values", FITTING.values(), ids=FITTING)
def test_a_value_that_fits_adds_no_field(values: dict[str, Any], may_extend: bool) -> None:
    """Whether or not fields may be added."""
    assert extend(values, may_extend=may_extend) == {}


CONFLICTS: dict[str, tuple[str, Any, str]] = {
    "number for text": (
        "text",
        1,
        "{TypeString  {0 <nil>} text} => {TypeNumber  {0 <nil>} }",
    ),
    "number for a user name": (
        "username",
        1,
        "{TypeString  {0 <nil>} citext} => {TypeNumber  {0 <nil>} }",
    ),
    "text for a date": (
        "when",
        "2001-02-03T04:05:06Z",
        "{TypeDateTime  {0 <nil>} timestamp without time zone} => {TypeString  {0 <nil>} }",
    ),
    "another target": (
        "friend",
        FieldValue("reference", "1", "note"),
        "{TypeReference user {0 <nil>} } => {TypeReference note {0 <nil>} }",
    ),
    "json for a flag": (
        "flag",
        FieldValue("json", {}),
        "{TypeBoolean  {0 <nil>} boolean} => {TypeJSON  {0 <nil>} }",
    ),
    "an access list": (
        "_access",
        FieldValue("json", []),
        "{TypeACL  {0 <nil>} jsonb} => {TypeJSON  {0 <nil>} }",
    ),
    "text for a reserved time": (
        "_created_at",
        "now",
        "{TypeDateTime  {0 <nil>} timestamp without time zone} => {TypeString  {0 <nil>} }",
    ),
}


@pytest.mark.parametrize(("name", "value", "types"), CONFLICTS.values(), ids=CONFLICTS)
def test_a_field_keeps_its_type(name: str, value: Any, types: str) -> None:
    """A value of another type is refused as a conflict, or as a migration."""
    with pytest.raises(SkygearError) as caught:
        extend({name: value})
    assert (caught.value.kind, caught.value.message) == (
        INCOMPATIBLE_SCHEMA,
        f"conflicting schema {types}",
    )

    with pytest.raises(SkygearError) as caught:
        extend({name: value}, may_extend=False)
    assert caught.value.message == "Record schema requires migration but migration is disabled."


def test_a_new_name_is_refused_if_fields_may_not_be_added() -> None:
    """As with DEV_MODE=NO."""
    with pytest.raises(SkygearError) as caught:
        extend({"new": 1}, may_extend=False)

    assert caught.value.kind is INCOMPATIBLE_SCHEMA
    assert caught.value.message == "Record schema requires migration but migration is disabled."
    assert '"new"' in caught.value.explanation


NAMES = {
    "nothing": ("", INCOMPATIBLE_SCHEMA, "failed to migrate record schema"),
    "a point": ("a.b", INVALID_ARGUMENT, "invalid field name"),
    "a question mark": ("a?", INVALID_ARGUMENT, "invalid field name"),
    "64 bytes": ("a" * 64, INVALID_ARGUMENT, "invalid field name"),
    "64 bytes of 32 letters": ("é" * 32, INVALID_ARGUMENT, "invalid field name"),
}


@pytest.mark.parametrize(("name", "kind", "message"), NAMES.values(), ids=NAMES)
def test_names_that_break_the_original_are_refused(name: str, kind: object, message: str) -> None:
    """There, no user record could be read afterwards."""
    with pytest.raises(SkygearError) as caught:
        extend({name: 1})

    assert (caught.value.kind, caught.value.message) == (kind, message)


@pytest.mark.parametrize("name", ["a" * 63, "é" * 31, "a b", 'a"b', "%", "漢", "A", "a"])
def test_all_other_names_are_accepted(name: str) -> None:
    """Whatever their characters; case counts."""
    assert list(extend({name: 1})) == [name]


def test_the_number_of_fields_is_limited() -> None:
    """The last one that fits is added, the next one is refused."""
    assert len(extend({"new": 1}, count=FIELDS_MAX - 1)) == 1
    with pytest.raises(SkygearError) as caught:
        extend({"new": 1}, count=FIELDS_MAX)

    assert caught.value.message == "failed to migrate record schema"


def test_with_too_many_fields_logins_that_add_none_still_work() -> None:
    """Two servers that each add the last field must not block all logins."""
    assert extend({"text": "a"}, count=FIELDS_MAX + 1) == {}


def test_a_sequence_starts_at_one() -> None:
    """Like the original's columns."""
    assert extend({"n": FieldValue("sequence", None)})["n"].next_value == 1


def test_a_value_of_the_unknown_type_creates_no_field() -> None:
    """The original crashes on it."""
    with pytest.raises(SkygearError) as caught:
        extend({"new": FieldValue("unknown", None)})

    assert caught.value.kind is INVALID_ARGUMENT


def test_a_reference_to_something_missing_is_refused() -> None:
    """The record type, the record or the asset; assets are not emulated."""
    existing, types = frozenset({("user", "1")}), frozenset({"user"})
    fields.check_references({"f": FieldValue("reference", "1", "user")}, existing, types)
    fields.check_references({"f": None, "g": FieldValue("string", "x")}, existing, types)

    for value, kind, message in (
        (
            FieldValue("reference", "2", "user"),
            CONSTRAINT_VIOLATED,
            "f: referenced record user/2 does not exist",
        ),
        (
            FieldValue("reference", "1", "note"),
            INCOMPATIBLE_SCHEMA,
            "failed to migrate record schema",
        ),
        (
            FieldValue("asset", "a.png"),
            CONSTRAINT_VIOLATED,
            "f: referenced record asset/a.png does not exist",
        ),
    ):
        with pytest.raises(SkygearError) as caught:
            fields.check_references({"f": value}, existing, types)
        assert (caught.value.kind, caught.value.message) == (kind, message)


MERGED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a new value": ({}, {"text": "a"}, {"text": "a"}),
    "another value": ({"text": "a", "number": 1}, {"text": "b"}, {"text": "b", "number": 1}),
    "null clears": ({"text": "a", "number": 1}, {"text": None}, {"number": 1}),
    "null where nothing is": ({"number": 1}, {"text": None}, {"number": 1}),
    "objects are replaced as a whole": (
        {"any": {"a": 1, "b": 2}},
        {"any": FieldValue("json", {"c": 3})},
        {"any": {"c": 3}},
    ),
    "reserved names are dropped": ({}, {"_owner_id": "x", "_other": 1, "text": "a"}, {"text": "a"}),
    "a sequence stores nothing": ({"next": 1}, {"next": FieldValue("sequence", None)}, {"next": 1}),
    "an empty text is a value": ({}, {"text": ""}, {"text": ""}),
    "a whole number": ({}, {"whole": 2**31 - 1}, {"whole": 2**31 - 1}),
    "a negative whole number": ({}, {"whole": -(2**31) + 1}, {"whole": -(2**31) + 1}),
}


@pytest.mark.parametrize(("data", "values", "merged"), MERGED.values(), ids=MERGED)
def test_values_are_merged_into_a_record(
    data: dict[str, Any], values: dict[str, Any], merged: dict[str, Any]
) -> None:
    """The record itself does not change."""
    before = dict(data)
    given = {name: as_field_value(value) for name, value in values.items()}

    assert fields.merge(data, given, KNOWN, "user/1") == merged
    assert data == before


@pytest.mark.parametrize("number", [1.5, 2**31])
def test_an_integer_column_refuses_other_numbers(number: float) -> None:
    """In the words of the original's database, with the id of the record."""
    with pytest.raises(SkygearError) as caught:
        fields.merge({}, {"whole": FieldValue("number", number)}, KNOWN, "user/1")

    assert caught.value.kind is INVALID_ARGUMENT
    assert caught.value.message == (
        f'failed to save user/1: pq: invalid input syntax for type integer: "{number}"'
    )


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "GeometryCollection", "geometries": []},
    ],
)
def test_a_geojson_shape_is_stored(shape: dict[str, Any]) -> None:
    """Unchanged."""
    given = {"shape": FieldValue("geometry", shape)}
    assert fields.merge({}, given, KNOWN, "user/1") == {"shape": shape}


@pytest.mark.parametrize(
    "shape", [{}, {"type": "Circle", "coordinates": [1, 2]}, {"type": "Point"}, {"type": ["Point"]}]
)
def test_a_shape_that_is_not_geojson_is_refused(shape: dict[str, Any]) -> None:
    """In the words of the original's database, but as an error of the caller."""
    with pytest.raises(SkygearError) as refusal:
        fields.merge({}, {"shape": FieldValue("geometry", shape)}, KNOWN, "user/1")

    assert refusal.value.kind == INVALID_ARGUMENT
    assert refusal.value.message == "failed to save user/1: pq: unknown GeoJSON type"
