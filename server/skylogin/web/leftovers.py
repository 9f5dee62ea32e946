"""What a killed server leaves: the write-ahead log beside its SQLite file, and its owner row."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from skylogin.config import ConfigurationError
from skylogin.database import ForeignDatabaseError, version_table
from skylogin.database.sqlite_file import has_content, identity
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import apps

# What a lock file says.
Note = dict[str, Any]


def check_log(path: Path, left: Note) -> None:
    """Raise ConfigurationError if the log that a killed server left belongs to another file.

    SQLite would write that log into this file. Nothing is changed here.
    """
    log = Path(f"{path}-wal")
    if not has_content(log):
        return
    advice = ""
    if not has_content(path):
        # SQLite deletes the log of an empty file.
        found = f"{path.name} is missing or empty"
    elif left.get("log") == listed(log) and left.get("file") != listed(path):
        found = f"{path.name} was replaced since the log was written"
        advice = f". If it does belong to it, delete {path.name}.lock"
    else:
        found = _quick_check(path)
    if found:
        problem = (
            f"{log} does not belong to {path.name} ({found}): if {path.name} was restored from a "
            f"backup, or deleted to begin anew, move {log.name} and {path.name}-shm away; else "
            f"restore the file that the log belongs to, or a backup{advice}"
        )
        raise ConfigurationError([problem])


def _quick_check(path: Path) -> str:
    """Return the first thing that is wrong in the file with its log, in one line."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as opened:
            [found] = opened.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        # The file cannot be opened, which the server reports later.
        return ""
    except sqlite3.DatabaseError as error:
        found = error
    return "" if found == "ok" else " ".join(str(found).split())


def listed(path: Path) -> list[int]:
    """Return what identifies the file, as JSON values."""
    return list(identity(str(path)) or ())


def forget_killed_owner(path: Path) -> None:
    """Remove the owner row of a killed server whose lock file was removed.

    SQLite grants a lock on the whole file only if no other process uses it.
    """
    log = Path(f"{path}-wal")
    if not has_content(log):
        return
    with (
        suppress(sqlite3.Error, ForeignDatabaseError),
        closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection,
    ):
        # Set before the first read, which then takes the lock.
        connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        version_table.check_file(connection)
        connection.execute(
            "DELETE FROM settings WHERE app = ? AND name = ?", (EVERY_APP, apps.OWNER)
        )
