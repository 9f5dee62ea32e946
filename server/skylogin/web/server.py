"""Running a server: open the database, listen, say that it is ready, stop cleanly.

The command line, the tests and `skylogin exec` all start this one.
"""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from skylogin import config
from skylogin.actions.services import Services
from skylogin.apps.token_secrets import accepted_texts
from skylogin.clock import system_now
from skylogin.config import DEV, SERVE, SQLITE_PREFIX, ConfigurationError, Settings
from skylogin.database import Store, open_store, tables
from skylogin.domain.stored_names import EVERY_APP
from skylogin.errors import SkygearError
from skylogin.store import apps, secrets
from skylogin.web.application import make_application
from skylogin.web.keys import SERVICES, STOPPING

logger = logging.getLogger("skylogin.server")
http_logger = logging.getLogger("skylogin.http")

STOP_SECONDS_MAX = 10
DRAIN_SECONDS_MAX = 0.25
HEADER_BYTES_MAX = 65536
RUNNER_OPTIONS: dict[str, Any] = {
    "access_log": None,
    "logger": http_logger,
    "handle_signals": False,
    # The original does not decompress a body, and so finds no JSON in it.
    "auto_decompress": False,
    "shutdown_timeout": STOP_SECONDS_MAX,
    "max_line_size": HEADER_BYTES_MAX,
    "max_field_size": HEADER_BYTES_MAX,
}
KEEPER = 'cd / && read -r line; rm -rf -- "$1"'


@dataclass(frozen=True, slots=True)
class Running:
    """A server that accepts connections. *url* ends with a slash."""

    url: str
    port: int
    settings: Settings
    custom_token_secret: str
    store: Store
    services: Services

    @property
    def portal(self) -> str | None:
        """Return the URL of the portal, None where there is none."""
        is_there = self.settings.mode == DEV or self.settings.admin_password
        return f"{self.url}portal/" if is_there else None

    def ready_line(self) -> str:
        """Return what the ready line and the ready file say: one line of JSON."""
        settings = self.settings
        facts: dict[str, object] = {
            "url": self.url,
            "port": self.port,
            "pid": os.getpid(),
            "app": settings.app_name,
            "api_key": settings.api_key,
            "portal": self.portal,
        }
        if settings.mode == DEV:
            facts["master_key"] = settings.master_key
            facts["custom_token_secret"] = self.custom_token_secret
        return json.dumps(facts)


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    ephemeral: bool = False,
    migrate: bool = False,
    now: Callable[[], datetime] = system_now,
    prepare: Callable[[Store], Awaitable[None]] | None = None,
) -> AsyncIterator[Running]:
    """Run a server until the block ends; then calls in flight finish, and nothing is left.

    *ephemeral* keeps the embedded database in a folder of its own that goes away
    with the server. *migrate* brings a database of an older version up to date, *prepare*
    is called before anybody else can reach it.
    Raises ConfigurationError where it cannot run.
    """
    with ExitStack() as stack:
        url = settings.database_url or stack.enter_context(_embedded(settings, ephemeral))
        if url.startswith(SQLITE_PREFIX):
            stack.enter_context(_only_server(Path(url.removeprefix(SQLITE_PREFIX))))
        store = open_store(url, durable=bool(settings.database_url) or not ephemeral)
        try:
            await _check_database(store, settings, migrate=migrate)
            if prepare is not None:
                await prepare(store)
            async with _listening(settings, store, now) as runner:
                secret = settings.custom_token_secret
                if secret is None:
                    secret = await _newest_secret(store, settings.app_name, now())
                url, port = _url_of(runner)
                yield Running(url, port, settings, secret, store, runner.app[SERVICES])
        finally:
            await store.close()


