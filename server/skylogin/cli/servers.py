"""The commands that run a server, wait for one, or prepare its database."""

import asyncio
import functools
import gc
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    contextmanager,
    nullcontext,
    suppress,
)
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

import skylogin
from skylogin import config
from skylogin.cli import parent_process, project_file, service_manager, tracing
from skylogin.cli import workers as worker_processes
from skylogin.cli.environment import (
    Database,
    Given,
    OwnDatabase,
    migration_settings,
    server_settings,
    settings_now,
    settings_without_database,
)
from skylogin.cli.output import AsJson, fail, print_json, print_notes, print_result, say, whole_file
from skylogin.cli.seeding import SeedFiles, Seeding
from skylogin.cli.workers import Workers
from skylogin.config import DEV, SERVE, ConfigurationError, Settings
from skylogin.database import Store, tables
from skylogin.web import database_setup, reload, server

WORKERS_MAX = 256
Served = TypeVar("Served", server.Running, Workers)

Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 for any free port.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
ReadyFile = Annotated[
    Path | None, typer.Option(help="File to write the ready line to when the server is ready.")
]


def dev(  # noqa: PLR0913, PLR0917
    port: Port = None,
    host: Host = None,
    database: OwnDatabase = None,
    ephemeral: Annotated[
        bool, typer.Option(help="Delete the database when the server stops.")
    ] = False,
    isolated: Annotated[
        bool,
        typer.Option(
            help="Start like `skylogin exec`: read no .env and only SKYLOGIN_… variables, "
            "and delete the database at the end unless it is named."
        ),
    ] = False,
    given: Given = None,
    seed: SeedFiles = None,
    ready_file: ReadyFile = None,
    exit_with_parent: Annotated[
        bool, typer.Option(help="Stop when standard input closes, as when the parent process ends.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the ready line as JSON, even on a terminal.")
    ] = False,
) -> None:
    """Run a server for integration tests and local development, on loopback."""
    if exit_with_parent:
        parent_process.check_end_is_noticed()
    for_people = sys.stdout.isatty() and not as_json
    project = project_file.read()
    settings = server_settings(
        DEV,
        isolated=isolated,
        given=given or (),
        calls_shown=for_people,
        project=project.settings if project else {},
        PORT=port,
        HOST=host,
        SKYLOGIN_DATABASE_URL=database,
    )
    if ephemeral and settings.database_url:
        fail("--ephemeral uses an embedded database; it cannot be combined with a database URL")
    seeding = Seeding(settings, seed, project)
    ephemeral = ephemeral or (isolated and not settings.database_url)
    starting = seeding.running(ephemeral=ephemeral)
    show = _show_banner if for_people else _show_ready_line
    serving = _serve(starting, ready_file, show, exit_with_parent=exit_with_parent)
    raise SystemExit(server.run(serving))


def _show_ready_line(running: server.Running | Workers) -> None:
    say(running.ready_line(), flush=True)


def _show_banner(running: server.Running) -> None:
    """Show a person what a client needs."""
    about = {
        "url": "endpoint",
        "api_key": "API key",
        "master_key": "master key",
        "custom_token_secret": "custom token secret",
        "portal": "portal",
        "issuer": "login page",
    }
    facts = running.facts()
    facts["issuer"] = f"{facts['url']}_issuer/token"
    say(f"skylogin {skylogin.__version__} is ready. Ctrl-C stops it.", "")
    say(*(f"  {text:<21}{facts[name]}" for name, text in about.items()), "", flush=True)


