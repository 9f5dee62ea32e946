"""A request to the admin API, from HTTP or from a command, and its errors."""

import functools
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from skylogin.admin import openapi
from skylogin.admin.openapi import InvalidRequestError, Operation
from skylogin.apps.registry import App
from skylogin.client.admin_api import BASE
from skylogin.client.errors import NO_OPERATION
from skylogin.encoding import rfc3339
from skylogin.errors import database_trouble
from skylogin.http.errors import status_of
from skylogin.http.routes import NoRouteError, Route, RouteTable
from skylogin.operations.operator import Operator, RefusedError

Json = dict[str, object]

NAME_SHOWN_MAX = 100
REQUESTS_KEPT, REQUEST_LENGTH_KEPT_MAX = 256, 1024


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """One valid request of an operator. *body* is None if the operation takes none.

    Commands that use a database set neither *http_request* nor *opened*.
    """

    operator: Operator
    parameters: Mapping[str, Any]
    body: Any
    opened: App | None = None
    http_request: web.Request | None = None

    @property
    def app(self) -> str:
        """Return the app's name in the path."""
        return str(self.parameters["app"])

    @property
    def opened_app(self) -> App:
        """Return the app as the server has it open. Raises RefusedError without a server."""
        if self.opened is None:
            raise RefusedError("only a running server can do that: use --url")
        return self.opened

    @property
    def http(self) -> web.Request:
        """Return the HTTP request, for an operation that streams."""
        assert self.http_request is not None
        return self.http_request


Handler = Callable[[AdminRequest], Awaitable[object]]


class Problem(Exception):
    """An error that is answered in the format of RFC 9457."""

    def __init__(  # noqa: PLR0913
        self,
        status: HTTPStatus,
        detail: str,
        *,
        code: str = "",
        errors: Sequence[str] = (),
        places: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.errors = list(errors)
        self.places = list(places)
        self.headers = dict(headers or {})


def problem_of(error: Exception) -> Problem | None:
    """Return the answer to *error*, None if it is a crash."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, InvalidRequestError):
        detail = "the request does not match the OpenAPI document"
        return Problem(HTTPStatus.BAD_REQUEST, detail, errors=error.errors)
    status = status_of(error)
    return None if status is None else Problem(status, database_trouble(error) or str(error))


def read_request(
    method: str, path: str, query: Sequence[tuple[str, str]], mode: str
) -> tuple[Operation, Mapping[str, Any]]:
    """Return the operation at the percent-encoded *path*, and the request's parameters.

    Raises Problem if the operation does not exist, InvalidRequestError on invalid parameters.
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
    return operation, MappingProxyType(openapi.read_parameters(operation, values, query))


@functools.cache
def _route_table() -> RouteTable[Operation]:
    return RouteTable(
        Route(one.method, one.path, one, one.dev_only) for one in openapi.operations()
    )


def read_body(operation: Operation, data: bytes | None) -> Any:
    """Return a request's JSON body, None if the operation takes none.

    Raises Problem, and InvalidRequestError.
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
    openapi.check_body(operation, body)
    return body


def _refuse_constant(name: str) -> None:
    detail = f"the body is not JSON, which does not have {name}"
    raise Problem(HTTPStatus.BAD_REQUEST, detail)


def _read_object(members: list[tuple[str, object]]) -> Json:
    """Return the object. Raises Problem on a repeated name, which would lose a value."""
    value = dict(members)
    if len(value) < len(members):
        names = [name for name, _ in members]
        repeated = next(name for name in names if names.count(name) > 1)
        detail = f"the body repeats {repeated[:NAME_SHOWN_MAX]!r} in one object"
        raise Problem(HTTPStatus.BAD_REQUEST, detail)
    return value


def time_text(value: datetime | None) -> str | None:
    """Return a time as the API shows it."""
    return rfc3339.on_wire(value) if value else None


def read_time(text: str | None) -> datetime | None:
    """Return *text* as a time. Raises RefusedError if it is not valid."""
    if text is None:
        return None
    try:
        return rfc3339.read_moment(text)
    except ValueError as error:
        raise RefusedError(f"{text!r} is not a valid time: {error}") from None
