"""The JSON of the wire format: reading request bodies, writing answers."""

from collections.abc import Mapping
from typing import NamedTuple

from skylogin.encoding import json_text
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


class WithInfo(NamedTuple):
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
    """Return the error of one record among several."""
    entry: dict[str, object] = {"_type": "error", **error_body(refusal)}
    return {"_id": record_id, **entry} if record_id else entry
