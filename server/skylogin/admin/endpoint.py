"""The endpoint of the admin API: checks a request, runs its operation, answers with JSON."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin import logs
from skylogin.actions.services import Services
from skylogin.admin.openapi import Operation, read_body, read_request
from skylogin.admin.request import AdminRequest, Problem, problem_of
from skylogin.admin.routes import HANDLERS
from skylogin.apps.attempt_limits import AttemptLimits
from skylogin.apps.registry import App
from skylogin.config import DEV, SERVE, Settings
from skylogin.domain import secret_text
from skylogin.http import bodies, fault_answers, origin, request_log
from skylogin.http.forwarding import Client
from skylogin.operations import refused_attempts
from skylogin.operations.operator import Operator, enter, operator_of

logger = logging.getLogger("skylogin.admin")

JSON = "application/json"
PROBLEM = "application/problem+json"
TOKEN_REFUSED = "admin.token_refused"


async def answer(request: web.Request, services: Services, client: Client) -> web.StreamResponse:
    """Answer *request* of *client*."""
    try:
        return await _answer(request, services, client)
    except ConnectionError:
        raise
    except Exception as error:
        services.trouble.note(error, f"{request.method} {logs.quoted(request.path)}")
        problem = problem_of(error)
        if problem is None:
            # An unknown error's text may contain secrets, so it is only logged.
            logger.exception("%s %s crashed", request.method, logs.quoted(request.path))
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error")
        return _respond(problem)


async def _answer(request: web.Request, services: Services, client: Client) -> web.StreamResponse:
    settings = services.settings
    _check_origin(request, settings, client)
    operator = operator_of(services, "admin API", client.address)
    await _check_credentials(request, operator, services.attempt_limits)
    path, query = request.rel_url.raw_path, list(request.query.items())
    operation, parameters = read_request(request.method, path, query, settings.mode)
    request[request_log.ACTION] = f"admin:{operation.name}"
    body = await _read_body(request, operation)
    app: App | None = None
    if "app" in parameters:
        # A test may control its app before any client uses it.
        name, may_make = parameters["app"], operation.dev_only
        app, operator = await enter(services, operator, name, may_make=may_make)
        request[fault_answers.CLOCK], request[request_log.APP] = app.clock, app.name
    handle = HANDLERS[operation.name]
    result = await handle(AdminRequest(operator, parameters, body, app, request))
    if isinstance(result, web.StreamResponse):
        return result
    if result is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return _json(result, HTTPStatus(operation.status), JSON, {"Cache-Control": "no-store"})


def _check_origin(request: web.Request, settings: Settings, client: Client) -> None:
    """Raise Problem if the request comes from a page of another site."""
    hosts, names = (request.host, client.host), settings.host_names
    why = origin.refusal(request.method, hosts, request.headers, names=names)
    if why:
        raise Problem(HTTPStatus.FORBIDDEN, why)


async def _check_credentials(
    request: web.Request, operator: Operator, limits: AttemptLimits
) -> None:
    settings = operator.settings
    expected = settings.admin_token
    if not expected and settings.mode == DEV:
        expected = settings.master_key
    if not expected:
        raise Problem(HTTPStatus.NOT_FOUND, "the admin API is off: set SKYLOGIN_ADMIN_TOKEN")
    scheme, _, token = origin.whole(request.headers, "Authorization").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    if not given:
        raise _unauthorized("send the admin token: Authorization: Bearer …")
    source = refused_attempts.source(operator, "token")
    seconds = await limits.wait_seconds(source)
    if seconds and settings.mode == SERVE:
        wait = {"Retry-After": str(seconds)}
        detail = str(refused_attempts.too_many(operator, "admin tokens", seconds))
        raise Problem(HTTPStatus.TOO_MANY_REQUESTS, detail, headers=wait)
    if secret_text.is_same(given, expected):
        await limits.succeed(source)
        return
    number = await limits.fail(source)
    if not seconds:
        await refused_attempts.audit(operator, TOKEN_REFUSED, number)
    raise _unauthorized("the admin token is wrong")


def _unauthorized(detail: str) -> Problem:
    challenge = {"WWW-Authenticate": 'Bearer realm="skylogin"'}
    return Problem(HTTPStatus.UNAUTHORIZED, detail, headers=challenge)


async def _read_body(request: web.Request, operation: Operation) -> Any:
    # The handler streams a body that is not JSON.
    data = b""
    if operation.body is not None:
        async with bodies.in_time(request.client_max_size):
            data = await request.read()
    if (data or operation.body_required) and request.content_type != operation.body_type:
        detail = f"the body must be {operation.body_type}"
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, detail)
    return read_body(operation, data)


def _respond(problem: Problem) -> web.Response:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.code:
        body["code"] = problem.code
    if problem.errors:
        body["errors"] = problem.errors
    if problem.places:
        body["places"] = problem.places
    return _json(body, problem.status, PROBLEM, problem.headers)


def _json(
    body: object, status: HTTPStatus, content_type: str, headers: Mapping[str, str]
) -> web.Response:
    # Non-ASCII characters are escaped, because UTF-8 cannot encode lone surrogates.
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)
