"""Servers for tests: one of our own in a thread of this process, or one that runs already."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from skylogin.clock import system_now
from skylogin.testing.admin_client import AdminClient, HttpLine, Line, Query
from skylogin.testing.app import SkyloginApp
from skylogin.testing.connections import ANSWER_SECONDS_MAX, Connections
from skylogin.testing.refusals import AdminError
from skylogin.testing.turns import LoopClosedError, TurnLoop

if TYPE_CHECKING:
    from skylogin.server import Running

Ask = Callable[[str, str, Query, bytes | None], Coroutine[Any, Any, Any]]
Run = Callable[[Coroutine[Any, Any, Any], float], Any]

START_SECONDS_MAX = 30
LOOPBACK = "127.0.0.1"
CUSTOMARY_MASTER_KEY = "secret"


class RunningServer:
    """A `skylogin dev` that somebody else has started. *url* is the server's, not an app's."""

    def __init__(self, url: str, admin_token: str = CUSTOMARY_MASTER_KEY) -> None:
        self._connections = Connections(url)
        self._line: Line = HttpLine(self._connections, admin_token)

    @property
    def url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return self._connections.url

    def app(self, name: str = "") -> SkyloginApp:
        """Return the app called *name*, which is made where it is not; or the environment's."""
        app = SkyloginApp(self._connections, self._line, name or self.apps()[0])
        # An app is there once its clock was asked for.
        app.clock.now()
        return app

    def apps(self) -> list[str]:
        """Return the names of the apps that there are, that of the environment first."""
        return [app["name"] for app in AdminClient(self._line).get("apps")["apps"]]

    def settings(self) -> dict[str, str]:
        """Return the settings in force, by their variables; secrets are masked."""
        return {
            row["variable"]: row["value"]
            for row in AdminClient(self._line).get("settings")["settings"]
        }

    def close(self) -> None:
        """Close the connections to the server."""
        self._connections.close()


class _ServerHere(RunningServer):
    """The server in a thread of this process: its admin API is asked there, without HTTP."""

    def __init__(self, url: str, admin_token: str, ask: Ask, run: Run) -> None:
        super().__init__(url, admin_token)
        self._line = _LineInProcess(ask, run, self._line)


class _LineInProcess:
    """Asks without HTTP; with it where the server is not of this process, or has ended."""

    def __init__(self, ask: Ask, run: Run, http: Line) -> None:
        self._ask, self._run, self._http = ask, run, http
        self._process = os.getpid()

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        if self._process == os.getpid():
            with suppress(LoopClosedError):
                return self._run(self._ask(method, path, query, data), ANSWER_SECONDS_MAX)
        return self._http.send(method, path, query, data)


class SkyloginServer:
    """A `skylogin dev` on a free port, from the beginning of a `with` block to its end.

    *environment* is what its environment variables would say; the process's own
    and `.env` are not looked at. *database* is a URL; without one the server
    keeps an SQLite file in a folder that goes away with it, also where this
    process is killed.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        database: str | None = None,
        now: Callable[[], datetime] = system_now,
    ) -> None:
        self._environment = {"HOST": "127.0.0.1:0", **(environment or {})}
        if database:
            self._environment["DATABASE_URL"] = database
        self._now = now
        self._started = threading.Event()
        self._loop: TurnLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._running: Running | None = None
        self._ask: Ask | None = None
        self._client: RunningServer | None = None
        self._thread = threading.Thread(target=self._run, name="skylogin", daemon=True)

    @property
    def url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return self._facts().url.rstrip("/")

    @property
    def custom_token_secret(self) -> str:
        """Return the secret that custom tokens have to be signed with."""
        return self._facts().custom_token_secret

    def app(self, name: str = "") -> SkyloginApp:
        """Return the app called *name*, which is made where it is not; or the environment's."""
        settings = self._facts().settings
        if self._client is None:
            assert self._loop is not None
            assert self._ask is not None
            token = settings.admin_token or settings.master_key
            # Where a transaction waits for nothing, a call mostly does not either.
            run = self._loop.run_there if settings.database_url else self._loop.run_here
            self._client = _ServerHere(self.url, token, self._ask, run)
        return self._client.app(name or settings.app_name)

    def _facts(self) -> "Running":
        if self._running is None:
            raise RuntimeError("the server does not run: use it in a `with` block")
        return self._running

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._started.wait(START_SECONDS_MAX):
            raise TimeoutError(f"skylogin did not start within {START_SECONDS_MAX} s")
        if self._error is not None:
            raise self._error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._running = self._client = None

    def _run(self) -> None:
        try:
            self._loop = loop = TurnLoop()
            with loop.hold(), asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        # The server's own imports are on the start-up list: a run against a server that runs
        # already needs none of them.
        from skylogin import config, server  # noqa: PLC0415
        from skylogin.admin import local  # noqa: PLC0415
        from skylogin.admin.call import Problem  # noqa: PLC0415

        async def ask(method: str, path: str, query: Query, data: bytes | None) -> Any:
            services = running.services
            operator = services.operator("admin API", LOOPBACK)
            try:
                return await local.ask(operator, method, path, query, data, services)
            except Problem as problem:
                raise AdminError(problem.status, problem.detail, problem.faults) from None

        self._stop = asyncio.Event()
        settings = config.read(self._environment, config.DEV)
        ephemeral = not settings.database_url
        async with server.running(settings, ephemeral=ephemeral, now=self._now) as running:
            self._running, self._ask = running, ask
            self._started.set()
            await self._stop.wait()
