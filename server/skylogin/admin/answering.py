"""Answering a request to the admin API: who asks, for what, is it allowed, is it good."""

import hashlib
import hmac
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from skylogin import guard, staged
from skylogin.admin import document
from skylogin.admin.document import BASE, InvalidRequestError, Operation
from skylogin.call import Services
from skylogin.errors import UNABLE_TO_OPEN_DATABASE, UNEXPECTED_ERROR, SkygearError
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.registry import App

logger = logging.getLogger("skylogin.admin")

JSON = "application/json"
PROBLEM = "application/problem+json"


@dataclass(frozen=True, slots=True)
class AdminCall:
    """One request that is allowed and good. *body* is None where there is none."""

    operator: Operator
    services: Services
    request: web.Request
    parameters: Mapping[str, Any]
    body: Any
    # What it is about, as this server has it open; None where that is no app.
    opened: App | None

    @property
    def app(self) -> str:
        """Return the name of the app it is about."""
        return str(self.parameters["app"])

    @property
    def opened_app(self) -> App:
        """Return the app it is about, for what only this server knows of it."""
        assert self.opened is not None
        return self.opened


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

    def response(self) -> web.Response:
        """Return it as an answer."""
        body: dict[str, object] = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
        }
        if self.faults:
            body["errors"] = self.faults
        return _json(body, self.status, PROBLEM, self.headers)


async def answer(
    request: web.Request, services: Services, address: str, handlers: Mapping[str, Handler]
) -> web.StreamResponse:
    """Answer *request*, which comes from *address*, by the handler of its operation."""
    try:
        return await _answer(request, services, address, handlers)
    except ConnectionError:
        raise
    except Exception as error:
        problem = _problem(error)
        if problem is None:
            # The text of an unknown error may hold what nobody should see: it is only logged.
            logger.exception("%s %s crashed", request.method, request.path)
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error")
        return problem.response()


def _problem(error: Exception) -> Problem | None:
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


async def _answer(
    request: web.Request, services: Services, address: str, handlers: Mapping[str, Handler]
) -> web.StreamResponse:
    check_origin(request, services)
    _check_credentials(request, services)
    path = request.rel_url.raw_path.removeprefix(BASE)
    operation, path_values, methods = document.find(request.method, path, services.settings.mode)
    path_values = {name: unquote(value) for name, value in path_values.items()}
    if operation is None:
        if not methods:
            raise Problem(HTTPStatus.NOT_FOUND, f"there is nothing at {request.path}")
        allowed = ", ".join(methods)
        detail = f"{request.path} is asked with {allowed}"
        raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})
    parameters = document.read_parameters(operation, path_values, list(request.query.items()))
    body = await _read_body(request, operation)
    operator = services.operator("admin API", address)
    app: App | None = None
    if "app" in parameters:
        # A test names its app here before any client does.
        name, may_make = parameters["app"], operation.dev_only
        app, operator = await services.enter(operator, name, may_make=may_make)
        request[staged.CLOCK] = app.clock
    call = AdminCall(operator, services, request, parameters, body, app)
    result = await handlers[operation.name](call)
    if isinstance(result, web.StreamResponse):
        return result
    if result is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return _json(result, HTTPStatus(operation.status), JSON, {"Cache-Control": "no-store"})


def check_origin(request: web.Request, services: Services) -> None:
    """Raise Problem where the request comes from a page of somebody else's."""
    settings = services.settings
    names = frozenset(("localhost", settings.domain)) if settings.mode == "dev" else None
    why = guard.refusal(request.method, request.host, request.headers, names=names)
    if why:
        raise Problem(HTTPStatus.FORBIDDEN, why)


def _check_credentials(request: web.Request, services: Services) -> None:
    settings = services.settings
    wanted = settings.admin_token
    if not wanted and settings.mode == "dev":
        wanted = settings.master_key
    if not wanted:
        raise Problem(HTTPStatus.NOT_FOUND, "the admin API is off: set SKYLOGIN_ADMIN_TOKEN")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _equal(token.strip(), wanted):
        detail = "send the admin token: Authorization: Bearer …"
        challenge = {"WWW-Authenticate": 'Bearer realm="skylogin"'}
        raise Problem(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)


def _equal(given: str, wanted: str) -> bool:
    """Return whether two secrets are equal, in a time that tells nothing of either."""
    digests = [hashlib.sha256(text.encode(errors="replace")).digest() for text in (given, wanted)]
    return hmac.compare_digest(*digests)


async def _read_body(request: web.Request, operation: Operation) -> Any:
    if operation.body_type != JSON:
        # The handler reads it, because it may be long.
        if operation.body_type and request.content_type != operation.body_type:
            raise Problem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body has to be {operation.body_type}"
            )
        return None
    data = await request.read()
    if not data and not operation.body_required:
        return {}
    if request.content_type != JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the body has to be {JSON}")
    try:
        body = json.loads(data, parse_constant=_refuse_constant, parse_float=_read_float)
        # What no UTF-8 can say cannot be stored.
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is no JSON") from None
    document.check_body(operation, body)
    return body


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _read_float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text} is too large")
    return value


def _json(
    body: object, status: HTTPStatus, content_type: str, headers: Mapping[str, str]
) -> web.Response:
    # Escaped, because a lone surrogate is none of UTF-8.
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)
