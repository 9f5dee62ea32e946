"""The original's columns and values as ours, and back as SQL."""

from typing import Any

import pytest
from skylogin.domain import skygear, skygear_sql
from skylogin.domain.fields import new_field
from skylogin.domain.importing import Here, Outcome, Report
from skylogin.domain.skygear import NotStorableError, field_of
from skylogin.domain.user import Field

COLUMNS = {
    "text": (("text", None), "string"),
    "text without case": (("citext", None), "string"),
    "a reference": (("text", "user"), "reference"),
    "an asset": (("text", "_asset"), "asset"),
    "a number of another table": (("integer", "user"), "integer"),
    "a number": (("double precision", None), "number"),
    "a whole number": (("bigint", None), "integer"),
    "a date": (("timestamp without time zone", None), "datetime"),
    "a date with a zone": (("timestamp with time zone", None), "unknown"),
    "a place": (("geometry(Point)", None), "location"),
    "a place of a system": (("geometry(Point,4326)", None), "unknown"),
    "a shape": (("geometry", None), "geometry"),
    "a list": (("text[]", None), "unknown"),
}
TIMES = {
    "2020-01-02T03:04:05": "2020-01-02T03:04:05.000000Z",
    "2020-01-02T03:04:05.6": "2020-01-02T03:04:05.600000Z",
    "0001-01-01T00:00:00.000001": "0001-01-01T00:00:00.000001Z",
}
NOT_STORABLE = {
    "no number": ("number", "NaN"),
    "infinity": ("number", "Infinity"),
    "33 bits": ("integer", 2**32),
    "for ever": ("datetime", "infinity"),
    "before Christ": ("datetime", "0044-03-15T00:00:00 BC"),
    "five digits": ("datetime", "12020-01-02T00:00:00"),
}
SHAPES: dict[str, dict[str, Any]] = {
    "POINT(1 2.5)": {"type": "Point", "coordinates": [1, 2.5]},
    "LINESTRING(1 2,3 4)": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]},
    "POLYGON((0 0,1 0,0 0),(1 1,2 2,1 1))": {
        "type": "Polygon",
        "coordinates": [[[0, 0], [1, 0], [0, 0]], [[1, 1], [2, 2], [1, 1]]],
    },
    "MULTIPOINT EMPTY": {"type": "MultiPoint", "coordinates": []},
    "GEOMETRYCOLLECTION(POINT(1 2))": {
        "type": "GeometryCollection",
        "geometries": [{"type": "Point", "coordinates": [1, 2]}],
    },
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_decides_the_type_of_its_field(name: str) -> None:
    """Also by the table that it refers to."""
    (type_name, target), kind = COLUMNS[name]
    field = field_of(type_name, target, has_sequence=False)

    assert field == Field(kind, "user" if kind == "reference" else "", type_name)


def test_a_number_with_a_sequence_counts() -> None:
    """A text with one does not."""
    assert field_of("integer", None, has_sequence=True).kind == "sequence"
    assert field_of("text", None, has_sequence=True).kind == "string"


@pytest.mark.parametrize("text", TIMES)
def test_times_have_a_fixed_width(text: str) -> None:
    """So that they sort."""
    assert skygear.time_text(text) == TIMES[text]


@pytest.mark.parametrize("name", NOT_STORABLE)
def test_values_that_no_field_can_have_are_refused(name: str) -> None:
    """The report names them."""
    kind, value = NOT_STORABLE[name]

    with pytest.raises(NotStorableError):
        skygear.field_value(new_field(kind), value)


def test_an_integer_may_have_as_many_bits_as_its_column() -> None:
    """Not only 32."""
    assert skygear.field_value(Field("integer", column="bigint"), 2**40) == 2**40


def test_an_empty_point_is_null() -> None:
    """It has no place."""
    assert skygear.field_value(new_field("location"), [None, None]) is None


def test_numbers_in_json_are_doubles() -> None:
    """As the original reads them."""
    assert skygear.field_value(new_field("json"), {"a": [12345678901234567890, 1.0]}) == {
        "a": [12345678901234567000, 1]
    }


@pytest.mark.parametrize("text", SHAPES)
def test_shapes_are_written_as_postgis_reads_them(text: str) -> None:
    """Each version of it, also without GeoJSON."""
    fields = {"area": new_field("geometry")}
    row: dict[str, Any] = {"id": "one", "data": {"area": SHAPES[text]}}

    assert f"\t{text}\n" in skygear_sql.records("note", fields, [row])


def test_text_is_escaped_for_copy() -> None:
    """A tab, a line, a backslash, and a quote in a name."""
    row = {"id": "\\N", "data": {'"a"': "tab\tline\n\\."}, "owner_id": ""}
    sql = skygear_sql.records('no"te', {'"a"': new_field("string")}, [row])

    assert sql.startswith('COPY "no""te" (')
    assert '"""a"""' in sql
    assert "\\\\N\t" in sql
    assert "\ttab\\tline\\n\\\\.\n\\.\n" in sql


def test_a_row_whose_number_became_a_boolean_is_changed() -> None:
    """In Python, they are equal."""
    here = Here("skygear x")
    row = {"id": "a", "type": "note", "origin": "skygear x", "data": {"flags": {"on": 1}}}

    assert here.compare("records", {**row, "data": {"flags": {"on": True}}}, row, None) is (
        Outcome.CHANGED
    )


def test_a_row_is_new_the_same_changed_newer_taken_or_left() -> None:
    """By whose it is, and by what changed."""
    here = Here("skygear x", others={"other"})
    user = {"id": "a", "origin": "skygear x", "last_seen_at": "2", "disabled": False}
    later = {**user, "last_seen_at": "3"}
    changed = {**later, "disabled": True}
    principal = {"principal": "p", "user_id": "gone"}

    assert here.compare("users", user, None, None) is Outcome.NEW
    assert here.compare("users", user, dict(user), None) is Outcome.SAME
    assert here.compare("users", user, later, None) is Outcome.SAME
    assert here.compare("users", later, user, None) is Outcome.CHANGED
    assert here.compare("users", user, changed, None) is Outcome.NEWER
    assert here.compare("users", user, {**user, "origin": None}, None) is Outcome.TAKEN
    theirs = {**principal, "user_id": "other"}
    assert here.compare("principals", principal, theirs, None) is Outcome.TAKEN
    moved = {**principal, "user_id": "a"}
    assert here.compare("principals", moved, principal, None) is Outcome.CHANGED
    here.left.add("a")
    assert here.compare("principals", moved, principal, None) is Outcome.LEFT


def test_a_report_names_what_is_not_skipped() -> None:
    """In the order of the page, with the first examples."""
    report = Report("x", "y", is_dry=False)
    for number in range(9):
        report.doubt("taken", f"row {number}")
    report.doubt("values", "a value")

    assert report.refused(["values"]) == ["taken"]
    [values, taken] = report.body()["unclear"]
    assert (values["kind"], taken["number"], len(taken["examples"])) == ("values", 9, 5)
