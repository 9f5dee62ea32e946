"""The commands that run a server, wait for one, or prepare its database."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from skylogin import config
from skylogin.cli.environment import (
    Database,
    environment_of,
    migration_environment,
    server_settings,
)
from skylogin.cli.output import fail, whole_file
from skylogin.cli.seed_files import SeedFiles, read_seeds
from skylogin.config import DEV, SERVE, Settings
from skylogin.database import Store
from skylogin.operations.operator import Operator
from skylogin.web import server

if TYPE_CHECKING:
    pass


T = TypeVar("T")
Prepare = Callable[[Store], Coroutine[Any, Any, None]]
# How much nicer a command is than its server; 19 is the nicest there is.
NICER, NICENESS_MAX = 4, 19
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 for any free one.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
ReadyFile = Annotated[Path | None, typer.Option(help="File for the ready line, written at once.")]


def dev(  # noqa: PLR0913, PLR0917
    port: Port = None,
    host: Host = None,
    database: Database = None,
    ephemeral: Annotated[
        bool, typer.Option(help="Keep nothing: the database goes away with the server.")
    ] = False,
    seed: SeedFiles = None,
    ready_file: ReadyFile = None,
) -> None:
    """Run a stand-in for integration tests and local apps: open, on loopback."""
    settings = server_settings(DEV, PORT=port, HOST=host, DATABASE_URL=database)
    if ephemeral and settings.database_url:
        fail("--ephemeral keeps an embedded database; it does not go with a database URL")
    prepare = _sower(settings, seed)
    _run(_serve(settings, ready_file, ephemeral=ephemeral, prepare=prepare))


def serve(
    port: Port = None,
    host: Host = None,
    database: Database = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database up to date first.")] = False,
    ready_file: ReadyFile = None,
) -> None:
    """Run an endpoint of your own: keys and database have to be set."""
    settings = server_settings(SERVE, PORT=port, HOST=host, DATABASE_URL=database)
    _run(_serve(settings, ready_file, migrate=migrate))


async def _serve(
    settings: Settings,
    ready_file: Path | None,
    *,
    ephemeral: bool = False,
    migrate: bool = False,
    prepare: Prepare | None = None,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with server.running(
        settings, ephemeral=ephemeral, migrate=migrate, prepare=prepare
    ) as running:
        line = running.ready_line()
        # What is here at the start stays: looking through it again and again costs time.
        gc.freeze()
        with _ready_file(ready_file, line):
            print(line, flush=True)
            await stop.wait()
    return 0


def _sower(settings: Settings, files: list[str] | None) -> Prepare | None:
    """Return what puts the seeds of *files* into the database, None where there are none.

    They are read at once. Exits with 1 where anything is wrong with one.
    """
    if not files:
        return None
    read = read_seeds(files, settings.app_name)

    async def sow(store: Store) -> None:
        # On the start-up list: most servers have no seed.
        from skylogin.seeds import apply  # noqa: PLC0415

        for one in read:
            await apply.seed(Operator(store, settings, via="seed"), one.name, one)

    return sow


@contextmanager
def _ready_file(path: Path | None, line: str) -> Iterator[None]:
    """Have *line* in the file *path* while the server is ready, where one is asked for."""
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
        str, typer.Argument(help="The server's URL; else where HOST and PORT say.", show_default="")
    ] = "",
    ready_file: Annotated[
        Path | None, typer.Option(help="The file that the server has been given as --ready-file.")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds to wait at most.")] = 30,
) -> None:
    """Wait until a server is ready: its database can be written."""
    from skylogin.client import readiness  # noqa: PLC0415

    if ready_file is not None:
        if url:
            fail("wait for a URL or for a ready file, not for both")
        file = ready_file
        problem = readiness.wait_until_ready(lambda: readiness.url_in(file), timeout)
    else:
        url = url or _listening_url()
        if not url.startswith(("http://", "https://")):
            fail(f"{url} is no URL of a server, which begins with http:// or https://")
        problem = readiness.wait_until_ready(lambda: url, timeout)
    if problem:
        fail(f"{ready_file or url} is not ready after {timeout:g} s: {problem}")


def _listening_url() -> str:
    """Return where a server with this environment listens."""
    # Read as `dev` does, which wants no keys: only the address is looked at.
    host, port = config.read(environment_of(SERVE), DEV).address()
    if port == 0:
        fail("the port is 0, any free one: name the server's URL or its --ready-file")
    return config.url_of(host, port)


def execute(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    database: Database = None,
    seed: SeedFiles = None,
) -> None:
    """Run a command beside a server of its own, and pass on its exit code."""
    settings = server_settings(DEV, PORT=0, DATABASE_URL=database)
    _run(_execute(settings, command, _sower(settings, seed)))


async def _execute(settings: Settings, command: list[str], prepare: Prepare | None) -> int:
    ephemeral = not settings.database_url
    async with server.running(settings, ephemeral=ephemeral, prepare=prepare) as running:
        environment = {
            **os.environ,
            "SKYGEAR_ENDPOINT": running.url,
            "SKYGEAR_API_KEY": settings.api_key,
            "SKYGEAR_MASTER_KEY": settings.master_key,
            "CUSTOM_TOKEN_SECRET": running.custom_token_secret,
            "SKYLOGIN_APP": settings.app_name,
            "SKYLOGIN_PORTAL": running.portal or "",
        }
        # As above: the tests that run beside would wait for it.
        gc.freeze()
        with _signals_kept() as arrived:
            try:
                process = await asyncio.create_subprocess_exec(*command, env=environment)
            except OSError as error:
                print(f"{command[0]}: {error.strerror}", file=sys.stderr)
                return 127
            _give_way(process.pid)
            passing_on = asyncio.create_task(_pass_on(arrived, process))
            code = await process.wait()
            passing_on.cancel()
        # As a shell tells of a command that a signal ended.
        return code if code >= 0 else 128 - code


def _give_way(process_id: int) -> None:
    """Have a command be nicer than its server, which many of its processes may wait for."""
    with suppress(OSError):
        niceness = min(os.getpriority(os.PRIO_PROCESS, 0) + NICER, NICENESS_MAX)
        # It may have said already that it is nicer than that.
        if os.getpriority(os.PRIO_PROCESS, process_id) < niceness:
            os.setpriority(os.PRIO_PROCESS, process_id, niceness)


@contextmanager
def _signals_kept() -> Iterator[asyncio.Queue[int]]:
    """Give the signals to this process that are for its command, none of which end it."""
    arrived: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    for number in numbers:
        loop.add_signal_handler(number, arrived.put_nowait, number)
    try:
        yield arrived
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _pass_on(arrived: asyncio.Queue[int], process: asyncio.subprocess.Process) -> None:
    while True:
        number = await arrived.get()
        # A terminal sends what its keys mean to the command as well: twice would mean more.
        is_typed = number in (signal.SIGINT, signal.SIGQUIT) and _is_before_a_terminal()
        if not is_typed and process.returncode is None:
            process.send_signal(number)


def _is_before_a_terminal() -> bool:
    """Return whether the keys of a terminal reach this process and those it started."""
    try:
        terminal = os.open(os.ctermid(), os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def migrate(database: Database = None) -> None:
    """Bring the database of `skylogin serve` up to date."""
    from skylogin.database import migrate as migrating  # noqa: PLC0415

    settings = config.read(migration_environment(database), DEV)

    async def upgrade() -> None:
        from skylogin.database import open_store  # noqa: PLC0415

        store = open_store(settings.database_url or settings.embedded_url)
        try:
            await migrating.upgrade(store)
        except Exception as error:
            fail(server.cannot_open(error))
        finally:
            await store.close()

    asyncio.run(upgrade())
    print(f"the database has version {_version()}")


def _version() -> str:
    from skylogin.database import tables  # noqa: PLC0415

    return tables.VERSION


def _run(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run *main* on uvloop where it is installed, and exit with its code."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        raise SystemExit(asyncio.run(main)) from None
    raise SystemExit(uvloop.run(main))
