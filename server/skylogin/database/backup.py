"""Copy an SQLite database while a server writes to it, check the copy, and put it in place.

A copy shows one moment: SQLite's own backup makes it within one read transaction. It gets its
name only once it is complete, checked and on disk.
"""

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from skylogin.database import version_table
from skylogin.database.version_table import ForeignDatabaseError

Progress = Callable[[int, int], None]

PAGES_AT_ONCE = 1000
# The suffixes of SQLite's files beside a database.
LOGS = ("-wal", "-journal")


class BackupError(Exception):
    """The copy cannot be made or used. The text is one line."""


@dataclass(frozen=True, slots=True)
class Contents:
    """The version of a database's schema, and the number of rows of each table."""

    version: str
    rows: Mapping[str, int]


def copy(source: Path, target: Path, progress: Progress, *, without: str = "") -> Contents:
    """Replace the file *target* with a copy of the database *source*, for this user alone.

    *progress* is given percentages: the first half is copying, the second checking. The copy
    lacks the setting *without*. Raises BackupError, OSError or sqlite3.Error, and then leaves
    nothing behind.
    """
    with prepared(source, target, progress, without=without) as (new, contents):
        put(new, target)
    return contents


@contextmanager
def prepared(
    source: Path, target: Path, progress: Progress, *, without: str = ""
) -> Iterator[tuple[Path, Contents]]:
    """Yield a checked copy of *source* beside *target*, which is deleted unless it is moved."""
    with reading(source) as before, _new_file(target) as new:
        version = version_of(before, source)
        with closing(sqlite3.connect(new, isolation_level=None)) as copied:
            # The file is synced below, before it is used.
            copied.execute("PRAGMA synchronous=OFF")
            before.backup(
                copied,
                pages=PAGES_AT_ONCE,
                progress=lambda _, left, total: progress(50 - 50 * left // max(1, total), 100),
            )
        with closing(sqlite3.connect(new, isolation_level=None)) as copied:
            # Without a log, the copy is a single file that can be read from a read-only disk.
            copied.execute("PRAGMA journal_mode=DELETE")
            copied.execute("DELETE FROM settings WHERE name = ?", (without,))
            rows = _compare(before, copied, progress, without)
        with new.open("rb") as file:
            os.fsync(file.fileno())
        yield new, Contents(version, rows)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a read-only connection that sees one state of the database at *path*."""
    if not path.is_file():
        raise BackupError(f"{path} does not exist or is not a file")
    # With mode=ro, SQLite could not remove the files that it makes beside the database.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        yield connection


def version_of(connection: sqlite3.Connection, path: Path) -> str:
    """Return the version of the schema. Raises BackupError if *path* is not one of ours."""
    try:
        version = version_table.read_file(connection)
    except ForeignDatabaseError:
        raise BackupError(f"{path} is a database of another program") from None
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{path} cannot be read: {error}") from error
    if version is None:
        raise BackupError(f"{path} is empty")
    return version


def put(new: Path, target: Path) -> None:
    """Give the file *new* the name *target*, in the same directory, and sync that to disk."""
    new.replace(target)
    directory = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def logs_of(path: Path) -> list[Path]:
    """Return the paths of SQLite's files beside the database at *path*."""
    return [path.with_name(path.name + suffix) for suffix in LOGS]


def keep_old(path: Path, now: datetime) -> Path | None:
    """Move the database at *path* and its logs to another name; return that, None if none exists.

    A process that is killed meanwhile leaves a database with two names, which no server opens.
    """
    kept = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%S.%f}")
    logs = logs_of(path)
    had_any = path.exists() or any(log.exists() for log in logs)
    with suppress(FileNotFoundError):
        try:
            kept.hardlink_to(path)
        except PermissionError:
            # A file system without hard links.
            path.rename(kept)
    for log, suffix in zip(logs, LOGS, strict=True):
        with suppress(FileNotFoundError):
            log.rename(kept.with_name(kept.name + suffix))
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    return kept if had_any else None


@contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """Yield a new file beside *target*, which is deleted unless it is moved."""
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        for suffix in ("", "-shm", *LOGS):
            Path(name + suffix).unlink(missing_ok=True)


def _compare(
    source: sqlite3.Connection, copied: sqlite3.Connection, progress: Progress, without: str
) -> dict[str, int]:
    """Check every table of the copy, and return the number of rows of each. Raises BackupError."""
    tables = version_table.tables_of_file(source)
    rows = {}
    for number, table in enumerate(sorted(tables)):
        progress(50 + 50 * number // len(tables), 100)
        [found] = copied.execute(f"PRAGMA integrity_check('{table}')").fetchone()
        if found != "ok":
            raise BackupError(f"the database is damaged: {' '.join(str(found).split())}")
        # The names are those of our own tables.
        count = f"SELECT count(*) FROM {table}"
        count += " WHERE name <> :without" if table == "settings" else ""
        [rows[table]] = copied.execute(count, {"without": without}).fetchone()
        [expected] = source.execute(count, {"without": without}).fetchone()
        if rows[table] != expected:
            raise BackupError(f"the copy has {rows[table]} rows of {table}, not {expected}")
    progress(100, 100)
    return rows
