"""How records extend the schema, and how it is changed by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from skylogin.domain import schema
from skylogin.domain.fields import new_field
from skylogin.domain.user import FieldValue
from skylogin.errors import BAD_REQUEST, INCOMPATIBLE_SCHEMA, INVALID_ARGUMENT, SkygearError

from tests.factories import as_field_value

TYPES = frozenset(("user", "note"))
KNOWN = {"user": {"name": new_field("string")}, "note": {}}


def extend(*records: tuple[str, dict[str, Any]], may_extend: bool = True) -> schema.Extension:
    """Return how records extend the known schema."""
    values = [
        (kind, {name: as_field_value(value) for name, value in fields.items()})
        for kind, fields in records
    ]
    return schema.extend(values, KNOWN, TYPES, may_extend=may_extend)


def refers_to(record_type: str) -> FieldValue:
    """Return a reference."""
    return FieldValue("reference", "1", record_type)


def test_known_fields_add_nothing() -> None:
    """Neither do nulls."""
    assert extend(("user", {"name": "a", "new": None}), ("note", {}), may_extend=False) == {}


def test_new_types_and_fields_are_created() -> None:
    """For all records of a call together, which may refer to each other's types."""
    made = extend(("note", {"n": 1}), ("a", {"to": refers_to("b")}), ("b", {}), ("note", {"n": 2}))

    assert made == {
        "note": {"n": new_field("number")},
        "a": {"to": new_field("reference", "b")},
        "b": {},
    }


def test_reserved_types_add_nothing() -> None:
    """Their records are refused one by one later."""
    assert extend(("_auth", {"x": 1})) == {}


FAILED = {
    "two types": (("note", {"n": 1}), ("note", {"n": "a"})),
    "no target": (("note", {"to": refers_to("nil")}),),
    "no name": (("", {}),),
    "long name": (("x" * 64, {}),),
}


@pytest.mark.parametrize("records", FAILED.values(), ids=FAILED)
def test_an_impossible_extension_is_refused(records: Any) -> None:
    """With the original's message."""
    with pytest.raises(SkygearError, match="failed to migrate record schema") as caught:
        extend(*records)

    assert caught.value.kind is INCOMPATIBLE_SCHEMA


@pytest.mark.parametrize("record", [("new", {}), ("note", {"n": 1}), ("user", {"name": 1})])
def test_the_schema_is_not_extended_where_it_may_not_change(record: Any) -> None:
    """Neither by a type nor by a field; a conflict has the same message."""
    with pytest.raises(SkygearError, match="migration is disabled"):
        extend(record, may_extend=False)


def read(*listed: Any) -> Any:
    """Return the type `note` with the fields *listed*, as a call gives it."""
    return schema.read_types({"note": {"fields": list(listed)}})


def test_types_are_read() -> None:
    """Their fields have names of types."""
    names = ("string", "number", "boolean", "json", "location", "datetime", "asset", "integer")
    asked = [{"name": name, "type": name} for name in (*names, "sequence", "geometry")]

    assert read(*asked) == [("note", {f["name"]: FieldValue(f["type"], None) for f in asked})]
    assert read({"name": "to", "type": "ref(user)"}) == [
        ("note", {"to": FieldValue("reference", None, "user")})
    ]
    assert schema.read_types({"note": None, "user": {}}) == [("note", {}), ("user", {})]


NOT_READ: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "type": (lambda: schema.read_types({"note": 5}), BAD_REQUEST, "decode"),
    "fields": (lambda: schema.read_types({"note": {"fields": {}}}), BAD_REQUEST, "decode"),
    "field": (lambda: read(5), BAD_REQUEST, "decode"),
    "name": (lambda: read({"name": 5}), BAD_REQUEST, "decode"),
    "unknown": (lambda: read({"name": "a", "type": "text"}), INVALID_ARGUMENT, "unexpected"),
    "no type": (lambda: read(None), INVALID_ARGUMENT, "unexpected"),
    "crash": (lambda: read({"name": "a", "type": "acl"}), INVALID_ARGUMENT, "unexpected"),
    "no target": (lambda: read({"name": "a", "type": "ref()"}), INVALID_ARGUMENT, "unexpected"),
    "our word": (lambda: read({"name": "a", "type": "reference"}), INVALID_ARGUMENT, "unexpected"),
    "reserved": (lambda: read({"name": "_a", "type": "json"}), INVALID_ARGUMENT, "reserved field"),
    "table": (lambda: schema.read_types({"_auth": {}}), INVALID_ARGUMENT, "reserved table"),
}


@pytest.mark.parametrize(("attempt", "kind", "words"), NOT_READ.values(), ids=NOT_READ)
def test_invalid_types_are_refused(attempt: Callable[[], Any], kind: Any, words: str) -> None:
    """With the original's kinds of errors."""
    with pytest.raises(SkygearError, match=words) as caught:
        attempt()

    assert caught.value.kind is kind


def test_the_schema_is_written_in_order() -> None:
    """Types and fields are sorted by name."""
    fields = {"b": new_field("reference", "user"), "a": new_field("sequence")}

    assert schema.body({"note": fields, "book": {}}) == {
        "record_types": {
            "book": {"fields": []},
            "note": {
                "fields": [{"name": "a", "type": "sequence"}, {"name": "b", "type": "ref(user)"}]
            },
        }
    }


def test_a_conflict_of_schema_create_has_the_name_of_its_error() -> None:
    """The original shows the error as text; other errors do not change."""
    conflict = SkygearError(INCOMPATIBLE_SCHEMA, "conflicting schema")
    other = SkygearError(INVALID_ARGUMENT, "invalid field name")

    assert schema.as_asked_for(conflict).message == "IncompatibleSchema: conflicting schema"
    assert schema.as_asked_for(other) is other
