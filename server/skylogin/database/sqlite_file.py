"""The files of an SQLite database, which may be deleted or replaced while they are open.

What is written to a deleted file is lost when the process ends, and a new connection would
write the old file's log into the new one. So both are refused.
"""

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from skylogin.clock import monotonic
from skylogin.database.failures import UnusableDatabaseError

logger = logging.getLogger("skylogin.store")

Identity = tuple[int, int] | None
LOOK_SECONDS = 1
# In the header of the file: its format, and the counter of its changes, which only grows.
HEADER_BYTES, FORMAT, COUNTER = 28, slice(18, 20), slice(24, 28)
WITH_LOG = b"\x02\x02"


class SqliteFile:
    """The file that the connections of a store have open, and the log beside it."""

    def __init__(self, path: str, now: Callable[[], float] = monotonic) -> None:
        self.path = os.path.abspath(path)
        # SQLite follows links.
        self.log_path = f"{os.path.realpath(path)}-wal"
        self._now = now
        self.opened: Identity = None
        # SQLite deletes the log with the last connection, and only then.
        self._connections = 0
        self._log: Identity = None
        self._looked_at = float("-inf")
        self._file: int | None = None
        self._counter: int | None = None
        self.changed = ""

    def open(self) -> None:
        """Check the file for a new connection; the first one creates it if it is missing.

        Only this user may read it, and SQLite gives its other files the same mode. Raises
        UnusableDatabaseError.
        """
        if self.opened is None:
            # It stays open: closing it would end the locks of open connections. If it cannot be
            # opened, SQLite's error will say why.
            with suppress(OSError):
                self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            self.opened = identity(self.path)
        self.look()
        self.check()

    def connected(self) -> None:
        """Count a new connection."""
        self._connections += 1

    def disconnected(self) -> None:
        """Count a connection that is closed."""
        self._connections -= 1
        if not self._connections:
            self._log = None

    def check(self) -> None:
        """Raise UnusableDatabaseError if the path leads elsewhere, looking at most once a second.

        Every transaction calls this when it begins.
        """
        if self._now() - self._looked_at >= LOOK_SECONDS:
            self.look()
        if self.changed:
            raise UnusableDatabaseError(f"{self.changed}: restart the server")

    def look(self) -> None:
        """Check whether the paths still lead to the open files, and log a change."""
        self._looked_at = self._now()
        if self.opened is None:
            return
        changed, log = "", identity(self.log_path)
        if identity(self.path) != self.opened:
            changed = f"{self.path} was deleted or replaced"
        elif self._is_overwritten():
            changed = f"{self.path} was overwritten"
            self._set_apart()
        elif self._log is None:
            # The log of an empty file comes and goes.
            self._log = log if self._connections and os.path.getsize(self.path) else None
        elif log != self._log:
            changed = f"{self.log_path} was deleted or replaced"
        if changed and not self.changed:
            logger.critical("%s: calls are refused; restart the server", changed)
        elif self.changed and not changed:
            logger.warning("%s is as before", self.path)
        self.changed = changed

    def _is_overwritten(self) -> bool:
        """Return whether another database was copied over this one."""
        if self._file is None:
            return False
        header = os.pread(self._file, HEADER_BYTES, 0)
        counter = int.from_bytes(header[COUNTER], "big")
        has_log = header[FORMAT] == WITH_LOG
        if self._counter is not None and (not has_log or counter < self._counter):
            return True
        if has_log:
            self._counter = counter
        return False

    def _set_apart(self) -> None:
        """Move what was written over the file to a new file at its path.

        Otherwise SQLite would write its log into it.
        """
        copy = f"{self.path}.overwritten"
        try:
            shutil.copyfile(self.path, copy)
            shutil.copymode(self.path, copy)
            os.replace(copy, self.path)
        except OSError as error:
            logger.critical("%s cannot be copied: %s", self.path, error.strerror)

    def close(self) -> None:
        """Close the file, after the last connection."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def has_content(path: Path) -> bool:
    """Return whether the file exists and is not empty."""
    return path.exists() and path.stat().st_size > 0


def identity(path: str) -> Identity:
    """Return what identifies the file at *path*, None if it does not exist."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
