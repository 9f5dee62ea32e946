"""The endpoint of Skygear's actions: turns requests into calls, and answers into responses."""

import functools
import logging
import posixpath
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiohttp import web
from multidict import CIMultiDict

from skylogin import logs
from skylogin.actions import stubbed, table, wire
from skylogin.actions.call import Action, Call
from skylogin.actions.call_recorder import dispatch_recorded
from skylogin.actions.dispatch import Answer, dispatch, refused
from skylogin.actions.services import Services
from skylogin.apps import names
from skylogin.apps.limits import source_of
from skylogin.apps.registry import App
from skylogin.apps.stubs import action_name
from skylogin.clock import monotonic
from skylogin.config import DEFAULT_KEYS, DEV
from skylogin.domain import secret_text
from skylogin.domain.limit_table import CALLS_WAITING, WEBSOCKETS
from skylogin.domain.login_attempt import Origin
from skylogin.encoding import json_text
from skylogin.errors import (
    BAD_REQUEST,
    REASON_HEADER,
    UNDEFINED_OPERATION,
    Reason,
    SkygearError,
    too_busy,
)
from skylogin.http import fault_answers, origin, request_log
from skylogin.http.bodies import BodyTooLargeError, BodyTooSlowError, MemoryFullError
from skylogin.http.forwarding import client_of
from skylogin.metrics import HOME, OTHER
from skylogin.pubsub.websocket import PATHS as PUBSUB_PATHS
from skylogin.web import call_limits
from skylogin.web.keys import BODIES, PUBSUB, SERVICES

if TYPE_CHECKING:
    from skylogin.traces import Traces

logger = logging.getLogger("skylogin.web")

SERVER = "Skygear Server/1.7.3"
REQUEST_ID_HEADER = "X-Skygear-Request-Id"
KEY_HEADER = "X-Skygear-API-Key"
REASON_CHARACTERS_MAX = 300
# In a body, nested values included, unless the master key is in a header.
VALUES_MAX = 20_000
# In the original, the health check is an action.
HEALTH_CHECK_PATH = "/_status/healthz"


async def refuse(request: web.Request) -> web.Response:
    """Answer as if the path named an action that does not exist."""
    services = request.app[SERVICES]
    headers = _headers(request, services)
    if request.method == "OPTIONS":
        return web.Response(headers=headers)
    headers["Server"] = SERVER
    refusal = SkygearError(UNDEFINED_OPERATION, "route unmatched")
    return _respond(refused(refusal), headers, services)


def refuse_busy(
    request: web.Request, explanation: str, reason: Reason | None = None
) -> web.Response:
    """Ask the client to try again in a moment."""
    services = request.app[SERVICES]
    headers = _headers(request, services)
    headers["Server"] = SERVER
    return _respond(refused(too_busy(reason, explanation)), headers, services)


