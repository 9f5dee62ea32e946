"""Running a server: open its database, listen, report that it is ready, stop cleanly.

The commands, `skylogin exec` and the servers of tests all start this one.
"""

import asyncio
import functools
import json
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from skylogin.actions.services import Services
from skylogin.apps import token_stores
from skylogin.clock import monotonic, system_now
from skylogin.config import DEV, ConfigurationError, Settings
from skylogin.database import Store
from skylogin.errors import SkygearError
from skylogin.metrics import Metrics
from skylogin.pubsub.relay import Relay
from skylogin.store.apps import KeysTakenError
from skylogin.web import database_file, database_setup, listening, metrics_page, tls
from skylogin.web.application import make_application
from skylogin.web.connections import Connections
from skylogin.web.keys import SERVICES
from skylogin.web.malformed_requests import MalformedRequests
from skylogin.web.tls import Certificate

if TYPE_CHECKING:
    from skylogin.traces import Traces

http_logger = logging.getLogger("skylogin.http")

T = TypeVar("T")

STOP_SECONDS_MAX = 10
DRAIN_SECONDS_MAX = 0.25
# How long a query may take after the server has begun to stop.
QUERY_SECONDS_MAX = 1
ACCEPT_SECONDS = 0.01
# aiohttp looks a path up once for each of its slashes: the time grows with the square.
LINE_BYTES_MAX = 16_384
HEADER_BYTES_MAX = 65_536
RUNNER_OPTIONS: dict[str, Any] = {
    "access_log": None,
    "logger": http_logger,
    "handle_signals": False,
    # The original does not decompress bodies, so a compressed one is not JSON.
    "auto_decompress": False,
    "shutdown_timeout": STOP_SECONDS_MAX,
    "max_line_size": LINE_BYTES_MAX,
    "max_field_size": HEADER_BYTES_MAX,
}


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run *main* in an event loop of its own, and return its result.

    It uses uvloop if that is installed: it is faster, and its timers continue even if a test in
    the same process freezes Python's time.
    """
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.run(main)
    return uvloop.run(main)


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections. *url* ends with a slash."""

    url: str
    port: int
    settings: Settings
    custom_token_secret: str
    store: Store
    services: Services
    # Empty unless the numbers have a port of their own.
    metrics_url: str = ""
    certificate: Certificate | None = None

    @property
    def portal(self) -> str | None:
        """Return the URL of the portal, None if it is off."""
        has_portal = self.settings.mode == DEV or self.settings.admin_password
        return f"{self.url}portal/" if has_portal else None

    def ready_line(self) -> str:
        """Return the ready line, one line of JSON. The ready file contains it as well."""
        return json.dumps(self.facts())

    def facts(self) -> dict[str, object]:
        """Return what a client needs to know; under `dev`, also the master key and the secret."""
        settings = self.settings
        facts: dict[str, object] = {
            "url": self.url,
            "port": self.port,
            "pid": os.getpid(),
            "app": settings.app_name,
            "api_key": settings.api_key,
            "portal": self.portal,
        }
        if self.metrics_url:
            facts["metrics"] = self.metrics_url
        if settings.mode == DEV:
            facts["master_key"] = settings.master_key
            facts["custom_token_secret"] = self.custom_token_secret
        return facts


@asynccontextmanager
async def running(  # noqa: PLR0913
    settings: Settings,
    *,
    ephemeral: bool = False,
    migrate: bool = False,
    now: Callable[[], datetime] = system_now,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
    listens_on: socket.socket | None = None,
    metrics: Metrics | None = None,
    traces: "Traces | None" = None,
    relay: Relay | None = None,
) -> AsyncIterator[Running]:
    """Run a server until the block ends, then let calls in flight finish.

    An *ephemeral* server has its embedded database in a directory that is deleted at the end.
    *migrate* upgrades the database of an older version. *prepare* is called before the server
    listens, on the socket *listens_on* or else on the address in *settings*. *metrics* may be
    shared with other workers, and *relay* passes websocket messages on to them.
    Raises ConfigurationError if the server cannot run.
    """
    problems: list[str] = []
    certificate = None
    with _noting(problems):
        listening.check_reach(settings)
    with _noting(problems):
        certificate = tls.certificate_of(settings)
    problems += filter(None, [await token_stores.find_problem(settings)])
    if problems and (migrate or settings.database_kind == "sqlite"):
        # A server that cannot run changes no database.
        raise ConfigurationError(problems)
    async with AsyncExitStack() as at_end:
        ephemeral = ephemeral and not settings.database_url
        if ephemeral:
            url, lock = at_end.enter_context(database_setup.ephemeral_url()), None
        else:
            url = settings.database_url or settings.embedded_url
            lock = at_end.enter_context(database_file.locked(url))
        store = Store(
            url,
            durable=not ephemeral,
            query_seconds=max(0, settings.response_timeout_seconds),
            has_test_clocks=settings.mode == DEV,
            metrics=metrics or metrics_page.make_metrics(),
        )
        store.traces = traces
        at_end.push_async_callback(store.close)
        with _noting(problems):
            await database_setup.prepare_tables(store, settings, migrate=migrate)
        if problems:
            raise ConfigurationError(problems)
        await at_end.enter_async_context(database_file.owned(lock, store))
        if prepare is not None:
            await prepare(store)
        where = listens_on or settings.address()
        application = make_application(settings, store, now, relay)
        async with _listening(application, settings, store, where, certificate) as server:
            yield server


