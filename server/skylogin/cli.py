"""The command `skylogin`. The only reader of os.environ."""

import asyncio
import gc
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, NoReturn, TypeVar

import typer

import skylogin
from skylogin import config, json_text, logs, server
from skylogin.config import DEV, SERVE, ConfigurationError, Settings
from skylogin.json_text import NotJsonError
from skylogin.operations.operator import Operator, RefusedError
from skylogin.store import Store

if TYPE_CHECKING:
    from skylogin.seeds import SeedApp

T = TypeVar("T")
Prepare = Callable[[Store], Coroutine[Any, Any, None]]
STANDARD = "-"
# How much nicer a command is than its server; 19 is the nicest there is.
NICER, NICENESS_MAX = 4, 19

app = typer.Typer(
    help="Skygear's login with custom token: a stand-in for tests, and an endpoint of your own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# They are ready sooner without the other commands.
RUN_A_SERVER = ("dev", "serve", "exec")

Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 for any free one.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Database = Annotated[str | None, typer.Option(help="Database URL, instead of DATABASE_URL.")]
ReadyFile = Annotated[Path | None, typer.Option(help="File for the ready line, written at once.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, as the admin API has it.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
SeedFiles = Annotated[
    list[str] | None,
    typer.Option(help="A file of users to begin with, YAML or JSON; more than one may be given."),
]


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] not in [[name] for name in RUN_A_SERVER]:
        add_groups()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.filename is None:
            # What is still to be printed cannot be printed either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    except RefusedError as error:
        fail(str(error))
    except ConfigurationError as error:
        fail("skylogin cannot run:", *(f"  - {fault}" for fault in error.faults))


def fail(*lines: str) -> NoReturn:
    """Print *lines* to stderr and exit with 1."""
    print(*lines, sep="\n", file=sys.stderr)
    raise SystemExit(1)


@app.command()
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
    settings = _settings(DEV, PORT=port, HOST=host, DATABASE_URL=database)
    if ephemeral and settings.database_url:
        fail("--ephemeral keeps an embedded database; it does not go with a database URL")
    prepare = _sower(settings, seed)
    _run(_serve(settings, ready_file, ephemeral=ephemeral, prepare=prepare))


@app.command()
def serve(
    port: Port = None,
    host: Host = None,
    database: Database = None,
    migrate: Annotated[bool, typer.Option(help="Bring the database up to date first.")] = False,
    ready_file: ReadyFile = None,
) -> None:
    """Run an endpoint of your own: keys and database have to be set."""
    settings = _settings(SERVE, PORT=port, HOST=host, DATABASE_URL=database)
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
        from skylogin.operations import seeding  # noqa: PLC0415

        for one in read:
            await seeding.seed(Operator(store, settings, via="seed"), one.name, one)

    return sow


def read_seeds(files: Sequence[str], default_app: str) -> "list[SeedApp]":
    """Return the apps of seeds, of which *default_app* is the one that goes without a name.

    Exits with 1 where anything is wrong, with every fault.
    """
    from skylogin import seeds  # noqa: PLC0415
    from skylogin.seed_text import SeedError  # noqa: PLC0415

    read: list[SeedApp] = []
    faults: list[str] = []
    for file in files:
        try:
            data = sys.stdin.buffer.read() if file == STANDARD else Path(file).read_bytes()
            read += seeds.read(data, file, default_app).apps
        except SeedError as error:
            faults += [str(fault) for fault in error.faults]
        except OSError as error:
            faults.append(f"{file}: {error.strerror}")
    if faults:
        fail(*faults)
    return read


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


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a file that becomes *path* at the end of the block; what was there stays until then.

    So nobody reads half of it, and only the owner reads it at all. What is no plain file, such
    as a pipe, stays where it is, and gets all of it at the end.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as target, tempfile.TemporaryFile() as file:
            yield file
            file.seek(0)
            shutil.copyfileobj(file, target)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@app.command()
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
    from skylogin import readiness  # noqa: PLC0415

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
    host, port = config.read(_environment(SERVE), DEV).address()
    if port == 0:
        fail("the port is 0, any free one: name the server's URL or its --ready-file")
    return config.url_of(host, port)


@app.command(
    name="exec",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
def execute(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    database: Database = None,
    seed: SeedFiles = None,
) -> None:
    """Run a command beside a server of its own, and pass on its exit code."""
    settings = _settings(DEV, PORT=0, DATABASE_URL=database)
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


@app.command()
def migrate(database: Database = None) -> None:
    """Bring the database of `skylogin serve` up to date."""
    from skylogin import migrating  # noqa: PLC0415

    settings = config.read(_storage_environment(database), DEV)

    async def upgrade() -> None:
        from skylogin.store import open_store  # noqa: PLC0415

        store = open_store(settings.database_url or server.embedded_url(settings))
        try:
            await migrating.upgrade(store)
        except Exception as error:
            fail(server.cannot_open(error))
        finally:
            await store.close()

    asyncio.run(upgrade())
    print(f"the database has version {_version()}")


def _storage_environment(database: str | None) -> dict[str, str]:
    environment = _environment(SERVE)
    return environment if database is None else {**environment, "DATABASE_URL": database}


def _version() -> str:
    from skylogin.store import tables  # noqa: PLC0415

    return tables.VERSION


def _run(main: Coroutine[Any, Any, int]) -> NoReturn:
    """Run *main* on uvloop where it is installed, and exit with its code."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        raise SystemExit(asyncio.run(main)) from None
    raise SystemExit(uvloop.run(main))


def _settings(mode: str, **flags: object) -> Settings:
    """Return the settings: flags win over the environment, the environment over `.env`."""
    environment = _environment(mode)
    environment |= {name: str(value) for name, value in flags.items() if value is not None}
    if flags.get("PORT") is not None and environment.get("HOST"):
        # The flag counts although the variable HOST names a port as well.
        host, _ = config.read_address(environment["HOST"])
        environment["HOST"] = f"[{host}]" if ":" in host else host
    settings = config.read(environment, mode)
    logs.set_up(settings)
    print_warnings(settings.warnings)
    return settings


def _environment(mode: str) -> dict[str, str]:
    """Return the environment with what `.env` adds to it."""
    from_file: Mapping[str, str | None] = {}
    if Path(".env").is_file():
        from dotenv import dotenv_values  # noqa: PLC0415

        from_file = dotenv_values(".env", interpolate=False)
    # A stand-in never gets to a production database, or out of loopback, by a file.
    kept_out = {"DATABASE_URL", "HOST"} if mode == DEV else set()
    values = {name: value or "" for name, value in from_file.items() if name not in kept_out}
    return _with_files({**values, **os.environ})


def _with_files(environment: dict[str, str]) -> dict[str, str]:
    """Return *environment* with what stands in the files that it names."""
    faults = []
    for name in config.FROM_FILES:
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            faults.append(f"{name} and {name}_FILE are both set; one of them is enough")
        try:
            environment[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            faults.append(f"{name}_FILE {path}: {reason}")
    if faults:
        raise ConfigurationError(faults)
    return environment


def variable(name: str) -> str:
    """Return what the environment says about a server that runs already."""
    return os.environ.get(name, "")


def storage_settings(database: str | None) -> Settings:
    """Return the settings of a command that speaks to the database, not to a server.

    Its database is the one it is told, else the environment's, else the one that
    `skylogin dev` keeps here, else the one that `.env` names.
    """
    environment = _environment(DEV)
    if database is not None:
        environment["DATABASE_URL"] = database
    settings = config.read(environment, DEV)
    embedded = server.embedded_url(settings).removeprefix(server.SQLITE)
    if settings.database_url or Path(embedded).is_file():
        return settings
    return config.read(_environment(SERVE), DEV)


def read_settings(mode: str, database_url: str) -> Settings:
    """Return the settings as a server in *mode* reads them here. Raises ConfigurationError."""
    environment = _environment(mode)
    if database_url:
        environment["DATABASE_URL"] = database_url
    return config.read(environment, mode)


@app.command()
def version() -> None:
    """Print the version."""
    print(skylogin.__version__)


def add_groups() -> None:
    """Add the groups of commands, whose modules use this one."""
    from skylogin import (  # noqa: PLC0415
        cli_apps,
        cli_logins,
        cli_overview,
        cli_secret,
        cli_seeds,
        cli_token,
        cli_users,
    )

    app.add_typer(cli_token.app, name="token")
    app.add_typer(cli_secret.app, name="secret")
    app.add_typer(cli_apps.app, name="apps")
    app.add_typer(cli_users.app, name="users")
    app.command("logins")(cli_logins.logins)
    for command in (
        cli_overview.overview,
        cli_overview.settings,
        cli_overview.audit,
        cli_overview.doctor,
    ):
        app.command()(command)
    app.command("seed")(cli_seeds.seed)
    app.command("export")(cli_seeds.export)


def ask(question: str, *, yes: bool) -> None:
    """Go on only where somebody says yes. Exits with 1 otherwise."""
    if not yes and not typer.confirm(question):
        fail("nothing is changed")


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object that an argument is. Exits with 1 where it is none."""
    try:
        value = json_text.read_whole(text)
    except NotJsonError as error:
        fail(f"{what} is not JSON: {error}")
    if not isinstance(value, dict):
        fail(f"{what} is not a JSON object")
    return value


@contextmanager
def progress(what: str, unit: str) -> Iterator[Callable[[int, int], None]]:
    """Give what is told how much is done and of how much: a bar, where somebody looks."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TextColumn(unit))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Print *rows* for a person, or plainly, tab between tab, where nobody looks."""
    _print_lines([[row[name] for name in columns] for row in rows], columns)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print what is known of one thing, name by name."""
    _print_lines(facts, None)


def _print_lines(rows: Sequence[Sequence[str]], columns: Sequence[str] | None) -> None:
    lines = [[_in_one_line(text) for text in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            print(*line, sep="\t")
        return
    if not lines:
        print("There are none.")
        return
    # rich is on the start-up list.
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(show_header=columns is not None)
    for title in columns or lines[0]:
        # Somebody may want to copy what is too long for the terminal.
        table.add_column(title, overflow="fold")
    for line in lines:
        table.add_row(*(Text(text) for text in line))
    Console().print(table)


def _in_one_line(text: str) -> str:
    """Return *text* without what would move the cursor of a terminal, or begin a line."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Any],
    cells: Callable[[Any], Mapping[str, str]],
    *,
    as_json: bool,
) -> None:
    """Print *rows* for a program, or what *cells* makes of each for a person, as was asked."""
    if as_json:
        print_json(rows)
    else:
        print_table(columns, [cells(row) for row in rows])


def as_cell(value: object) -> str:
    """Return *value* as it stands in a table."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings, to stderr."""
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)


def print_json(value: object) -> None:
    """Print *value* for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_line(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print *value* at once, as one line: for a program, or for a person."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False), flush=True)
    else:
        print(*(_in_one_line(text) for text in value.values()), sep="\t", flush=True)
