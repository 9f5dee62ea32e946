"""The types of fields: which type a value creates, which values fit, how they are merged. Pure.

A field keeps the type of its first value. The rules and messages are the
original's, except that names which break later reads in the original are refused.
"""

from collections.abc import Callable, Mapping, Set
from typing import NamedTuple

from skylogin.domain.claims import Profile
from skylogin.domain.stored_names import LAST_LOGIN_AT
from skylogin.domain.user import Field, FieldValue
from skylogin.encoding import rfc3339
from skylogin.encoding.go_format import go_quote
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import (
    CONSTRAINT_VIOLATED,
    INCOMPATIBLE_SCHEMA,
    INVALID_ARGUMENT,
    Reason,
    SkygearError,
)

FIELD_NAME_BYTES_MAX = 63
FIELDS_MAX = 1500
INTEGER_MAX = 2**31 - 1
# A column type that the original itself never creates.
BIGINT, BIGINT_MAX = "bigint", 2**63 - 1
SEQUENCE = "sequence"
TypeAndField = tuple[str, str]


class FieldKind(NamedTuple):
    """A kind of field: its name in the original's messages, and the type of its column."""

    word: str
    column: str


# fmt: off
FIELD_KINDS: Mapping[str, FieldKind] = {
    "string":    FieldKind("TypeString", "text"),
    "number":    FieldKind("TypeNumber", "double precision"),
    "boolean":   FieldKind("TypeBoolean", "boolean"),
    "json":      FieldKind("TypeJSON", "jsonb"),
    "reference": FieldKind("TypeReference", ""),
    "location":  FieldKind("TypeLocation", "geometry(Point)"),
    "datetime":  FieldKind("TypeDateTime", "timestamp without time zone"),
    "asset":     FieldKind("TypeAsset", ""),
    "acl":       FieldKind("TypeACL", "jsonb"),
    "integer":   FieldKind("TypeInteger", "integer"),
    "sequence":  FieldKind("TypeSequence", "integer"),
    "geometry":  FieldKind("TypeGeometry", "geometry"),
    "unknown":   FieldKind("TypeUnknown", ""),
}
# fmt: on
_WHOLE = frozenset(("integer", "sequence"))
_NUMERIC = _WHOLE | {"number"}


def new_field(kind: str, target: str = "") -> Field:
    """Return the field that a first value of *kind* creates."""
    return Field(kind, target, FIELD_KINDS[kind].column, 1 if kind == "sequence" else None)


RESERVED_FIELDS: Mapping[str, Field] = {
    **dict.fromkeys(
        ("_id", "_database_id", "_owner_id", "_created_by", "_updated_by"), new_field("string")
    ),
    **dict.fromkeys(("_created_at", "_updated_at"), new_field("datetime")),
    "_access": new_field("acl"),
}

# The fields of user records in a new app (the original's first migration).
FIRST_USER_FIELDS: Mapping[str, Field] = {
    "username": Field("string", column="citext"),
    "email": Field("string", column="citext"),
    LAST_LOGIN_AT: new_field("datetime"),
}


def extend_fields(
    values: Profile, known: Mapping[str, Field], *, may_extend: bool, count: int
) -> dict[str, Field]:
    """Return the fields that *values* add to *known*; *count* is how many the type has.

    Raises SkygearError (409 IncompatibleSchema) if a value does not fit its field
    or a field may not be added, and (400 InvalidArgument) if a name is not valid.
    """
    added: dict[str, Field] = {}
    for name, value in values.items():
        if value is None:
            continue
        field = RESERVED_FIELDS.get(name) or known.get(name)
        if field is None:
            if name.startswith("_"):
                continue
            if not may_extend:
                raise _field_refused(name)
            check_name(name)
            added[name] = _added_field(name, value)
        elif not _compatible(field, value):
            raise _conflict(name, field, value) if may_extend else _field_refused(name)
    if added and count + len(added) > FIELDS_MAX:
        raise migration_failed(f"a record type has at most {FIELDS_MAX} fields")
    return added


def _added_field(name: str, value: FieldValue) -> Field:
    if value.kind == "unknown":
        message = f"a value of $type = unknown cannot create the field {go_quote(name)}"
        raise SkygearError(INVALID_ARGUMENT, message, reason=Reason.PROFILE_VALUE_INVALID)
    return new_field(value.kind, value.target)


def check_name(name: str) -> None:
    """Raise SkygearError if *name* is not valid for a field."""
    if not name:
        raise migration_failed("a field needs a name")
    if "." in name or "?" in name or len(name.encode()) > FIELD_NAME_BYTES_MAX:
        # In the original such a name breaks every later read of any user record.
        explanation = (
            f"{go_quote(name[:FIELD_NAME_BYTES_MAX])} is not a valid field name: it may have at "
            f"most {FIELD_NAME_BYTES_MAX} bytes, and neither '.' nor '?'"
        )
        raise SkygearError(
            INVALID_ARGUMENT,
            "invalid field name",
            reason=Reason.FIELD_NAME_INVALID,
            explanation=explanation,
        )


def _compatible(field: Field, value: FieldValue) -> bool:
    if field.kind in _NUMERIC and value.kind in _NUMERIC:
        return True
    return field.kind == value.kind and field.target == value.target


