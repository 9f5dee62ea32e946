"""What openapi.json says: which operations there are, and what they take.

The document is the one place that says what is a good request: parameters and bodies are
checked by its schemas.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from skylogin.config import DEV

# What marks an operation that `skylogin serve` does not have.
DEV_ONLY = "x-skylogin-dev-only"
_METHODS = frozenset(("get", "post", "put", "patch", "delete"))
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,400}(\.\d{1,400})?(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_BOOLEANS = {"true": True, "false": False}


class InvalidRequestError(Exception):
    """A request that the document does not allow; *faults* say where and why."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path or of the query."""

    name: str
    place: str
    required: bool
    schema: Mapping[str, Any]
    validator: Draft202012Validator


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name, its path, and how to check what it is given."""

    name: str
    method: str
    path: str
    pattern: re.Pattern[str]
    parameters: tuple[Parameter, ...]
    body: Draft202012Validator | None
    body_type: str
    body_required: bool
    status: int
    # Only `skylogin dev` has it.
    dev_only: bool


@functools.cache
def load() -> dict[str, Any]:
    """Return the document."""
    text = resources.files("skylogin.admin").joinpath("openapi.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


@functools.cache
def operations() -> tuple[Operation, ...]:
    """Return all operations of the document."""
    paths = load()["paths"].items()
    return tuple(
        _read_operation(path, method, {**item, **item[method]})
        for path, item in paths
        for method in item
        if method in _METHODS
    )


def _read_operation(path: str, method: str, raw: Mapping[str, Any]) -> Operation:
    shared = load()["paths"][path].get("parameters", [])
    parameters = [*shared, *load()["paths"][path][method].get("parameters", [])]
    body = raw.get("requestBody", {})
    [(body_type, content)] = body["content"].items() if body else [("", {})]
    is_json = body_type == "application/json"
    return Operation(
        name=raw["operationId"],
        method=method.upper(),
        path=path,
        pattern=_pattern(path),
        parameters=tuple(_read_parameter(one) for one in parameters),
        body=_validator(content["schema"]) if is_json else None,
        body_type=body_type,
        body_required=body.get("required", False),
        status=min(int(status) for status in raw["responses"] if status.startswith("2")),
        dev_only=raw.get(DEV_ONLY, False),
    )


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(
            f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
    )


def _read_parameter(raw: Mapping[str, Any]) -> Parameter:
    if "$ref" in raw:
        raw = _resolve(raw["$ref"])
    schema = raw["schema"]
    if "$ref" in schema:
        schema = _resolve(schema["$ref"])
    return Parameter(
        raw["name"], raw["in"], raw.get("required", False), schema, _validator(raw["schema"])
    )


def _resolve(reference: str) -> Mapping[str, Any]:
    value: Any = load()
    for part in reference.removeprefix("#/").split("/"):
        value = value[part]
    found: Mapping[str, Any] = value
    return found


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    # References in it point into the document.
    whole = {**schema, "components": load()["components"]}
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(whole, format_checker=checker)


@functools.cache
def load_for(mode: str) -> dict[str, Any]:
    """Return the document with the operations that a server in *mode* has."""
    document = load()
    if mode == DEV:
        return document
    paths = {}
    for path, item in document["paths"].items():
        left = {
            name: one
            for name, one in item.items()
            if name not in _METHODS or not one.get(DEV_ONLY, False)
        }
        if _METHODS & left.keys():
            paths[path] = left
    return {**document, "paths": paths}


def find(method: str, path: str, mode: str) -> tuple[Operation | None, dict[str, str], list[str]]:
    """Return the operation at *path*, the values in its path, and all methods there.

    What only `skylogin dev` has is nowhere to be found in another *mode*.
    """
    found, values, methods = None, {}, []
    for operation in operations():
        match = operation.pattern.fullmatch(path)
        if match is None or (operation.dev_only and mode != DEV):
            continue
        methods.append(operation.method)
        # One with fewer values in its path goes first, whatever the order.
        is_better = found is None or len(match.groupdict()) < len(values)
        if operation.method == method and is_better:
            found, values = operation, match.groupdict()
    return found, values, methods


def read_parameters(
    operation: Operation, path: Mapping[str, str], query: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return the parameters as values, with the defaults of those not given.

    Raises InvalidRequestError on one that is unknown, missing, twice there or wrong.
    """
    names = [name for name, _ in query]
    known = {one.name for one in operation.parameters if one.place == "query"}
    faults = [f"query: there is no parameter {name}" for name in sorted(set(names) - known)]
    faults += [
        f"query: {name} is given more than once"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    given = {"query": dict(query), "path": dict(path)}
    values = {}
    for one in operation.parameters:
        text = given[one.place].get(one.name)
        if text is None:
            if one.required:
                faults.append(f"{one.place}: {one.name} is missing")
            values[one.name] = one.schema.get("default")
            continue
        value = _coerced(text, one.schema)
        faults += [
            f"{one.place}: {one.name}: {_text(error)}" for error in one.validator.iter_errors(value)
        ]
        values[one.name] = value
    if faults:
        raise InvalidRequestError(faults)
    return values


def _coerced(text: str, schema: Mapping[str, Any]) -> object:
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return float(text)
    if kind == "boolean":
        return _BOOLEANS.get(text, text)
    return text


def check_body(operation: Operation, body: object) -> None:
    """Raise InvalidRequestError where *body* is not what the document says."""
    assert operation.body is not None
    faults = [
        f"body{''.join(f'/{part}' for part in error.absolute_path)}: {_short(_text(error))}"
        for error in operation.body.iter_errors(body)
    ]
    if faults:
        raise InvalidRequestError(faults)


def _text(error: ValidationError) -> str:
    """Return what is wrong, for people: a pattern tells them less than what it is for."""
    about = error.schema.get("description", "")
    if error.validator != "pattern" or not about:
        return str(error.message)
    return f"{error.instance!r} cannot be it: {about[0].lower()}{about[1:]}"


def _short(message: str, characters_max: int = 200) -> str:
    """Return a message of the validator, which quotes what it was given, at any length."""
    return message if len(message) <= characters_max else message[:characters_max] + " …"