@contextmanager
def _noting(problems: list[str]) -> Iterator[None]:
    """Collect the problems of the block, so that all are reported at once."""
    try:
        yield
    except ConfigurationError as error:
        problems += error.problems


@asynccontextmanager
async def _listening(
    application: web.Application,
    settings: Settings,
    store: Store,
    where: tuple[str, int] | socket.socket,
    certificate: Certificate | None,
) -> AsyncIterator[Running]:
    # A call is dropped from its batch if its client disconnects before the batch begins.
    runner = web.AppRunner(application, handler_cancellation=True, **RUNNER_OPTIONS)
    try:
        try:
            await runner.setup()
            assert runner.server is not None
            connections = Connections(
                settings.connections_max,
                settings.connections_per_address_max,
                settings.trusted_proxies,
            )
            store.metrics.connections.follow(lambda: connections.count)
            store.metrics.turned_away.follow(lambda: connections.turned_away)
            asyncio.get_running_loop().set_exception_handler(connections.handle_error)
            make_protocol = functools.partial(connections.wrap, runner.server)
            context = None if certificate is None else certificate.context
            server = await listening.listen(
                make_protocol, where, connections.accepted_at_once, context
            )
        except KeysTakenError as error:
            raise ConfigurationError([str(error)]) from error
        except SkygearError as error:
            raise ConfigurationError([error.explanation]) from error
        background = [
            asyncio.create_task(connections.close_silent()),
            asyncio.create_task(metrics_page.refresh(store.metrics)),
        ]
        try:
            services = application[SERVICES]
            url, port = listening.url_of(server, settings.scheme)
            secret = next(iter(await services.app.secrets.texts(services.now())), "")
            async with _metrics_port(services, connections, context) as metrics_url:
                yield Running(
                    url, port, settings, secret, store, services, metrics_url, certificate
                )
        finally:
            for task in background:
                task.cancel()
            await _stop_accepting(server)
            services.stopping.set()
            await _drain(runner)
    finally:
        loop = asyncio.get_running_loop()
        end_queries = loop.call_later(QUERY_SECONDS_MAX, store.end_queries)
        give_up = loop.call_later(STOP_SECONDS_MAX, store.give_up)
        try:
            await runner.cleanup()
        finally:
            end_queries.cancel()
            give_up.cancel()


def _metrics_port(
    services: Services, connections: Connections, context: ssl.SSLContext | None
) -> AbstractAsyncContextManager[str]:
    if len(services.metrics.rows) > 1:
        # The parent of several workers answers there.
        return nullcontext("")
    return metrics_page.on_its_port(
        lambda: services.settings, services.metrics, connections, context
    )


async def _stop_accepting(server: asyncio.Server) -> None:
    """Close the listening sockets once the connections they accepted are made.

    asyncio accepts a connection in one turn of the loop and makes its transport in the
    next. A server that is closed between the two never closes that connection
    (python/cpython#109564).
    """
    for one in server.sockets:
        asyncio.get_running_loop().remove_reader(one)
    await asyncio.sleep(ACCEPT_SECONDS)
    server.close()


async def _drain(runner: web.AppRunner) -> None:
    """Wait briefly for open connections to close after their next answer.

    A client may be sending its next call on a connection that was kept open. If the server
    closed it, the client could not know whether the call was carried out.
    """
    deadline = monotonic() + DRAIN_SECONDS_MAX
    while runner.server is not None and runner.server.connections:
        if monotonic() >= deadline:
            return
        await asyncio.sleep(DRAIN_SECONDS_MAX / 25)


http_logger.addFilter(MalformedRequests())
