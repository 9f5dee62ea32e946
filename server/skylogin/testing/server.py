"""Servers for tests: one of our own in a thread of this process, or one that runs already."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from skylogin.client.admin_api import AdminClient, HttpLine
from skylogin.client.connections import Connections
from skylogin.clock import system_now
from skylogin.testing.app import SkyloginApp

if TYPE_CHECKING:
    from skylogin.web.server import Running

START_SECONDS_MAX = 30
CUSTOMARY_MASTER_KEY = "secret"


class RunningServer:
    """A `skylogin dev` that somebody else has started. *url* is the server's, not an app's."""

    def __init__(self, url: str, admin_token: str = CUSTOMARY_MASTER_KEY) -> None:
        self._connections = Connections(url)
        self._line = HttpLine(self._connections, admin_token)

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
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="skylogin", daemon=True)
        self._stack = AsyncExitStack()
        self._running: Running | None = None
        self._client: RunningServer | None = None

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
            self._client = RunningServer(self.url, settings.admin_token or settings.master_key)
        return self._client.app(name or settings.app_name)

    def _facts(self) -> "Running":
        if self._running is None:
            raise RuntimeError("the server does not run: use it in a `with` block")
        return self._running

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._wait_for(self._start(), START_SECONDS_MAX)
        except BaseException:
            self._end()
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
        try:
            self._wait_for(self._stack.aclose(), None)
        finally:
            self._end()
            self._running = self._client = None

    def _wait_for(self, work: Coroutine[Any, Any, None], seconds: float | None) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        # The server's own imports are on the start-up list: a run against a server that runs
        # already needs none of them.
        from skylogin import config  # noqa: PLC0415
        from skylogin.web import server  # noqa: PLC0415

        settings = config.read(self._environment, config.DEV)
        ephemeral = not settings.database_url
        self._running = await self._stack.enter_async_context(
            server.running(settings, ephemeral=ephemeral, now=self._now)
        )