def _conflict(name: str, field: Field, value: FieldValue) -> SkygearError:
    old = _described(field.kind, field.target, field.column)
    new = _described(value.kind, value.target, "")
    return SkygearError(
        INCOMPATIBLE_SCHEMA,
        f"conflicting schema {old} => {new}",
        reason=Reason.FIELD_TYPE_CONFLICT,
        explanation=(
            f"the field {go_quote(name)} gets a value of type {value.kind}, but it has the type "
            f"{field.kind} of its first value"
        ),
    )


def _described(kind: str, target: str, column: str) -> str:
    """Return a field type as the original prints its struct, with Go's %v."""
    return f"{{{FIELD_KINDS[kind].word} {target} {{0 <nil>}} {column}}}"


def _field_refused(name: str) -> SkygearError:
    return migration_disabled(f"the field {go_quote(name)}")


def migration_disabled(what: str) -> SkygearError:
    """Return the refusal of *what*, which would change the schema, in production."""
    return SkygearError(
        INCOMPATIBLE_SCHEMA,
        "Record schema requires migration but migration is disabled.",
        reason=Reason.FIELD_REFUSED,
        explanation=(
            f"{what} is new or of another type, and this call may not add it "
            "(DEV_MODE, SKYLOGIN_SCHEMA_CHANGES)"
        ),
    )


def migration_failed(explanation: str) -> SkygearError:
    """Return the refusal of an impossible change of the schema."""
    return SkygearError(
        INCOMPATIBLE_SCHEMA,
        "failed to migrate record schema",
        reason=Reason.FIELD_NOT_ADDED,
        explanation=explanation,
    )


def unknown_type(record_type: str) -> SkygearError:
    """Return the refusal of a reference to a record type that does not exist."""
    return migration_failed(f"the record type {go_quote(record_type)} does not exist")


def fits_stored(field: Field, value: JsonValue) -> bool:
    """Return whether *value* is the stored form of a value of *field*."""
    if field.column == BIGINT and field.kind in _WHOLE:
        return _is_whole(value) and abs(value) <= BIGINT_MAX  # type: ignore[arg-type]
    fits = _STORED_FORMS.get(field.kind)
    return fits is not None and fits(value)


def _is_text(value: JsonValue) -> bool:
    return isinstance(value, str)


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: JsonValue) -> bool:
    """Return whether *value* fits an integer column."""
    return _is_whole(value) and abs(value) <= INTEGER_MAX  # type: ignore[arg-type]


def _is_whole(value: JsonValue) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_place(value: JsonValue) -> bool:
    return isinstance(value, list) and len(value) == _COORDINATES and all(map(_is_number, value))


_COORDINATES = 2
_STORED_FORMS: Mapping[str, Callable[[JsonValue], bool]] = {
    **dict.fromkeys(("string", "reference", "asset"), _is_text),
    **dict.fromkeys(("integer", "sequence"), is_integer),
    **dict.fromkeys(("json", "unknown"), lambda _: True),
    "number": _is_number,
    "boolean": lambda value: isinstance(value, bool),
    "datetime": lambda value: isinstance(value, str) and rfc3339.is_stored(value),
    "location": _is_place,
    "geometry": lambda value: isinstance(value, dict),
    "acl": lambda value: isinstance(value, list),
}


def check_references(values: Profile, existing: Set[tuple[str, str]], types: Set[str]) -> None:
    """Raise SkygearError if *values* refer to a record or an asset that does not exist."""
    for name, value in values.items():
        if value is None or value.kind not in ("reference", "asset"):
            continue
        if value.kind == "reference" and value.target not in types:
            raise unknown_type(value.target)
        if value.kind == "asset" or (value.target, value.value) not in existing:
            what = f"{value.target}/{value.value}" if value.target else f"asset/{value.value}"
            message = f"{name}: referenced record {what} does not exist"
            raise SkygearError(CONSTRAINT_VIOLATED, message, reason=Reason.REFERENCE_MISSING)


def merge(
    data: Mapping[str, JsonValue], values: Profile, fields: Mapping[str, Field], record_id: str
) -> dict[str, JsonValue]:
    """Return *data* with *values* merged into it: null removes a field, other fields stay.

    Raises SkygearError if a value does not fit a column of integers or shapes.
    """
    merged = dict(data)
    for name, value in values.items():
        if value is None:
            merged.pop(name, None)
        elif not name.startswith("_") and value.kind not in ("sequence", "unknown"):
            merged[name] = _fitted(value, fields[name], record_id)
    return merged


def _fitted(value: FieldValue, field: Field, record_id: str) -> JsonValue:
    if field.kind == "geometry":
        return _shape(value, record_id)
    if field.kind not in ("integer", "sequence"):
        return value.value
    number = value.value
    if fits_stored(field, number):
        return number
    message = (
        f'failed to save {record_id}: pq: invalid input syntax for type {field.column}: "{number}"'
    )
    raise SkygearError(INVALID_ARGUMENT, message, reason=Reason.PROFILE_VALUE_INVALID)


def _shape(value: FieldValue, record_id: str) -> JsonValue:
    shape = value.value
    if isinstance(shape, dict):
        members = _SHAPE_MEMBERS.get(str(shape.get("type")))
        if members and isinstance(shape.get(members), list):
            return shape
    # PostGIS says this, and the original answers with a 500.
    message = f"failed to save {record_id}: pq: unknown GeoJSON type"
    raise SkygearError(INVALID_ARGUMENT, message, reason=Reason.PROFILE_VALUE_INVALID)


# The geometries of RFC 7946, each with the member that holds its parts.
_SHAPE_MEMBERS = {
    **dict.fromkeys(
        ("Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"),
        "coordinates",
    ),
    "GeometryCollection": "geometries",
}
