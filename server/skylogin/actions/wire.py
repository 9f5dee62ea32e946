"""The JSON of the wire format: reading request bodies, writing answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from skylogin.domain.record_json import record_body
from skylogin.domain.stored_names import LAST_LOGIN_AT
from skylogin.domain.user import Field, User
from skylogin.encoding import json_text, rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import SkygearError, error_body

# The result of actions that only acknowledge a call.
OK = {"status": "OK"}


class BadBodyError(ValueError):
    """A body is not a JSON object. The original answers with only a status."""


class TooManyValuesError(ValueError):
    """A body has more values than its caller may send."""


def read_body(data: bytes, values_max: int | None = None) -> dict[str, object]:
    """Return the payload in *data*; an empty body, white space and null are `{}`.

    Raises BadBodyError for anything else that is not a JSON object, and TooManyValuesError.
    Bytes after the first value are ignored.
    """
    if not data.strip(b" \t\n\r"):
        return {}
    if values_max is not None and json_text.has_more_values(data, values_max):
        raise TooManyValuesError
    try:
        value = json_text.read_first_of(data)
    except json_text.NotJsonError as error:
        raise BadBodyError(str(error)) from error
    if value is None:
        # The original drops the connection if the API key is in a header.
        return {}
    if not isinstance(value, dict):
        raise BadBodyError("not a JSON object")
    return value


@dataclass(frozen=True, slots=True)
class WithInfo:
    """A result, with the `info` that goes next to it in an answer."""

    result: object
    info: Mapping[str, object]


def result(value: object) -> dict[str, object]:
    """Return the body of an answer with a result."""
    if isinstance(value, WithInfo):
        return {"result": value.result, "info": dict(value.info)}
    return {"result": value}


def error(refusal: SkygearError) -> dict[str, object]:
    """Return the body of an answer with an error."""
    return {"error": error_body(refusal)}


def error_entry(refusal: SkygearError, record_id: str = "") -> dict[str, object]:
    """Return the error of one record among several (records, section 3)."""
    entry: dict[str, object] = {"_type": "error", **error_body(refusal)}
    return {"_id": record_id, **entry} if record_id else entry


def auth_response(
    user: User, shown: Mapping[str, JsonValue], access_token: str, fields: Mapping[str, Field]
) -> dict[str, object]:
    """Return the answer to a login: *user* as it was before (custom-token-login, section 8).

    *shown* are the record's fields that the user may see.
    """
    record = user.record
    assert record is not None
    profile = record_body(record, fields, shown)
    body: dict[str, object] = {"user_id": user.id, "profile": profile}
    if user.roles:
        body["roles"] = list(user.roles)
    body["access_token"] = access_token
    last_login_at = record.data.get(LAST_LOGIN_AT)
    if isinstance(last_login_at, str):
        body[LAST_LOGIN_AT] = rfc3339.from_stored(last_login_at)
    if user.last_seen_at is not None:
        body["last_seen_at"] = rfc3339.on_wire(user.last_seen_at)
    return body
