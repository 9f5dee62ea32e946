"""`/metrics`, in the text format of Prometheus.

Without a token it is for programs on this machine only: the clients of a proxy, and pages of
other sites in a browser on this machine, get 404.
"""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

from aiohttp import web

from skylogin.actions import table
from skylogin.config import Settings
from skylogin.domain import hosts, limit_table, login_attempt, secret_text
from skylogin.http import origin
from skylogin.metrics import ANONYMOUS, Metrics
from skylogin.web import listening
from skylogin.web.connections import Connections
from skylogin.web.keys import SERVICES

STOP_SECONDS_MAX = 1
REFRESH_SECONDS = 1.0
FORWARDED = ("forwarded", "via", "x-real-ip")
BEARER = "Bearer "


def make_metrics(workers: int = 1, memory: int = ANONYMOUS) -> Metrics:
    """Return the metrics of a server with this number of *workers*, which share *memory*."""
    limits = [limit.name for limit in limit_table.LIMITS]
    return Metrics(table.ACTIONS, login_attempt.OUTCOMES, limits, workers, memory)


async def refresh(metrics: Metrics) -> None:
    """Keep updating this process's gauges, for the other processes to read."""
    while True:
        metrics.refresh()
        await asyncio.sleep(REFRESH_SECONDS)


async def answer(request: web.Request) -> web.Response:
    """Answer with the numbers of all workers, unless the client may not see them."""
    services = request.app[SERVICES]
    if request.method == "OPTIONS":
        # No headers of CORS: pages have no use for the numbers.
        return web.Response()
    if services.settings.metrics_port is not None:
        return _refuse(HTTPStatus.NOT_FOUND)
    return _answer(request, services.settings, services.metrics)


def _answer(request: web.Request, settings: Settings, metrics: Metrics) -> web.Response:
    token = settings.metrics_token
    if token:
        given = request.headers.get("Authorization", "")
        if not secret_text.is_same(given, f"{BEARER}{token}"):
            return _refuse(HTTPStatus.FORBIDDEN)
    elif not _is_from_here(request):
        return _refuse(HTTPStatus.NOT_FOUND)
    # On the start-up list: most servers are never asked.
    from skylogin.web import metrics_text  # noqa: PLC0415

    text = metrics_text.write(metrics, settings.database_kind)
    return web.Response(body=text, headers={"Content-Type": metrics_text.CONTENT_TYPE})


@asynccontextmanager
async def on_its_port(
    current: Callable[[], Settings],
    metrics: Metrics,
    connections: Connections,
    tls: ssl.SSLContext | None,
) -> AsyncIterator[str]:
    """Answer on the port that the settings name, if any. Yields its URL, or an empty text.

    *current* returns the settings, whose token may change.
    """
    settings = current()
    if settings.metrics_port is None:
        yield ""
        return

    async def answer(request: web.Request) -> web.Response:
        if request.path.lower().strip("/") != "metrics":
            return _refuse(HTTPStatus.NOT_FOUND)
        return _answer(request, current(), metrics)

    application = web.Application()
    application.router.add_route("*", r"/{path:[\s\S]*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=STOP_SECONDS_MAX)
    await runner.setup()
    assert runner.server is not None
    try:
        make_protocol = functools.partial(connections.wrap, runner.server)
        host, _ = settings.address()
        server = await listening.listen(
            make_protocol, (host, settings.metrics_port), connections.accepted_at_once, tls
        )
        url, _ = listening.url_of(server, settings.scheme)
        try:
            yield f"{url}metrics"
        finally:
            server.close()
    finally:
        await runner.cleanup()


def _refuse(status: HTTPStatus) -> web.Response:
    return web.Response(status=status, text=f"{status.phrase.lower()}\n")


def _is_from_here(request: web.Request) -> bool:
    """Return whether a program on this machine asks, by a loopback name and without a proxy."""
    names = [name.lower() for name in request.headers]
    if any(name in FORWARDED or name.startswith("x-forwarded-") for name in names):
        return False
    # Any other name comes from a page of another site, or through a proxy.
    by_own_name = origin.is_on_loopback(f"http://{request.host}")
    return by_own_name and hosts.is_loopback(request.remote or "")
