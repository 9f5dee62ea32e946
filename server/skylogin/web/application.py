"""The aiohttp application: its routes, its life cycle, and the headers of every answer."""

import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from datetime import datetime

from aiohttp import HttpVersion10, web
from aiohttp.typedefs import Handler

from skylogin.actions import table
from skylogin.actions.services import Services, open_services
from skylogin.apps import names
from skylogin.clock import monotonic, system_now
from skylogin.config import DEV, Settings
from skylogin.database import Store
from skylogin.domain.limit_table import SUBSCRIPTIONS
from skylogin.http import event_stream, fault_answers, forwarding, request_log
from skylogin.http.bodies import Bodies
from skylogin.http.forwarding import Client, client_of
from skylogin.pubsub.relay import Relay
from skylogin.pubsub.websocket import PubSub
from skylogin.web import action_endpoint, health, metrics_page
from skylogin.web.connections import Connection, connection_of
from skylogin.web.keys import BODIES, PUBSUB, SERVICES

OPERATORS_PATHS = {
    "healthz": health.healthz,
    "readyz": health.readyz,
    "metrics": metrics_page.answer,
}
HEALTH = (health.healthz, health.readyz)
# Where an app under `skylogin dev` gets custom tokens without an authentication server.
ISSUER = r"(?:apps/[^/]+/)?_issuer/token"


def make_application(
    settings: Settings,
    store: Store,
    now: Callable[[], datetime] = system_now,
    relay: Relay | None = None,
) -> web.Application:
    """Return the application for a database whose tables exist.

    *relay* passes websocket messages on to other workers.
    """
    application = web.Application(
        client_max_size=settings.master_body_bytes_max, middlewares=[_watch]
    )
    application.cleanup_ctx.append(functools.partial(_run_services, settings, store, now))
    application[health.READINESS] = health.Readiness()
    application[forwarding.UNTRUSTED] = set()
    application[PUBSUB] = PubSub(settings.pubsub_message_bytes_max)
    if relay is not None:
        application.cleanup_ctx.append(functools.partial(_run_relay, relay))
    subscriptions = settings.limit_rules.get(SUBSCRIPTIONS)
    if subscriptions is not None:
        application[PUBSUB].hub.per_source = subscriptions.number
    application.on_shutdown.append(_close_pubsub)
    application.on_response_prepare.append(_prepare_headers)
    application.router.add_route("*", r"/_admin/{path:[\s\S]*}", _answer_admin_call)
    application.router.add_route("*", "/portal", _answer_with_page)
    application.router.add_route("*", r"/portal/{path:[\s\S]*}", _answer_with_page)
    application.router.add_route("*", rf"/{{path:{ISSUER}}}", _answer_issuer_call)
    for path in {"/" + name.replace(":", "/") for name in table.ACTIONS}:
        # aiohttp looks plain paths up in a table, but tries patterns one by one.
        application.router.add_route("*", path, action_endpoint.answer)
    for name, answer in OPERATORS_PATHS.items():
        # In any case, or with a slash at its end: as a call, it would always be answered with 200.
        application.router.add_route("*", f"/{{path:(?i:{name})/?}}", answer)
    application.router.add_route("*", r"/{path:[\s\S]*}", action_endpoint.answer)
    return application


async def _run_services(
    settings: Settings, store: Store, now: Callable[[], datetime], application: web.Application
) -> AsyncIterator[None]:
    async with open_services(settings, store, now) as services:
        application[SERVICES] = services
        application[event_stream.STOPPING] = services.stopping
        pubsub = application[PUBSUB]
        services.metrics.websockets.follow(lambda: pubsub.count)
        services.metrics.channels.follow(pubsub.hub.count_channels)
        with closing(Bodies()) as application[BODIES]:
            yield
        await application[health.READINESS].close()


async def _run_relay(relay: Relay, application: web.Application) -> AsyncIterator[None]:
    pubsub = application[PUBSUB]
    pubsub.relay = relay
    with relay.receiving(pubsub.hub):
        yield


async def _close_pubsub(application: web.Application) -> None:
    await application[PUBSUB].close()


@web.middleware
async def _watch(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell a connection when a request begins and ends, and answer OPTIONS for any target.

    No route matches a target that is not a path, such as `*`.
    """
    if request.method == "OPTIONS" and request.match_info.http_exception is not None:
        handler = action_endpoint.answer
    connection = connection_of(request)
    if connection is None:
        return await handler(request)
    if request.version < HttpVersion10:
        # HTTP/0.9 has no headers and no status: a client cannot tell a refusal from an answer.
        connection.close()
    connection.request_began()
    try:
        if connection.is_spare:
            return await _answer_spare(request, handler, connection)
        return await handler(request)
    finally:
        connection.request_ended()


async def _answer_spare(
    request: web.Request, handler: Handler, connection: Connection
) -> web.StreamResponse:
    """Answer a health check, and nothing else."""
    if request.match_info.handler in HEALTH:
        response = await handler(request)
    else:
        connection.refuse()
        response = action_endpoint.refuse_busy(request, "there are too many connections")
    response.force_close()
    return response


async def _prepare_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Set the headers of every answer, and remove those that only aiohttp adds."""
    fault_answers.set_date(request, response)
    if request.app[SERVICES].stopping.is_set():
        # Each connection ends with its next answer.
        response.force_close()
        response.headers["Connection"] = "close"
    if response.headers.get("Server") != action_endpoint.SERVER:
        response.headers.popall("Server", None)
    if isinstance(response, web.WebSocketResponse):
        response.headers.popall("Date", None)
    if isinstance(response, web.Response) and not response.body:
        response.headers.popall("Content-Type", None)


async def _answer_admin_call(request: web.Request) -> web.StreamResponse:
    # On the start-up list: clients of an app never use it.
    from skylogin.admin import endpoint  # noqa: PLC0415

    return await _answer_operator(request, endpoint.answer)


async def _answer_issuer_call(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    settings = services.settings
    if settings.mode != DEV:
        return await action_endpoint.refuse(request)
    # Also on the start-up list.
    from skylogin.portal import issuer  # noqa: PLC0415

    client = client_of(request, settings)
    name, _ = names.split(request.path, client.host, settings.domain)
    return await issuer.answer(request, services, client, request.app[BODIES], name)


async def _answer_with_page(request: web.Request) -> web.StreamResponse:
    # Also on the start-up list.
    from skylogin.portal import endpoint  # noqa: PLC0415

    if request.method == "OPTIONS":
        # No headers of CORS: other sites have no use for a page.
        return web.Response()
    if request.path == "/portal":
        prefix = client_of(request, request.app[SERVICES].settings).prefix
        return web.Response(status=308, headers={"Location": f"{prefix}/portal/"})
    return await _answer_operator(request, endpoint.answer)


async def _answer_operator(
    request: web.Request,
    answer: Callable[[web.Request, Services, Client], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Answer a request to the portal or the admin API, and log it if a setting says so."""
    services, began = request.app[SERVICES], monotonic()
    response = await answer(request, services, client_of(request, services.settings))
    if request_log.is_on():
        mode = services.settings.mode
        action = request.get(request_log.ACTION, "")
        path = request.path if mode == DEV else request_log.HIDDEN
        facts = {"action": action, "path": path}
        request_log.note(request, response, monotonic() - began, mode, facts)
    return response
