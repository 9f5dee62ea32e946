"""Servers for tests: one in a thread of this process, or one that is already running."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from skylogin import config
from skylogin.client.admin_api import AdminClient, HttpTransport
from skylogin.client.connections import Connections
from skylogin.clock import system_now
from skylogin.testing.app import SkyloginApp

if TYPE_CHECKING:
    from skylogin.web.server import Running

START_SECONDS_MAX = 30


class RunningServer:
    """A `skylogin dev` that is already running. *url* is the server's, not an app's."""

    def __init__(self, url: str, admin_token: str = config.DEFAULT_MASTER_KEY) -> None:
        self._connections = Connections(url)
        self._transport = HttpTransport(self._connections, admin_token)

    @property
    def url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return self._connections.url

    def app(self, name: str = "") -> SkyloginApp:
        """Return the app called *name*, created if needed; without a name the default app."""
        app = SkyloginApp(self._connections, self._transport, name or self.apps()[0])
        # This creates an app that does not exist.
        app.clock.now()
        return app

    def apps(self) -> list[str]:
        """Return the names of the apps, the default app first."""
        return [app["name"] for app in AdminClient(self._transport).get("apps")["apps"]]

    def settings(self) -> dict[str, str]:
        """Return the values of the settings by variable, with secrets masked."""
        rows = AdminClient(self._transport).get("settings")["settings"]
        return {row["variable"]: row["value"] for row in rows}

    def close(self) -> None:
        """Close the connections to the server."""
        self._connections.close()


class SkyloginServer:
    """A `skylogin dev` on a free port, during a `with` block.

    It reads its settings from *environment*, and neither the variables of this process nor `.env`.
    *database* is a URL. Without one, the server has an SQLite file in a temporary directory, which
    is deleted at the end, even if this process is killed.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        database: str | None = None,
        now: Callable[[], datetime] = system_now,
    ) -> None:
        self._environment = {"HOST": "127.0.0.1:0", **(environment or {})}
        if database:
            self._environment["SKYLOGIN_DATABASE_URL"] = database
        self._now = now
        self._thread: threading.Thread | None = None
        self._started: Future[Running] = Future()
        self._stopping: Future[None] = Future()
        self._running: Running | None = None
        self._client: RunningServer | None = None

    @property
    def url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return self._require_running().url.rstrip("/")

    @property
    def custom_token_secret(self) -> str:
        """Return the secret that signs custom tokens."""
        return self._require_running().custom_token_secret

    def app(self, name: str = "") -> SkyloginApp:
        """Return the app called *name*, created if needed; without a name the default app."""
        if self._client is None:
            self._client = RunningServer(self.url, self._admin_token())
        return self._client.app(name or self._require_running().settings.app_name)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as a running server, for another process."""
        return RunningServer, (self.url, self._admin_token())

    def _admin_token(self) -> str:
        settings = self._require_running().settings
        return settings.admin_token or settings.master_key

    def _require_running(self) -> "Running":
        if self._running is None:
            raise RuntimeError("the server is not running: use it in a `with` block")
        return self._running

    def __enter__(self) -> Self:
        if self._thread is not None:
            raise RuntimeError("the server was already started: make another one")
        self._thread = threading.Thread(target=self._run, name="skylogin", daemon=True)
        self._thread.start()
        try:
            self._running = self._started.result()
        except BaseException:
            self._stop(self._thread)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            self._client.close()
        self._running = self._client = None
        assert self._thread is not None
        self._stop(self._thread)

    def _stop(self, thread: threading.Thread) -> None:
        self._stopping.set_result(None)
        thread.join()

    def _run(self) -> None:
        """Serve, in the server's thread. An error at the start is raised in the test."""
        # On the start-up list: tests with a server that is already running do not need it.
        from skylogin.web import server  # noqa: PLC0415

        try:
            server.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        # On the start-up list: tests with a server that is already running do not need it.
        from skylogin.web import server  # noqa: PLC0415

        settings = config.read(self._environment, config.DEV)
        ephemeral = not settings.database_url
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(START_SECONDS_MAX):
                    running = await stack.enter_async_context(
                        server.running(settings, ephemeral=ephemeral, now=self._now)
                    )
            except TimeoutError as error:
                text = f"skylogin did not start within {START_SECONDS_MAX} s"
                raise TimeoutError(text) from error
            self._started.set_result(running)
            await asyncio.wrap_future(self._stopping)
