"""Answering a request to the admin API: who asks, for what, is it allowed, is it good."""

import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.admin.openapi import Operation
from skylogin.admin.request import AdminCall, Handler, Problem, problem_of, read_body, read_request
from skylogin.apps.registry import App
from skylogin.http import fault_answers, origin
from skylogin.operations.operator import enter, operator_of

logger = logging.getLogger("skylogin.admin")

JSON = "application/json"
PROBLEM = "application/problem+json"


async def answer(
    request: web.Request, services: Services, address: str, handlers: Mapping[str, Handler]
) -> web.StreamResponse:
    """Answer *request*, which comes from *address*, by the handler of its operation."""
    try:
        return await _answer(request, services, address, handlers)
    except ConnectionError:
        raise
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            # The text of an unknown error may hold what nobody should see: it is only logged.
            logger.exception("%s %s crashed", request.method, request.path)
            problem = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error")
        return _respond(problem)


async def _answer(
    request: web.Request, services: Services, address: str, handlers: Mapping[str, Handler]
) -> web.StreamResponse:
    check_origin(request, services)
    _check_credentials(request, services)
    path, query = request.rel_url.raw_path, list(request.query.items())
    operation, parameters = read_request(request.method, path, query, services.settings.mode)
    body = await _read_body(request, operation)
    operator = operator_of(services, "admin API", address)
    app: App | None = None
    if "app" in parameters:
        # A test names its app here before any client does.
        name, may_make = parameters["app"], operation.dev_only
        app, operator = await enter(services, operator, name, may_make=may_make)
        request[fault_answers.CLOCK] = app.clock
    call = AdminCall(operator, parameters, body, app, request)
    result = await handlers[operation.name](call)
    if isinstance(result, web.StreamResponse):
        return result
    if result is None:
        return web.Response(status=HTTPStatus.NO_CONTENT)
    return _json(result, HTTPStatus(operation.status), JSON, {"Cache-Control": "no-store"})


def check_origin(request: web.Request, services: Services) -> None:
    """Raise Problem where the request comes from a page of somebody else's."""
    names = services.settings.host_names
    why = origin.refusal(request.method, request.host, request.headers, names=names)
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
    return read_body(operation, data)


def _respond(problem: Problem) -> web.Response:
    body: dict[str, object] = {
        "type": "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
    }
    if problem.faults:
        body["errors"] = problem.faults
    return _json(body, problem.status, PROBLEM, problem.headers)


def _json(
    body: object, status: HTTPStatus, content_type: str, headers: Mapping[str, str]
) -> web.Response:
    # Escaped, because a lone surrogate is none of UTF-8.
    text = json.dumps(body, separators=(",", ":"))
    return web.Response(status=status, text=text, content_type=content_type, headers=headers)
