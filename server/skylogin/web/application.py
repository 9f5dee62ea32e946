"""The aiohttp application: bytes in, bytes out. Everything is wired here."""

import asyncio
import functools
import ipaddress
import logging
import posixpath
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from aiohttp import web
from multidict import CIMultiDict

from skylogin.actions import me, preprocessors, sso, table, wire
from skylogin.actions.call import Call, LoggedAttempt, Services
from skylogin.actions.dispatch import Answer, dispatch
from skylogin.apps import names
from skylogin.apps.registry import App, AppRegistry
from skylogin.clock import system_now
from skylogin.config import Settings, rules_of
from skylogin.database import Store, Transaction
from skylogin.database.group_commit import Batcher
from skylogin.domain.login_attempt import Origin
from skylogin.encoding import json_text
from skylogin.errors import BAD_REQUEST, UNDEFINED_OPERATION, Reason, SkygearError
from skylogin.http import fault_answers
from skylogin.ids import IdMaker
from skylogin.pubsub.websocket import PATHS as PUBSUB_PATHS
from skylogin.pubsub.websocket import PubSub
from skylogin.store import apps
from skylogin.store import login_attempts as stored_journal

logger = logging.getLogger("skylogin.web")

SERVER = "Skygear Server/1.7.3"
REQUEST_ID_HEADER = "X-Skygear-Request-Id"
REASON_HEADER = "X-Skylogin-Reason"
REASON_CHARACTERS_MAX = 300
SERVICES = web.AppKey("services", Services)
PUBSUB = web.AppKey("pubsub", PubSub)
# Set while the server stops: every connection ends with its next answer.
STOPPING = web.AppKey("stopping", asyncio.Event)


def make_application(
    settings: Settings, store: Store, now: Callable[[], datetime] = system_now
) -> web.Application:
    """Return the application. It prepares the app when it starts; the tables are there."""
    application = web.Application(client_max_size=settings.body_bytes_max)
    application.cleanup_ctx.append(functools.partial(_run_services, settings, store, now))
    application[STOPPING] = asyncio.Event()
    application[PUBSUB] = PubSub(settings.pubsub_message_bytes_max)
    application.on_shutdown.append(_close_pubsub)
    application.on_response_prepare.append(_prepare_headers)
    application.router.add_get("/healthz", healthz)
    application.router.add_get("/readyz", readyz)
    application.router.add_route("*", r"/_admin/{path:[\s\S]*}", handle_admin)
    application.router.add_route("*", "/portal", handle_portal)
    application.router.add_route("*", r"/portal/{path:[\s\S]*}", handle_portal)
    for path in {"/" + name.replace(":", "/") for name in table.ACTIONS}:
        # aiohttp finds plain paths in a table, the others one by one.
        application.router.add_route("*", path, handle_call)
    application.router.add_route("*", r"/{path:[\s\S]*}", handle_call)
    return application


async def _run_services(
    settings: Settings, store: Store, now: Callable[[], datetime], application: web.Application
) -> AsyncIterator[None]:
    services = await open_services(settings, store, now)
    application[SERVICES] = services
    yield
    await close_services(services)


async def _close_pubsub(application: web.Application) -> None:
    await application[PUBSUB].close()


async def open_services(settings: Settings, store: Store, now: Callable[[], datetime]) -> Services:
    """Prepare the app in the database and return what handlers may use."""
    ids = IdMaker()
    registry = AppRegistry(settings, store, now, ids)
    services = Services(
        settings=settings,
        rules=rules_of(settings),
        store=store,
        apps=registry,
        app=await registry.open_default(),
        now=now,
        ids=ids,
    )
    services.logins = Batcher(store, functools.partial(sso.log_in_many, services), _is_journaled)
    services.lookups = Batcher(store, preprocessors.find_many, write=False)
    services.visits = Batcher(store, functools.partial(me.see_many, services))
    return services


async def close_services(services: Services) -> None:
    """Finish what was begun, and write what still waits."""
    await services.logins.close()
    await services.lookups.close()
    await services.visits.close()
    await services.apps.close()


async def _is_journaled(tx: Transaction, items: Any) -> bool:
    """Return whether a batch was committed: its journal rows were in its transaction."""
    attempts: list[LoggedAttempt] = list(items)
    return any([await stored_journal.has(tx, item.app.name, item.entry_id) for item in attempts])


