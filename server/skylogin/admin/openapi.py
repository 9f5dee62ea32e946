"""The operations in openapi.json: finds the one that a request is for, and checks the request."""

import functools
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator, ValidationError

from skylogin.admin.request import Problem
from skylogin.client.admin_api import BASE
from skylogin.client.errors import NO_OPERATION
from skylogin.config import DEV
from skylogin.http.routes import NoRouteError, Route, RouteTable

Schema = Mapping[str, Any]

# Marks an operation that only `skylogin dev` has.
DEV_ONLY = "x-skylogin-dev-only"
MESSAGE_CHARACTERS_MAX, NAME_CHARACTERS_MAX = 200, 100
REQUESTS_KEPT, REQUEST_LENGTH_KEPT_MAX = 256, 1024
_METHODS = frozenset(("get", "post", "put", "patch", "delete"))
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name, path, parameters and body."""

    name: str
    method: str
    path: str
    # The schemas of parameters by place (`path` or `query`) and name.
    parameters: Mapping[str, Mapping[str, Schema]]
    parameter_validator: Draft202012Validator
    body: Draft202012Validator | None
    body_type: str
    body_required: bool
    status: int
    dev_only: bool


@functools.cache
def load() -> dict[str, Any]:
    """Return the document."""
    text = resources.files("skylogin.admin").joinpath("openapi.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@functools.cache
def load_for(mode: str) -> dict[str, Any]:
    """Return the document with the operations that a server in *mode* has."""
    paths = {
        path: {
            key: value
            for key, value in item.items()
            if key not in _METHODS or mode == DEV or not value.get(DEV_ONLY, False)
        }
        for path, item in load()["paths"].items()
    }
    return {**load(), "paths": {path: item for path, item in paths.items() if _METHODS & set(item)}}


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return all operations in the document."""
    return tuple(
        _read_operation(path, method, item[method], item.get("parameters", []))
        for path, item in load()["paths"].items()
        for method in item
        if method in _METHODS
    )


def _read_operation(path: str, method: str, raw: Schema, shared: Sequence[Schema]) -> Operation:
    body = raw.get("requestBody", {})
    [(body_type, content)] = body["content"].items() if body else [("", {})]
    parameters = [_resolve(one) for one in (*shared, *raw.get("parameters", []))]
    schemas = {place: _object_schema(parameters, place) for place in ("path", "query")}
    return Operation(
        name=raw["operationId"],
        method=method.upper(),
        path=path,
        parameters={place: schema["properties"] for place, schema in schemas.items()},
        parameter_validator=_validator({"properties": schemas}),
        body=_validator(content["schema"]) if body_type == "application/json" else None,
        body_type=body_type,
        body_required=body.get("required", False),
        status=min(int(status) for status in raw["responses"] if status.startswith("2")),
        dev_only=raw.get(DEV_ONLY, False),
    )


def _resolve(parameter: Schema) -> Schema:
    if "$ref" not in parameter:
        return parameter
    found: Schema = load()["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]
    return found


def _object_schema(parameters: Sequence[Schema], place: str) -> Schema:
    here = [one for one in parameters if one["in"] == place]
    return {
        "properties": {one["name"]: one["schema"] for one in here},
        "required": [one["name"] for one in here if one.get("required", False)],
        "additionalProperties": False,
    }


def _validator(schema: Schema) -> Draft202012Validator:
    # References in the schema point into the document.
    whole = {**schema, "components": load()["components"]}
    return Draft202012Validator(whole, format_checker=Draft202012Validator.FORMAT_CHECKER)


def read_request(
    method: str, path: str, query: Sequence[tuple[str, str]], mode: str
) -> tuple[Operation, Mapping[str, Any]]:
    """Return the operation at the percent-encoded *path*, and the request's parameters.

    Raises Problem.
    """
    length = len(path) + sum(len(name) + len(value) for name, value in query)
    is_kept = length <= REQUEST_LENGTH_KEPT_MAX
    read = _read_request if is_kept else _read_request.__wrapped__
    return read(method, path, tuple(query), mode)


# Tests and polling pages repeat their requests.
@functools.lru_cache(maxsize=REQUESTS_KEPT)
def _read_request(
    method: str, path: str, query: tuple[tuple[str, str], ...], mode: str
) -> tuple[Operation, Mapping[str, Any]]:
    try:
        operation, values = _route_table().find(method, path.removeprefix(BASE), mode)
    except NoRouteError as error:
        if not error.allowed:
            detail = f"this server does not have {unquote(path)}"
            raise Problem(HTTPStatus.NOT_FOUND, detail, code=NO_OPERATION) from None
        detail = f"{unquote(path)} allows only {error}"
        headers = {"Allow": str(error)}
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers=headers) from None
    return operation, MappingProxyType(_read_parameters(operation, values, query))