@contextmanager
def _embedded(settings: Settings, ephemeral: bool) -> Iterator[str]:
    if not ephemeral:
        yield settings.embedded_url
        return
    folder = tempfile.mkdtemp(prefix="skylogin-")
    # The folder goes away even where this process is killed: the keeper sees its input end.
    with subprocess.Popen(
        ["/bin/sh", "-c", KEEPER, "skylogin-keeper", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A signal from the terminal is for the server, which then stops.
        start_new_session=True,
    ):
        try:
            yield f"{SQLITE_PREFIX}{folder}/skylogin.db"
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _only_server(path: Path) -> Iterator[None]:
    """Hold the lock that keeps a second server from the same SQLite file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = _take_lock(Path(f"{path}.lock"))
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror}"]) from error
    try:
        yield
    finally:
        Path(f"{path}.lock").unlink(missing_ok=True)
        os.close(lock)


def _take_lock(path: Path) -> int:
    """Return the open, locked file. Raises ConfigurationError where another server holds it.

    The file goes away with its server, so what was opened may be gone by the
    time the lock is had: then it is opened again.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        except BlockingIOError:
            os.close(lock)
            database = str(path).removesuffix(".lock")
            fault = f"another skylogin serves {database}; stop it, or use another database"
            raise ConfigurationError([fault]) from None
        os.close(lock)


async def _check_database(store: Store, settings: Settings, *, migrate: bool) -> None:
    """Make or check the tables. Raises ConfigurationError where this server must not run."""
    try:
        version = await store.version()
    except Exception as error:
        raise ConfigurationError([cannot_open(error)]) from error
    if version is None and (settings.mode == DEV or migrate or store.dialect == "sqlite"):
        await store.create()
    elif version != tables.VERSION:
        if not (migrate or store.dialect == "sqlite" or settings.mode == DEV) or version is None:
            have = "is empty" if version is None else f"has version {version}"
            fault = f"the database {have}, this skylogin needs {tables.VERSION}"
            raise ConfigurationError([f"{fault}: run `skylogin migrate`"])
        # Alembic is on the start-up list.
        from skylogin.database import migrate as migrating  # noqa: PLC0415

        try:
            await migrating.upgrade(store)
        except Exception as error:
            fault = (
                f"the database has version {version}, which this skylogin cannot bring up to date"
            )
            raise ConfigurationError([f"{fault}: {error}"]) from error
    await _check_deployment(store, settings)


def cannot_open(error: Exception) -> str:
    """Return a sentence on a database that cannot be used, without a password in it."""
    return f"the database cannot be opened: {in_one_line(error)}"


def in_one_line(error: Exception) -> str:
    """Return what *error* is: the rest of a driver's text may hold what nobody should see."""
    first_line = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first_line}"


async def _check_deployment(store: Store, settings: Settings) -> None:
    """Mark a database that `serve` uses; refuse it to `dev`, whose tests may empty it."""
    if settings.mode == SERVE:
        await store.run(lambda tx: apps.keep_setting(tx, EVERY_APP, apps.DEPLOYMENT, SERVE))
        return
    mark = await store.run(lambda tx: apps.read_setting(tx, EVERY_APP, apps.DEPLOYMENT))
    if mark == SERVE:
        fault = "this database belongs to `skylogin serve`; `skylogin dev` does not touch it"
        raise ConfigurationError([fault])


@asynccontextmanager
async def _listening(
    settings: Settings, store: Store, now: Callable[[], datetime]
) -> AsyncIterator[web.AppRunner]:
    host, port = settings.address()
    application = make_application(settings, store, now)
    # A caller that hangs up before its batch begins is dropped from it.
    runner = web.AppRunner(application, handler_cancellation=True, **RUNNER_OPTIONS)
    try:
        try:
            await runner.setup()
            site = web.TCPSite(runner, host or None, port)
            await site.start()
        except apps.KeysTakenError as error:
            raise ConfigurationError([str(error)]) from error
        except OSError as error:
            fault = f"cannot listen on {host or '*'}:{port}: {error.strerror or error}"
            raise ConfigurationError([fault]) from error
        yield runner
        await site.stop()
        application[STOPPING].set()
        await _drain(runner)
    finally:
        await runner.cleanup()


async def _drain(runner: web.AppRunner) -> None:
    """Let connections end with an answer, for a moment.

    A client that keeps its connection may just be sending its next call: were the connection
    closed meanwhile, it could not know what became of that.
    """
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while runner.server is not None and runner.server.connections:
        if time.monotonic() >= deadline:
            return
        await asyncio.sleep(DRAIN_SECONDS_MAX / 25)


def _hide_what_is_no_http(record: logging.LogRecord) -> bool:
    """Log a malformed request in one line: what aiohttp quotes of it may be a key."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg = "a request that is no HTTP was refused: %s"
        record.args = (type(error).__name__,)
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


http_logger.addFilter(_hide_what_is_no_http)


async def _newest_secret(store: Store, app: str, now: datetime) -> str:
    try:
        stored = await store.run(lambda tx: secrets.load(tx, app))
    except SkygearError:
        return ""
    return next(iter(accepted_texts(stored, now)), "")


def _url_of(runner: web.AppRunner) -> tuple[str, int]:
    # Who listens on both kinds of address is reached at the one that is there everywhere.
    host, port = min(runner.addresses, key=lambda address: ":" in address[0])[:2]
    return config.url_of(host, port), port