# --- the wire ----------------------------------------------------------------


async def handle_call(request: web.Request) -> web.StreamResponse:
    """Answer a call of the wire, with any method and at any path."""
    services = request.app[SERVICES]
    headers = _cors_headers(request, services.settings)
    headers[REQUEST_ID_HEADER] = services.ids.random_id()
    if request.method == "OPTIONS":
        return web.Response(headers=headers)
    path = unquote(_raw_path(request))
    clean = _cleaned(path)
    if clean != path:
        return _moved(request, clean, headers)
    headers["Server"] = SERVER
    name, path = names.split(path, request.host, services.settings.domain)
    app = await services.apps.find(name)
    if app is None:
        refusal = SkygearError(
            UNDEFINED_OPERATION,
            "route unmatched",
            reason=Reason.APP_UNKNOWN,
            explanation=f"there is no app called {name}",
        )
        return _refuse(refusal, headers, services)
    request[fault_answers.CLOCK] = app.clock
    if path in PUBSUB_PATHS:
        return await _handle_pubsub(request, app, path, headers)
    return await _handle_action(request, app, path, headers)


async def _handle_action(
    request: web.Request, app: App, path: str, headers: CIMultiDict[str]
) -> web.StreamResponse:
    services = request.app[SERVICES]
    try:
        payload = wire.read_body(await request.read())
    except wire.BadBodyError:
        # The original answers a body that is no JSON with a bare status and no body
        # (pkg/server/router/common.go, newPayload).
        return web.Response(status=400, headers=headers)
    except web.HTTPRequestEntityTooLarge:
        refusal = SkygearError(BAD_REQUEST, "request body too large", status=413)
        return _refuse(refusal, headers, services)
    call = _read_call(request, services, app, payload, headers[REQUEST_ID_HEADER])
    call.action = table.name_of(path, payload)
    call.fault = app.faults.strike(call.action)
    answer = await dispatch(call, services)
    if answer.refusal is not None and services.settings.mode == "dev":
        _explain(answer.refusal, headers)
    response = _respond(answer, headers)
    return await fault_answers.spoil(request, call.fault, response) if call.fault else response


async def _handle_pubsub(
    request: web.Request, app: App, path: str, headers: CIMultiDict[str]
) -> web.StreamResponse:
    """Check the key of a handshake, and serve its connection until that ends."""
    services = request.app[SERVICES]
    payload: dict[str, object] = dict(request.query)
    call = _read_call(request, services, app, payload, headers[REQUEST_ID_HEADER])
    try:
        if request.method != "GET":
            raise SkygearError(UNDEFINED_OPERATION, "route unmatched")
        await preprocessors.check_access_key(call, services)
    except SkygearError as refusal:
        return _refuse(refusal, headers, services)
    connection = await request.app[PUBSUB].serve(request, app.name, PUBSUB_PATHS[path])
    if connection is None:
        return web.Response(status=400, text="Bad Request", headers=headers)
    return connection


def _read_call(
    request: web.Request,
    services: Services,
    app: App,
    payload: dict[str, object],
    request_id: str,
) -> Call:
    """Return the call: a key or a token in a header wins over one in the body."""
    header = request.headers.get
    api_key = header("X-Skygear-API-Key") or payload.get("api_key")
    token = header("X-Skygear-Access-Token") or payload.get("access_token")
    return Call(
        app=app,
        payload=payload,
        api_key=api_key if isinstance(api_key, str) else "",
        access_token=token if isinstance(token, str) else "",
        now=app.clock(),
        origin=Origin(
            _address(request, services.settings), request_id, services.settings.keeps_profiles
        ),
    )


def _refuse(refusal: SkygearError, headers: CIMultiDict[str], services: Services) -> web.Response:
    if services.settings.mode == "dev":
        _explain(refusal, headers)
    return _respond(Answer(refusal.status, wire.error(refusal)), headers)


def _respond(answer: Answer, headers: CIMultiDict[str]) -> web.Response:
    body = json_text.write(answer.body) + b"\n"
    headers["Content-Type"] = "application/json"
    return web.Response(status=answer.status, body=body, headers=headers)


