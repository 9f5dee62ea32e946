"""`skylogin backup` and `skylogin restore`: copies of an SQLite database."""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from skylogin.cli import environment, output
from skylogin.clock import system_now
from skylogin.config import SQLITE_PREFIX, Settings
from skylogin.database import Store, tables
from skylogin.database import backup as copies
from skylogin.database.backup import BackupError, Contents, Progress
from skylogin.database.sqlite_file import has_content
from skylogin.domain.stored_names import EVERY_APP
from skylogin.errors import SkygearError
from skylogin.store import apps
from skylogin.web import database_file, database_setup

ON_POSTGRESQL = "the database is PostgreSQL, so use its own program: {program} (docs/backups.md)"


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write.")],
    database: environment.Database = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing file.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Copy an SQLite database to a file, even while a server uses it, and check the copy."""
    settings = environment.storage_settings(database)
    path = _path_of(settings, "pg_dump")
    _check_target(file, path, replace=replace)
    at = system_now()
    with _failing(f"{file} was not written"), _watching() as progress:
        if path.is_file():
            database_file.check_unserved_log(path)
        contents = copies.copy(path, file, progress, without=apps.OWNER)
    _note_time(f"{SQLITE_PREFIX}{path}", at.isoformat())
    left_out = _left_out(settings)
    if as_json:
        facts = {"file": str(file), "bytes": file.stat().st_size, "at": at.isoformat()}
        output.print_json({**facts, **_shown(contents), "not_included": left_out})
        return
    number = output.count(sum(contents.rows.values()), "row")
    output.say(f"backed up {path} to {file}: {number}, version {contents.version}")
    output.print_notes(f"not in it: {text}" for text in left_out)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `skylogin backup` wrote.")],
    database: environment.Database = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the database, and keep it under another name."),
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Restore a backup of an SQLite database. The server has to be stopped."""
    path = _path_of(environment.storage_settings(database), "pg_restore")
    with _failing(f"{path} was not restored"):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = database_file.Lock(path)
        except BlockingIOError:
            output.fail(f"a server uses {path}: stop it first")
        try:
            with _watching() as progress:
                contents, kept = _restore(file, path, progress, replace=replace)
            # What the lock file says is about the database that was replaced.
            lock.is_needed = False
        finally:
            lock.release()
    if as_json:
        facts = {"database": str(path), "kept": str(kept) if kept else None}
        output.print_json({**facts, **_shown(contents)})
        return
    number = output.count(sum(contents.rows.values()), "row")
    output.say(f"restored {path} from {file}: {number}, version {contents.version}")
    if kept:
        output.tell(f"the previous database is now {kept}")
    if contents.version != tables.VERSION:
        output.print_notes([database_setup.other_version(contents.version)])


def _restore(
    file: Path, path: Path, progress: Progress, *, replace: bool
) -> tuple[Contents, Path | None]:
    with copies.reading(file) as backup:
        version = copies.version_of(backup, file)
    if version > tables.VERSION:
        raise BackupError(f"{file}: {database_setup.other_version(version)}")
    if file.resolve() == path:
        raise BackupError(f"{file} is the database itself")
    if _has_something(path) and not replace:
        raise BackupError("it exists: --replace keeps it under another name")
    with copies.prepared(file, path, progress, without=apps.OWNER) as (new, contents):
        kept = copies.keep_old(path, system_now())
        copies.put(new, path)
    return contents, kept


def _has_something(path: Path) -> bool:
    return any(has_content(one) for one in (path, *copies.logs_of(path)))


def _path_of(settings: Settings, program: str) -> Path:
    """Return the path of the SQLite file. Exits with 1 on another database."""
    url = settings.database_url or settings.embedded_url
    if not url.startswith(SQLITE_PREFIX):
        output.fail(ON_POSTGRESQL.format(program=program))
    return database_file.path_of(url)


def _check_target(file: Path, path: Path, *, replace: bool) -> None:
    if str(file) == output.STANDARD:
        output.fail("give a file: a backup is checked, and standard output cannot be read")
    if file.exists() and not file.is_file():
        output.fail(f"{file} is not a file")
    if file.resolve().parent == path.parent and file.resolve().name.startswith(path.name):
        rest = file.resolve().name.removeprefix(path.name)
        if rest in ("", "-shm", ".lock", *copies.LOGS):
            output.fail(f"{file} belongs to the database itself")
    if file.exists() and not replace:
        output.fail(f"{file} exists: --replace replaces it")


def _note_time(url: str, at: str) -> None:
    """Write the time of the backup into the database, for `doctor`."""

    async def write() -> None:
        store = Store(url)
        try:
            await store.run(lambda tx: apps.write_setting(tx, EVERY_APP, apps.LAST_BACKUP_AT, at))
        finally:
            await store.close()

    try:
        asyncio.run(write())
    except SkygearError as error:
        output.print_warnings(
            [f"the backup is complete, but its time was not recorded: {error.explanation}"]
        )


def _left_out(settings: Settings) -> list[str]:
    """Return what a backup of the server needs besides the database."""
    left_out = ["the settings and keys of the environment"]
    if environment.ENV_FILE.is_file():
        left_out = [f"the settings and keys in {environment.ENV_FILE} and the environment"]
    if settings.token_store == "fs":
        left_out.append(f"access tokens, which are files in {settings.token_store_path}")
    return left_out


def _shown(contents: Contents) -> dict[str, object]:
    return {"version": contents.version, "rows": dict(contents.rows)}


@contextmanager
def _watching() -> Iterator[Progress]:
    """Show the progress on a terminal; SIGTERM ends the block cleanly, as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with output.progress("Copying and checking", "%") as progress:
            yield progress
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Print an error in one line after *what*, and exit with 1."""
    try:
        yield
    except (BackupError, sqlite3.Error) as error:
        output.fail(f"{what}: {error}")
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        output.fail(f"{what}: {name}{error.strerror}")