def serve(  # noqa: PLR0913, PLR0917
    port: Port = None,
    host: Host = None,
    database: Database = None,
    migrate: Annotated[bool, typer.Option(help="Migrate the database first.")] = False,
    ready_file: ReadyFile = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=WORKERS_MAX, help="Number of worker processes; PostgreSQL only."),
    ] = 1,
    worker: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Run a server for production. Keys and database must be set."""
    flags: dict[str, Any] = {"PORT": port, "HOST": host, "SKYLOGIN_DATABASE_URL": database}
    settings = server_settings(SERVE, worker=bool(worker), **flags)
    read = functools.partial(settings_now, SERVE, **flags)
    if not worker:
        print_notes(config.notes(settings))
    if workers > 1 and not worker:
        raise SystemExit(_supervise(settings, workers, ready_file, read))
    with tracing.sending() as traces:
        start = functools.partial(server.running, settings, traces=traces)
        if worker:
            share = worker_processes.Share.read(worker)
            starting = start(
                migrate=migrate and share.migrates,
                listens_on=share.socket(),
                metrics=share.metrics(),
                relay=share.relay(),
            )
            # The ready file is the parent's.
            ready_file = None
        else:
            starting = start(migrate=migrate, listens_on=service_manager.given_socket())
        serving = _serve(
            starting,
            ready_file,
            _show_ready_line,
            exit_with_parent=bool(worker),
            on_hang_up=lambda running: reload.reload(running.services, running.certificate, read),
        )
        raise SystemExit(server.run(serving))


def _supervise(
    settings: Settings, count: int, ready_file: Path | None, read: Callable[[], Settings]
) -> int:
    """Run several workers until a signal ends them, and return the exit code."""
    starting = worker_processes.running(settings, count, service_manager.given_socket())
    hang_up = functools.partial(Workers.hang_up, read=read)
    serving = _serve(starting, ready_file, _show_ready_line, on_hang_up=hang_up)
    try:
        return server.run(serving)
    except worker_processes.WorkerEndedError as error:
        return error.code


async def _serve(
    starting: AbstractAsyncContextManager[Served],
    ready_file: Path | None,
    show: Callable[[Served], None],
    *,
    exit_with_parent: bool = False,
    on_hang_up: Callable[[Served], None] | None = None,
) -> int:
    """Run a server until a signal ends it. SIGHUP calls *on_hang_up*, if given."""
    stop, hang_up = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if on_hang_up is not None:
        loop.add_signal_handler(signal.SIGHUP, hang_up.set)
    ends = parent_process.setting_when_ended(stop) if exit_with_parent else nullcontext()
    async with starting as running:
        # Objects that exist now stay; the garbage collector can skip them.
        gc.freeze()
        with _ready_file(ready_file, running.ready_line()), ends:
            show(running)
            service_manager.notify(service_manager.READY)
            beside = [asyncio.create_task(service_manager.feed_watchdog())]
            if on_hang_up is not None:
                renew = functools.partial(on_hang_up, running)
                beside.append(asyncio.create_task(_reload_at(hang_up, renew)))
            await stop.wait()
            service_manager.notify(service_manager.STOPPING)
            for task in beside:
                task.cancel()
    return 0


async def _reload_at(signals: asyncio.Event, renew: Callable[[], None]) -> None:
    """Reload whenever there is a signal."""
    while await signals.wait():
        signals.clear()
        service_manager.notify_of_reload()
        renew()
        service_manager.notify(service_manager.READY)


@contextmanager
def _ready_file(path: Path | None, line: str) -> Iterator[None]:
    """Write *line* to the file *path*, if given, and delete the file after the block."""
    if path is None:
        yield
        return
    try:
        with whole_file(path) as file:
            file.write(f"{line}\n".encode())
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    try:
        yield
    finally:
        if path.is_file():
            path.unlink(missing_ok=True)


def wait(
    url: Annotated[
        str, typer.Argument(help="The server's URL; default: HOST and PORT.", show_default=False)
    ] = "",
    ready_file: Annotated[Path | None, typer.Option(help="The server's --ready-file.")] = None,
    timeout: Annotated[float, typer.Option(help="The maximum number of seconds to wait.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Wait until a server is ready and can write to its database."""
    from skylogin.client import readiness  # noqa: PLC0415

    if ready_file is not None:
        if url:
            fail("give either a URL or --ready-file, not both")
        file = ready_file
        problem = readiness.wait_until_ready(
            lambda: readiness.url_in(file), timeout, _own_certificate()
        )
    else:
        named = url
        url = url or _listening_url()
        if not url.startswith(("http://", "https://")):
            fail(f"{url} is not the URL of a server: it must begin with http:// or https://")
        own = "" if named else _own_certificate()
        problem = readiness.wait_until_ready(lambda: url, timeout, own)
        if problem and not named:
            problem += " (the URL is from HOST and PORT)"
    if problem:
        fail(f"{ready_file or url} is not ready after {timeout:g} s: {problem}")
    if as_json:
        print_json({"ready": True, "url": readiness.url_in(ready_file) if ready_file else url})


def _listening_url() -> str:
    """Return the URL of a server with this environment."""
    # Read as `dev`, which needs no keys: only the address matters.
    settings = settings_without_database()
    host, port = settings.address()
    if port == 0:
        fail("PORT is 0, any free port: give the server's URL or its --ready-file")
    return config.url_of(host, port, settings.scheme)


def _own_certificate() -> str:
    """Return the file of the certificate that a server with this environment has, if any."""
    with suppress(ConfigurationError):
        return settings_without_database().tls_cert
    return ""


def migrate(database: Database = None, as_json: AsJson = False) -> None:
    """Migrate the database of `skylogin serve` to this version's schema."""
    # On the start-up list: a server may not need Alembic.
    from skylogin.database import migrate as migrating  # noqa: PLC0415

    settings = migration_settings(database)

    async def upgrade() -> None:
        store = Store(settings.database_url or settings.embedded_url)
        try:
            database_setup.check_is_not_newer(await store.version())
            await migrating.upgrade(store)
        except ConfigurationError:
            raise
        except Exception as error:
            fail(database_setup.cannot_open(error))
        finally:
            await store.close()

    asyncio.run(upgrade())
    text = f"the database has version {tables.VERSION}"
    print_result({"schema_version": tables.VERSION}, text, as_json=as_json)