def _cors_headers(request: web.Request, settings: Settings) -> CIMultiDict[str]:
    headers = CIMultiDict(
        {
            "Access-Control-Allow-Origin": settings.cors_host,
            "Access-Control-Allow-Credentials": "true",
        }
    )
    for asked, allowed in _PREFLIGHT:
        value = request.headers.get(asked)
        if value:
            headers[allowed] = value
    return headers


_PREFLIGHT = (
    ("Access-Control-Request-Method", "Access-Control-Allow-Methods"),
    ("Access-Control-Request-Headers", "Access-Control-Allow-Headers"),
)


def _explain(refusal: SkygearError, headers: CIMultiDict[str]) -> None:
    """Add the reason of a refusal, as ASCII on one line: it is a header."""
    if refusal.reason is None:
        return
    text = f"{refusal.reason}: {refusal.explanation}"[:REASON_CHARACTERS_MAX]
    safe = text.encode("ascii", "backslashreplace").decode()
    if not safe.isprintable():
        safe = "".join(c if c.isprintable() else " " for c in safe)
    headers[REASON_HEADER] = safe


def _raw_path(request: web.Request) -> str:
    raw = request.raw_path.split("?", 1)[0]
    # A proxy may send the whole URL as the target.
    return raw if raw.startswith("/") else request.rel_url.raw_path


def _cleaned(path: str) -> str:
    """Return *path* as Go's ServeMux cleans it: no empty, `.` or `..` parts."""
    if "//" not in path and "/." not in path:
        return path
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def _moved(request: web.Request, path: str, headers: CIMultiDict[str]) -> web.Response:
    query = request.rel_url.raw_query_string
    headers["Location"] = quote(path) + (f"?{query}" if query else "")
    return web.Response(status=301, headers=headers)


def _address(request: web.Request, settings: Settings) -> str:
    """Return the address of the caller: what a trusted proxy says, else the peer's."""
    peer = request.remote or ""
    if not settings.trusted_proxies:
        return peer
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    for hop in [peer, *reversed(hops)]:
        if not _is_trusted(hop, settings):
            return hop or peer
    return peer


def _is_trusted(address: str, settings: Settings) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.trusted_proxies)


async def _prepare_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Take away aiohttp's own `Server` header, and others where the original has none."""
    fault_answers.date(request, response)
    if request.app[STOPPING].is_set():
        response.force_close()
        response.headers["Connection"] = "close"
    if response.headers.get("Server") != SERVER:
        response.headers.popall("Server", None)
    if isinstance(response, web.WebSocketResponse):
        response.headers.popall("Date", None)
    if isinstance(response, web.Response) and not response.body:
        response.headers.popall("Content-Type", None)


async def handle_admin(request: web.Request) -> web.StreamResponse:
    """Answer a call of the admin API."""
    # Its libraries are on the start-up list: tests of apps never call it.
    from skylogin.admin import endpoint  # noqa: PLC0415
    from skylogin.admin import routes as running  # noqa: PLC0415

    services = request.app[SERVICES]
    address = _address(request, services.settings)
    return await endpoint.answer(request, services, address, running.HANDLERS)


async def handle_portal(request: web.Request) -> web.StreamResponse:
    """Answer with a page of the portal."""
    # So are these.
    from skylogin.portal import endpoint, routes  # noqa: PLC0415

    if request.path == "/portal":
        return web.Response(status=308, headers={"Location": endpoint.BASE})
    services = request.app[SERVICES]
    address = _address(request, services.settings)
    return await endpoint.answer(request, services, address, routes.ROUTES)


# --- for whoever runs the server ----------------------------------------------


async def healthz(request: web.Request) -> web.Response:
    """Say that the process answers."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """Say whether the database can be written; what goes wrong is logged, not shown."""
    try:
        await _try_to_write(request.app[SERVICES])
    except Exception:
        logger.exception("not ready")
        return web.Response(status=503, text="the database cannot be written\n")
    return web.Response(text="ok\n")


class _TakenBack(Exception):
    """Ends a transaction that only tries."""


async def _try_to_write(services: Services) -> None:
    async def write(tx: Transaction) -> None:
        await apps.write_setting(tx, services.settings.app_name, "readyz", "tried")
        raise _TakenBack

    try:
        await services.store.run(write)
    except _TakenBack:
        return
