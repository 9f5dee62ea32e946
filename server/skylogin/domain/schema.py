"""The schema: the record types of an app and their fields. Pure.

It is extended by saving records, if that is allowed, and by the actions `schema:*`.
"""

from collections.abc import Iterable, Mapping, Set

from skylogin.domain import fields
from skylogin.domain.claims import Profile
from skylogin.domain.fields import FIELD_KINDS
from skylogin.domain.user import Field, FieldValue
from skylogin.encoding.go_format import go_quote
from skylogin.errors import (
    INCOMPATIBLE_SCHEMA,
    RESOURCE_NOT_FOUND,
    Reason,
    SkygearError,
    invalid_argument,
    not_decodable,
)

TYPE_BYTES_MAX = 63
TYPES_MAX = 1000
Fields = Mapping[str, Mapping[str, Field]]
Extension = dict[str, dict[str, Field]]


def extend(
    values: Iterable[tuple[str, Profile]],
    known: Fields,
    types: Set[str],
    *,
    may_extend: bool,
) -> Extension:
    """Return the record types that *values* create or change, each with its new fields.

    *values* are those of records, each with its type. Raises SkygearError (409
    IncompatibleSchema) if a value does not fit, or if the schema may not change.
    """
    united = _unite(values)
    made = types | set(united)
    extension = {}
    for record_type, brought in united.items():
        if record_type not in types:
            _check_new_type(record_type, may_extend=may_extend)
        existing = known.get(record_type, {})
        added = fields.extend_fields(brought, existing, may_extend=may_extend, count=len(existing))
        _check_targets(added, made)
        if added or record_type not in types:
            extension[record_type] = added
    return extension


def _unite(values: Iterable[tuple[str, Profile]]) -> dict[str, dict[str, FieldValue]]:
    """Return one value for each field in *values*, by record type."""
    united: dict[str, dict[str, FieldValue]] = {}
    for record_type, brought in values:
        if record_type.startswith("_"):
            continue
        of_type = united.setdefault(record_type, {})
        for name, value in brought.items():
            if value is None:
                continue
            first = of_type.setdefault(name, value)
            if (first.kind, first.target) != (value.kind, value.target):
                explanation = f"the field {go_quote(name)} has two types in one call"
                raise fields.migration_failed(explanation)
    return united


def _check_new_type(record_type: str, *, may_extend: bool) -> None:
    if not may_extend:
        raise fields.migration_disabled(f"the record type {go_quote(record_type)}")
    if not record_type or len(record_type.encode()) > TYPE_BYTES_MAX:
        explanation = f"the name of a record type has 1 to {TYPE_BYTES_MAX} bytes"
        raise fields.migration_failed(explanation)


def check_count(types: int) -> None:
    """Raise SkygearError if an app would have too many record types."""
    if types > TYPES_MAX:
        raise fields.migration_failed(f"an app has at most {TYPES_MAX:,} record types")


def _check_targets(added: Mapping[str, Field], types: Set[str]) -> None:
    for field in added.values():
        if field.kind == "reference" and field.target not in types:
            raise fields.unknown_type(field.target)


def read_types(raw: Mapping[str, object]) -> list[tuple[str, Profile]]:
    """Return the record types that a call asks for, each with values of its fields' types.

    Raises SkygearError if the fields are not a list, or if a name is reserved.
    """
    wanted = {record_type: _read_fields(fields) for record_type, fields in raw.items()}
    for record_type, columns in wanted.items():
        if record_type.startswith("_"):
            raise invalid_argument("attempts to create reserved table", record_type)
        for name in columns:
            if name.startswith("_"):
                raise invalid_argument("attempts to create reserved field", name)
    return list(wanted.items())


def _read_fields(raw: object) -> dict[str, FieldValue]:
    listed = raw.get("fields") if isinstance(raw, dict) else raw
    if raw is not None and not isinstance(raw, dict):
        raise not_decodable(Reason.ARGUMENT_INVALID, "a record type is not an object")
    if listed is not None and not isinstance(listed, list):
        raise not_decodable(Reason.ARGUMENT_INVALID, "fields is not a list")
    return dict(_read_field(item) for item in listed or ())


def _read_field(raw: object) -> tuple[str, FieldValue]:
    if raw is None:
        raw = {}
    if not isinstance(raw, dict):
        raise not_decodable(Reason.ARGUMENT_INVALID, "a field is not an object")
    texts = ["" if raw.get(key) is None else raw[key] for key in ("name", "type")]
    if not all(isinstance(text, str) for text in texts):
        raise not_decodable(Reason.ARGUMENT_INVALID, "a name or a type is not a string")
    name, type_name = texts
    return name, _read_type(type_name)


def _read_type(name: str) -> FieldValue:
    if name.startswith("ref(") and name.endswith(")") and len(name) > len("ref()"):
        return FieldValue("reference", None, name.removeprefix("ref(").removesuffix(")"))
    if name not in FIELD_KINDS or name in _NOT_ASKED_FOR:
        raise invalid_argument("unexpected field type", name)
    return FieldValue(name, None)


# The original crashes on the last two.
_NOT_ASKED_FOR = frozenset(("reference", "acl", "unknown"))


def type_name(field: Field) -> str:
    """Return the name of a field's type on the wire."""
    return f"ref({field.target})" if field.kind == "reference" else field.kind


def body(types: Fields) -> dict[str, object]:
    """Return all record types in wire form, with their fields in alphabetical order."""
    listed = {
        record_type: {
            "fields": [
                {"name": name, "type": type_name(field)} for name, field in sorted(known.items())
            ]
        }
        for record_type, known in sorted(types.items())
    }
    return {"record_types": listed}


def check_may_change(record_type: str, **names: str) -> None:
    """Raise SkygearError if an argument is missing or reserved."""
    arguments = {"record_type": record_type, **names}
    missing = [argument for argument, value in arguments.items() if not value]
    if missing:
        raise invalid_argument("missing required fields", *missing)
    for argument, value in arguments.items():
        if value.startswith("_"):
            what = "table" if argument == "record_type" else "key"
            raise invalid_argument(f"attempts to change reserved {what}", argument)


def as_asked_for(refusal: SkygearError) -> SkygearError:
    """Return *refusal* in the words of `schema:create`."""
    if refusal.kind is not INCOMPATIBLE_SCHEMA:
        return refusal
    return SkygearError(INCOMPATIBLE_SCHEMA, f"{refusal.kind.name}: {refusal.message}")


def check_to_alter(
    types: Set[str], known: Mapping[str, Field], record_type: str, name: str, new_name: str = ""
) -> None:
    """Raise SkygearError if a field does not exist, or its new name is taken or not valid."""
    relation = f'relation "{record_type}"'
    if record_type not in types:
        raise _not_altered(f"{relation} does not exist")
    if name not in known:
        raise _not_altered(f'column "{name}" of {relation} does not exist')
    if new_name in known:
        raise _not_altered(f'column "{new_name}" of {relation} already exists')
    if new_name:
        fields.check_name(new_name)


def _not_altered(what: str) -> SkygearError:
    return SkygearError(RESOURCE_NOT_FOUND, f"failed to alter table: pq: {what}")
