"""JSON of the wire: bodies in, answers out. The wire's own spelling stands here."""

from collections.abc import Mapping
from dataclasses import dataclass

from skylogin import json_text, rfc3339
from skylogin.errors import SkygearError
from skylogin.json_text import JsonValue
from skylogin.user import Field, Record, User


class BadBodyError(ValueError):
    """A body that is no JSON object: the original answers with a bare status."""


def read_body(data: bytes) -> dict[str, object]:
    """Return the payload of a call. No body, blanks and null are `{}`.

    Raises BadBodyError on anything that is not a JSON object. Bytes after the
    first value are not looked at.
    """
    text = json_text.decode(data)
    if not text.strip(" \t\n\r"):
        return {}
    try:
        value, _ = json_text.read_first(text)
    except json_text.NotJsonError as error:
        raise BadBodyError(str(error)) from error
    if value is None:
        # The original drops the connection when a key is in a header besides.
        return {}
    if not isinstance(value, dict):
        raise BadBodyError("not a JSON object")
    return value


@dataclass(frozen=True, slots=True)
class WithInfo:
    """A result, and what an answer tells about it beside it."""

    result: object
    info: Mapping[str, object]


def result(value: object) -> dict[str, object]:
    """Return the envelope of a success."""
    if isinstance(value, WithInfo):
        return {"result": value.result, "info": dict(value.info)}
    return {"result": value}


def error(refusal: SkygearError) -> dict[str, object]:
    """Return the envelope of a refusal."""
    return {"error": error_body(refusal)}


def error_body(refusal: SkygearError) -> dict[str, object]:
    """Return a refusal in wire form; an empty info is left out."""
    kind = refusal.kind
    body: dict[str, object] = {"name": kind.name, "code": kind.code, "message": refusal.message}
    if refusal.info:
        body["info"] = dict(refusal.info)
    return body


def error_entry(refusal: SkygearError, record_id: str = "") -> dict[str, object]:
    """Return a refusal that concerns one record of several (records, section 3)."""
    entry: dict[str, object] = {"_type": "error", **error_body(refusal)}
    return {"_id": record_id, **entry} if record_id else entry


def auth_response(
    user: User, shown: Mapping[str, JsonValue], access_token: str, fields: Mapping[str, Field]
) -> dict[str, object]:
    """Return what a login answers: the user as seen before it (custom-token-login, section 8).

    *shown* are the fields of the record that the user may see.
    """
    record = user.record
    assert record is not None
    profile = record_body(record, fields, shown)
    body: dict[str, object] = {"user_id": user.id, "profile": profile}
    if user.roles:
        body["roles"] = list(user.roles)
    body["access_token"] = access_token
    last_login_at = record.data.get("last_login_at")
    if isinstance(last_login_at, str):
        body["last_login_at"] = rfc3339.from_stored(last_login_at)
    if user.last_seen_at is not None:
        body["last_seen_at"] = rfc3339.on_wire(user.last_seen_at)
    return body


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