@functools.cache
def _route_table() -> RouteTable[Operation]:
    return RouteTable(Route(one.method, one.path, one, one.dev_only) for one in operations())


def _read_parameters(
    operation: Operation, path: Mapping[str, str], query: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return the values of a request's parameters, defaults included. Raises Problem."""
    times = Counter(name for name, _ in query)
    errors = [f"query: {name} is given more than once" for name in times if times[name] > 1]
    schemas = operation.parameters
    given = {
        "path": _read_values(path, schemas["path"]),
        "query": _read_values(dict(query), schemas["query"]),
    }
    errors += [
        ": ".join((*map(str, error.absolute_path), _message(error)))
        for error in operation.parameter_validator.iter_errors(given)
    ]
    _refuse_invalid(errors)
    defaults = {name: schema.get("default") for name, schema in schemas["query"].items()}
    return {**defaults, **given["query"], **given["path"]}


def _read_values(texts: Mapping[str, str], schemas: Mapping[str, Schema]) -> dict[str, object]:
    return {
        name: _read_value(text, schemas.get(name, {}).get("type")) for name, text in texts.items()
    }


def _read_value(text: str, kind: str | None) -> object:
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    return _BOOLEANS.get(text, text) if kind == "boolean" else text


def read_body(operation: Operation, data: bytes | None) -> Any:
    """Return a request's JSON body, None if the operation takes none.

    Raises Problem.
    """
    if operation.body is None:
        return None
    if not data and not operation.body_required:
        return {}
    try:
        body = json.loads(
            data or b"", object_pairs_hook=_read_object, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    try:
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        detail = "the body has a number too large for a double, or half of a surrogate pair"
        raise Problem(HTTPStatus.BAD_REQUEST, detail) from None
    _refuse_invalid(
        f"{'/'.join(('body', *map(str, error.absolute_path)))}: {_message(error)}"
        for error in operation.body.iter_errors(body)
    )
    return body


def _refuse_constant(name: str) -> None:
    detail = f"the body is not JSON, which does not have {name}"
    raise Problem(HTTPStatus.BAD_REQUEST, detail)


def _read_object(members: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object. Raises Problem on a repeated name, which would lose a value."""
    value = dict(members)
    if len(value) < len(members):
        names = [name for name, _ in members]
        repeated = next(name for name in names if names.count(name) > 1)
        detail = f"the body repeats {repeated[:NAME_CHARACTERS_MAX]!r} in one object"
        raise Problem(HTTPStatus.BAD_REQUEST, detail)
    return value


def _refuse_invalid(errors: Iterable[str]) -> None:
    """Raise Problem if there are *errors*."""
    if found := list(errors):
        detail = "the request does not match the OpenAPI document"
        raise Problem(HTTPStatus.BAD_REQUEST, detail, errors=found)


def _message(error: ValidationError) -> str:
    """Return what is wrong. A schema's description is easier to read than its pattern."""
    about = error.schema.get("description", "")
    if error.validator == "pattern" and about:
        return f"{error.instance!r} is not valid: {about[0].lower()}{about[1:]}"
    if error.validator == "enum":
        names = ", ".join(map(str, error.validator_value))
        return f"{_shortened(repr(error.instance))} is not one of {names}"
    return _shortened(str(error.message))


def _shortened(message: str) -> str:
    """Return *message*, which may quote a value of any length."""
    is_short = len(message) <= MESSAGE_CHARACTERS_MAX
    return message if is_short else message[:MESSAGE_CHARACTERS_MAX] + " …"
