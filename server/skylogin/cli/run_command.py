"""`skylogin exec`: a command with a server of its own."""

import asyncio
import gc
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from skylogin.cli import project_file
from skylogin.cli.environment import Given, OwnDatabase, server_settings
from skylogin.cli.output import tell
from skylogin.cli.seeding import SeedFiles, Seeding
from skylogin.client import proxies
from skylogin.config import DEV, Settings
from skylogin.errors import SkygearError
from skylogin.ids import timed_prefix
from skylogin.web import server

COMMAND_CANNOT_RUN, COMMAND_NOT_FOUND = 126, 127
# Shells report a command ended by signal N as 128 + N.
ENDED_BY_SIGNAL = 128


def execute(
    command: Annotated[list[str], typer.Argument(help="The command, after `--`.")],
    database: OwnDatabase = None,
    given: Given = None,
    seed: SeedFiles = None,
) -> None:
    """Run a command with its own server, and exit with the command's exit code."""
    given = ["PORT=0", *(given or ())]
    project = project_file.read()
    settings = server_settings(
        DEV,
        isolated=True,
        given=given,
        project=project.settings if project else {},
        SKYLOGIN_DATABASE_URL=database,
    )
    raise SystemExit(server.run(_execute(settings, command, Seeding(settings, seed, project))))


async def _execute(settings: Settings, command: list[str], seeding: Seeding) -> int:
    async with seeding.running(ephemeral=not settings.database_url) as running:
        environment = {
            **os.environ,
            "SKYGEAR_ENDPOINT": running.url,
            "SKYGEAR_API_KEY": settings.api_key,
            "SKYGEAR_MASTER_KEY": settings.master_key,
            "CUSTOM_TOKEN_SECRET": running.custom_token_secret,
            "SKYLOGIN_APP": settings.app_name,
            "SKYLOGIN_PORTAL": running.portal or "",
            **proxies.exceptions_for(running.url, os.environ),
        }
        first_id = timed_prefix(running.services.now())
        gc.freeze()
        with _caught_signals() as signals:
            try:
                process = await asyncio.create_subprocess_exec(*command, env=environment)
            except OSError as error:
                return _cannot_run(command[0], error)
            forwarding = asyncio.create_task(_forward(signals, process))
            code = await process.wait()
            forwarding.cancel()
        if code != 0:
            # On the start-up list: most commands succeed.
            from skylogin.cli import refused_logins  # noqa: PLC0415

            with suppress(SkygearError):
                await refused_logins.show(running, first_id)
        return code if code >= 0 else ENDED_BY_SIGNAL - code


def _cannot_run(command: str, error: OSError) -> int:
    """Report a command that cannot be run, and return the exit code that a shell would return."""
    exists = os.path.exists(command) if os.sep in command else shutil.which(command, os.F_OK)
    reason = error.strerror or str(error)
    if exists and isinstance(error, FileNotFoundError):
        reason = "the program that its first line names does not exist"
    tell(f"{command}: {reason}")
    return COMMAND_CANNOT_RUN if exists else COMMAND_NOT_FOUND


@contextmanager
def _caught_signals() -> Iterator[asyncio.Queue[int]]:
    """Yield the signals that this process receives. They do not end it; the command decides."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
    for number in numbers:
        loop.add_signal_handler(number, signals.put_nowait, number)
    try:
        yield signals
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _forward(signals: asyncio.Queue[int], process: asyncio.subprocess.Process) -> None:
    while True:
        number = await signals.get()
        # A terminal also sends Ctrl-C and Ctrl-\ to the command, which must not get them twice.
        is_typed = number in (signal.SIGINT, signal.SIGQUIT) and _is_in_foreground()
        if not is_typed and process.returncode is None:
            process.send_signal(number)


def _is_in_foreground() -> bool:
    """Return whether this process is in the terminal's foreground group."""
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
