"""A server for tests, in a thread of this process."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from skylogin import config, server
from skylogin.clock import system_now

START_SECONDS_MAX = 30


class SkyloginServer:
    """A `skylogin dev` on a free port, from the beginning of a `with` block to its end.

    *environment* is what its environment variables would say; the process's own
    and `.env` are not looked at. *database* is a URL; without one the server
    keeps an SQLite file in a folder that goes away with it.
    """

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        database: str | None = None,
        now: Callable[[], datetime] = system_now,
    ) -> None:
        self._environment = {"HOST": "127.0.0.1:0", **(environment or {})}
        self._database = database
        self._now = now
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._running: server.Running | None = None
        self._thread = threading.Thread(target=self._run, name="skylogin", daemon=True)

    @property
    def url(self) -> str:
        """Return the server's URL, without a slash at the end."""
        return self._facts().url.rstrip("/")

    @property
    def custom_token_secret(self) -> str:
        """Return the secret that custom tokens have to be signed with."""
        return self._facts().custom_token_secret

    def _facts(self) -> server.Running:
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
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._running = None

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with tempfile.TemporaryDirectory(prefix="skylogin-") as folder:
            database = self._database or f"sqlite:///{Path(folder) / 'skylogin.db'}"
            environment = {**self._environment, "DATABASE_URL": database}
            settings = config.read(environment, config.DEV)
            async with server.running(settings, now=self._now) as running:
                self._running = running
                self._started.set()
                await self._stop.wait()
