"""Records as JSON: reading those of a call, and writing those of an answer. Pure.

The rules and messages are the original's.
"""

from collections.abc import Mapping
from typing import NamedTuple

from skylogin.domain import access, profile
from skylogin.domain.claims import Profile
from skylogin.domain.limits import check_keys
from skylogin.domain.user import Field, Record, RecordId
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import SkygearError, invalid_argument, text_with_nul


class GivenRecord(NamedTuple):
    """A record of a call. Without *access*, the stored list stays, or the default applies."""

    id: RecordId
    access: list[JsonValue] | None
    values: Profile


def read(raw: Mapping[str, object]) -> GivenRecord:
    """Return the record in the JSON object *raw*. Raises SkygearError."""
    text = raw.get("_id")
    if not isinstance(text, str):
        raise invalid_argument("missing required fields", "id")
    record_id = read_id(text)
    if record_id is None:
        raise bad_id(text, "id")
    return read_fields(record_id, raw)


def read_fields(record_id: RecordId, raw: Mapping[str, object]) -> GivenRecord:
    """Return the record *record_id* with the fields and access list in the JSON object *raw*."""
    if "\0" in str(record_id):
        raise text_with_nul()
    check_keys(record_id)
    values = {name: value for name, value in raw.items() if name and not name.startswith("_")}
    return GivenRecord(record_id, _read_access(raw.get("_access")), profile.read(values))


def read_id(text: str) -> RecordId | None:
    """Return the id in *text*, None if it has no type."""
    record_type, slash, key = text.partition("/")
    return RecordId(record_type, key) if slash else None


def bad_id(text: str, argument: str) -> SkygearError:
    """Return the refusal of an id without a type."""
    message = f'record: "_id" should be of format \'{{type}}/{{id}}\', got "{text}"'
    return invalid_argument(message, argument)


def _read_access(raw: object) -> list[JsonValue] | None:
    if raw is None:
        return None
    if not isinstance(raw, list):
        raise invalid_argument("_access must be an array", "_access")
    entries: list[JsonValue] = []
    for item in raw:
        entry = access.read_entry(item)
        if entry is None:
            raise invalid_argument("invalid _access entry", "_access")
        entries.append(entry)
    return entries


def record_body(
    record: Record, fields: Mapping[str, Field], data: Mapping[str, JsonValue] | None = None
) -> dict[str, object]:
    """Return a record in wire form, with the fields in *data* if given, otherwise all."""
    body: dict[str, object] = {
        "_access": record.access,
        "_created_at": rfc3339.on_wire(record.created_at),
        "_id": f"{record.type}/{record.id}",
        "_type": "record",
        "_updated_at": rfc3339.on_wire(record.updated_at),
    }
    if record.created_by:
        body["_created_by"] = record.created_by
    if record.owner_id:
        body["_ownerID"] = record.owner_id
    if record.updated_by:
        body["_updated_by"] = record.updated_by
    for name, value in (record.data if data is None else data).items():
        field = fields.get(name)
        if field is None or field.kind in _PLAIN:
            body[name] = value
        else:
            body[name] = _typed(value, field)
    return body


def _typed(value: JsonValue, field: Field) -> JsonValue:
    """Return a stored value in wire form, with its `$type`."""
    match field.kind:
        case "datetime" if isinstance(value, str):
            typed: JsonValue = {"$date": rfc3339.from_stored(value), "$type": "date"}
        case "location" if isinstance(value, list):
            typed = {"$lat": value[1], "$lng": value[0], "$type": "geo"}
        case "reference":
            typed = {"$id": f"{field.target}/{value}", "$type": "ref"}
        case "geometry":
            typed = {"$type": "geojson", "$val": value}
        case "asset":
            typed = {"$name": value, "$type": "asset"}
        case "unknown":
            typed = {"$type": "unknown", "$underlying_type": field.column}
        case _:
            typed = value
    return typed


_PLAIN = frozenset(("string", "number", "boolean", "json", "integer", "sequence"))
