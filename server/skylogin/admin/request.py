"""One request to the admin API, whichever way it came: what is asked, and is it good."""

import functools
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from skylogin.admin import openapi
from skylogin.admin.openapi import InvalidRequestError, Operation
from skylogin.apps.registry import App
from skylogin.client.admin_api import BASE
from skylogin.errors import UNABLE_TO_OPEN_DATABASE, UNEXPECTED_ERROR, SkygearError
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError


@dataclass(frozen=True, slots=True)
class AdminCall:
    """One request that is allowed and good. *body* is None where there is none.

    A command asks without HTTP: then *request* is None.
    """

    operator: Operator
    parameters: Mapping[str, Any]
    body: Any
    # What it is about, as this server has it open; None where that is no app.
    opened: App | None = None
    request: web.Request | None = None

    @property
    def app(self) -> str:
        """Return the name of the app it is about."""
        return str(self.parameters["app"])

    @property
    def opened_app(self) -> App:
        """Return the app it is about, for what only a server knows of it. Raises RefusedError."""
        if self.opened is None:
            raise RefusedError("only a server that runs can do that: name its URL")
        return self.opened

    @property
    def http(self) -> web.Request:
        """Return the request, for what is sent or taken piece by piece."""
        assert self.request is not None
        return self.request


NAME_SHOWN_MAX = 100
REQUESTS_KEPT = 256

Handler = Callable[[AdminCall], Awaitable[object]]


class Problem(Exception):
    """A refusal in the form of RFC 9457."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        faults: list[str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = faults
        self.headers = dict(headers or {})


def problem_of(error: Exception) -> Problem | None:
    """Return what is answered to *error*, None where it should not have happened."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, InvalidRequestError):
        detail = "the request is not what the OpenAPI document asks for"
        return Problem(HTTPStatus.BAD_REQUEST, detail, faults=error.faults)
    if isinstance(error, SkygearError):
        is_ours = error.kind in (UNABLE_TO_OPEN_DATABASE, UNEXPECTED_ERROR)
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_ours else HTTPStatus.UNPROCESSABLE_ENTITY
        return Problem(status, error.message)
    for kind, status in _STATUSES.items():
        if isinstance(error, kind):
            return Problem(status, str(error))
    return None


# The first that fits counts.
_STATUSES: Mapping[type[Exception], HTTPStatus] = {
    MissingError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    RefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    web.HTTPRequestEntityTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}


def read_request(
    method: str, path: str, query: Sequence[tuple[str, str]], mode: str
) -> tuple[Operation, Mapping[str, Any]]:
    """Return what is asked at *path*, as it is on the line, and its parameters.

    Raises Problem where there is no such operation, InvalidRequestError on a parameter.
    """
    return _read_request(method, path, tuple(query), mode)


# Tests, and pages that look again and again, ask the same.
@functools.lru_cache(maxsize=REQUESTS_KEPT)
def _read_request(
    method: str, path: str, query: tuple[tuple[str, str], ...], mode: str
) -> tuple[Operation, Mapping[str, Any]]:
    operation, values, methods = openapi.find(method, path.removeprefix(BASE), mode)
    if operation is None:
        if not methods:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {unquote(path)}")
        allowed = ", ".join(methods)
        detail = f"{unquote(path)} is asked with {allowed}"
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
    values = {name: unquote(value) for name, value in values.items()}
    return operation, MappingProxyType(openapi.read_parameters(operation, values, query))


def read_body(operation: Operation, data: bytes) -> Any:
    """Return the JSON that a request has. Raises Problem, and InvalidRequestError."""
    try:
        body = json.loads(
            data,
            parse_constant=_refuse_constant,
            parse_float=_read_float,
            object_pairs_hook=_read_object,
        )
        # What no UTF-8 can say cannot be stored.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    openapi.check_body(operation, body)
    return body


def _read_object(members: list[tuple[str, object]]) -> dict[str, object]:
    """Return the object. Raises Problem where a name is there twice: one would be lost."""
    value = dict(members)
    if len(value) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        detail = f"the body says {twice[:NAME_SHOWN_MAX]!r} twice in one object"
        raise Problem(HTTPStatus.BAD_REQUEST, detail)
    return value


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value