async def answer(request: web.Request) -> web.StreamResponse:
    """Answer a call of an action, with any method and path. Log it if a setting says so."""
    began = monotonic()
    services = request.app[SERVICES]
    traces, metrics = services.store.traces, services.metrics
    if traces is None:
        response = await _answer(request, services)
    else:
        response = await _answer_traced(request, services, traces)
    if not isinstance(response, web.WebSocketResponse):
        metrics.answers.add(response.status // 100)
        metrics.calls.observe(monotonic() - began, request.get(request_log.ACTION, OTHER))
    if REASON_HEADER in response.headers and "Origin" in request.headers:
        _expose_reason(request, response)
    if request_log.is_on():
        _note(request, response, monotonic() - began)
    return response


async def _answer_traced(
    request: web.Request, services: Services, traces: "Traces"
) -> web.StreamResponse:
    with traces.call() as span:
        response = await _answer(request, services)
        name = request.get(request_log.ACTION, OTHER)
        refusal = response.get(request_log.REFUSAL)
        attributes = {"skylogin.request_id": request[request_log.ID]}
        if refusal is not None:
            attributes["skylogin.reason"] = refusal.reason or refusal.kind.name
        action = (name or HOME) if name in table.ACTIONS else OTHER
        traces.describe(span, action, response.status, attributes)
    return response


def _expose_reason(request: web.Request, response: web.StreamResponse) -> None:
    """Let a page on this machine, such as one in development, read the header with the reason."""
    if origin.is_on_loopback(origin.whole(request.headers, "Origin")):
        shown = response.headers.get("Access-Control-Expose-Headers")
        names = f"{shown}, {REASON_HEADER}" if shown else REASON_HEADER
        response.headers["Access-Control-Expose-Headers"] = names


def _note(request: web.Request, response: web.StreamResponse, seconds: float) -> None:
    settings = request.app[SERVICES].settings
    client = client_of(request, settings)
    action, path = request.get(request_log.ACTION, ""), request.path
    if settings.mode != DEV:
        _, called = names.split(unquote(_raw_path(request)), client.host, settings.domain)
        # With any other path, the body names the action.
        is_ours = called == "/" or called in PUBSUB_PATHS or action_name(called) in table.ACTIONS
        is_ours = is_ours and request_log.APP in request
        path = path if is_ours else request_log.HIDDEN
        action = action if action in table.ACTIONS else request_log.HIDDEN
    request_log.note(request, response, seconds, settings.mode, {"action": action, "path": path})


async def _answer(request: web.Request, services: Services) -> web.StreamResponse:
    headers = _headers(request, services)
    if request.method == "OPTIONS":
        return web.Response(headers=headers)
    path = unquote(_raw_path(request))
    if services.load.is_full() and not path.endswith(HEALTH_CHECK_PATH):
        services.limits.hits[CALLS_WAITING] += 1
        why = f"{services.load.calls} calls are in progress"
        return refuse_busy(request, why, Reason.OVERLOADED)
    client = client_of(request, services.settings)
    clean = _cleaned(path)
    if clean != path:
        return _redirect(request, client.prefix + quote(clean), headers)
    headers["Server"] = SERVER
    name, path = names.split(path, client.host, services.settings.domain)
    try:
        app = await services.apps.find(name)
        if app is None:
            raise _unknown_app(name)
        request[fault_answers.CLOCK], request[request_log.APP] = app.clock, app.name
        with call_limits.checked(request, services):
            if path in PUBSUB_PATHS:
                return await _answer_handshake(request, app, path, headers)
            return await _answer_call(request, app, path, headers)
    except SkygearError as refusal:
        services.trouble.note(refusal, f"call {headers[REQUEST_ID_HEADER]}")
        return _respond(refused(refusal), headers, services)


def _unknown_app(name: str) -> SkygearError:
    explanation = f"there is no app called {name}"
    return SkygearError(
        UNDEFINED_OPERATION, "route unmatched", reason=Reason.APP_UNKNOWN, explanation=explanation
    )


async def _answer_call(
    request: web.Request, app: App, path: str, headers: CIMultiDict[str]
) -> web.StreamResponse:
    services = request.app[SERVICES]
    is_master = _has_master_key(request, app)
    settings = services.settings
    # A stub may take a file, which may be as large as a body with the master key.
    may_be_large = is_master or app.stubs.covers(action_name(path))
    bytes_max = settings.master_body_bytes_max if may_be_large else settings.body_bytes_max
    values_max = None if is_master else VALUES_MAX
    parse = functools.partial(_read_payload, request, app, path, values_max)
    try:
        async with request.app[BODIES].read(request, bytes_max, parse) as payload:
            action = table.find(
                path, payload, functools.partial(stubbed.has_answer, app, services.settings)
            )
            call = _read_call(request, app, action, payload, headers)
            request[request_log.ACTION] = call.action.name
            call.fault = app.faults.strike(call.action.name, call.now)
            response = _respond(await dispatch_recorded(call, services), headers, services)
    except wire.BadBodyError:
        # The original answers with only a status (pkg/server/router/common.go, newPayload).
        return web.Response(status=400, headers=headers)
    except (BodyTooLargeError, wire.TooManyValuesError):
        refusal = SkygearError(BAD_REQUEST, "request body too large", status=413)
        return _respond(refused(refusal), headers, services)
    except BodyTooSlowError as error:
        refusal = SkygearError(BAD_REQUEST, str(error), status=408)
        response = _respond(refused(refusal), headers, services)
        response.force_close()
        return response
    except MemoryFullError:
        return refuse_busy(request, "the bodies of all calls together are too large")
    if call.fault is None:
        return response
    return await fault_answers.apply_fault(request, call.fault, response)


def _read_payload(
    request: web.Request, app: App, path: str, values_max: int | None, data: bytes
) -> dict[str, object]:
    try:
        return wire.read_body(data, values_max)
    except wire.BadBodyError:
        if not app.stubs.covers(action_name(path)):
            raise
        # The SDKs upload a file to the URL that `asset:put` returns.
        return {"content_type": request.content_type, "bytes": len(data)}


def _has_master_key(request: web.Request, app: App) -> bool:
    """Return whether the app's master key is in a header, as is known before the body is read."""
    key = request.headers.get(KEY_HEADER, "")
    # Most calls have their key in the body, and need no comparison.
    is_master = bool(key) and secret_text.is_same(key, app.master_key)
    return is_master and not _foreign_page(request, app)


def _foreign_page(request: web.Request, app: App) -> str:
    """Return the origin of a page that must not use the app's master key, empty for any other."""
    settings = request.app[SERVICES].settings
    if settings.mode != DEV or "Origin" not in request.headers:
        return ""
    if app.master_key not in DEFAULT_KEYS:
        return ""
    sender = origin.whole(request.headers, "Origin")
    return "" if origin.is_on_loopback(sender) else sender[: origin.HOST_CHARACTERS_MAX]


async def _answer_handshake(
    request: web.Request, app: App, path: str, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """Check the key in a websocket's handshake, and serve the connection until it closes."""
    services = request.app[SERVICES]
    action = table.HANDSHAKE if request.method == "GET" else table.UNMATCHED
    payload: dict[str, object] = dict(request.query)
    answered = await dispatch(_read_call(request, app, action, payload, headers), services)
    if answered.refusal is not None:
        return _respond(answered, headers, services)
    source = source_of(client_of(request, services.settings).address)
    with services.limits.holding(WEBSOCKETS, source):
        hub = PUBSUB_PATHS[path]
        connection = await request.app[PUBSUB].serve(request, app.name, hub, source)
    if connection is None:
        return web.Response(status=400, text="Bad Request", headers=headers)
    return connection


def _read_call(
    request: web.Request,
    app: App,
    action: Action,
    payload: dict[str, object],
    headers: CIMultiDict[str],
) -> Call:
    """Return the call. A key or token in a header takes precedence over the body's."""
    settings, header = request.app[SERVICES].settings, request.headers.get
    api_key = header(KEY_HEADER) or payload.get("api_key")
    token = header("X-Skygear-Access-Token") or payload.get("access_token")
    address, request_id = client_of(request, settings).address, headers[REQUEST_ID_HEADER]
    return Call(
        app=app,
        action=action,
        payload=payload,
        api_key=api_key if isinstance(api_key, str) else "",
        access_token=token if isinstance(token, str) else "",
        now=app.clock(),
        origin=Origin(address, request_id, settings.keeps_profiles),
        foreign_page=_foreign_page(request, app),
    )


def _respond(answered: Answer, headers: CIMultiDict[str], services: Services) -> web.Response:
    refusal = answered.refusal
    if refusal is not None and refusal.reason is not None and services.settings.mode == DEV:
        _explain(refusal.reason, refusal.explanation, headers)
    headers["Content-Type"] = "application/json"
    if refusal is not None and refusal.retry_seconds:
        if refusal.status == HTTPStatus.SERVICE_UNAVAILABLE:
            services.metrics.shed.add()
        headers["Retry-After"] = str(refusal.retry_seconds)
        headers["Access-Control-Expose-Headers"] = "Retry-After"
    body = json_text.write(answered.body) + b"\n"
    response = web.Response(status=answered.status, body=body, headers=headers)
    if refusal is not None:
        response[request_log.REFUSAL] = refusal
    return response


def _explain(reason: Reason, explanation: str, headers: CIMultiDict[str]) -> None:
    """Add the reason for an answer as a header: ASCII, on one line."""
    text = f"{reason}: {explanation}"[:REASON_CHARACTERS_MAX]
    safe = text.encode("ascii", "backslashreplace").decode()
    if not safe.isprintable():
        safe = "".join(c if c.isprintable() else " " for c in safe)
    headers[REASON_HEADER] = safe


def _headers(request: web.Request, services: Services) -> CIMultiDict[str]:
    """Return the headers of every answer; those of CORS let pages of other sites read it."""
    request[request_log.ID] = services.ids.random_id()
    headers = CIMultiDict(
        {
            "Access-Control-Allow-Origin": services.settings.cors_host,
            "Access-Control-Allow-Credentials": "true",
            REQUEST_ID_HEADER: request[request_log.ID],
        }
    )
    for requested, allowed in _PREFLIGHT:
        value = request.headers.get(requested)
        if value:
            headers[allowed] = value
    return headers


_PREFLIGHT = (
    ("Access-Control-Request-Method", "Access-Control-Allow-Methods"),
    ("Access-Control-Request-Headers", "Access-Control-Allow-Headers"),
)


def _raw_path(request: web.Request) -> str:
    raw = request.raw_path.split("?", 1)[0]
    # A proxy may send the whole URL as the target.
    return raw if raw.startswith("/") else request.rel_url.raw_path


def _cleaned(path: str) -> str:
    """Return *path* without empty, `.` and `..` parts, as Go's ServeMux cleans it."""
    if "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _redirect(request: web.Request, path: str, headers: CIMultiDict[str]) -> web.Response:
    query = request.rel_url.raw_query_string
    headers["Location"] = path + (f"?{query}" if query else "")
    if request.app[SERVICES].settings.mode == DEV:
        # The usual cause: a slash at the end of the server's URL and another before the action.
        explanation = "the path has an empty part, . or ..; use"
        _explain(Reason.PATH_NOT_CLEAN, f"{explanation} {path}", headers)
        logger.warning(
            "call %s is answered with a redirect: %s %s",
            headers[REQUEST_ID_HEADER],
            explanation,
            logs.quoted(path),
        )
    return web.Response(status=301, headers=headers)
