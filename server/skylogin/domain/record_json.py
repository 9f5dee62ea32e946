"""A record as JSON of the wire. Pure."""

from collections.abc import Mapping

from skylogin.domain.user import Field, Record
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue


def record_body(
    record: Record, fields: Mapping[str, Field], data: Mapping[str, JsonValue] | None = None
) -> dict[str, object]:
    """Return a record in wire form (records, section 1); of its fields, *data* if given."""
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
    """Return a stored value as the wire shows it, with its `$type`."""
    if field.kind == "datetime" and isinstance(value, str):
        return {"$date": rfc3339.from_stored(value), "$type": "date"}
    if field.kind == "location" and isinstance(value, list):
        return {"$lat": value[1], "$lng": value[0], "$type": "geo"}
    if field.kind == "reference":
        return {"$id": f"{field.target}/{value}", "$type": "ref"}
    if field.kind == "geometry":
        return {"$type": "geojson", "$val": value}
    if field.kind == "asset":
        return {"$name": value, "$type": "asset"}
    return value


_PLAIN = frozenset(("string", "number", "boolean", "json", "integer", "sequence"))
