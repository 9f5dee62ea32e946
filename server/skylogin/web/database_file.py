"""The SQLite file of a server: only one server uses it, and its write-ahead log belongs to it.

A lock file stops a second server. If the lock file was removed, an owner row in the database does.
The database file itself is not locked, because closing it would release SQLite's own locks. The
lock file also says which file the log belongs to; a server that is killed leaves it behind.
"""

import asyncio
import fcntl
import json
import logging
import os
import stat
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from skylogin.clock import system_now
from skylogin.config import SQLITE_PREFIX, ConfigurationError
from skylogin.database import Store, Transaction
from skylogin.database.sqlite_file import SqliteFile, identity
from skylogin.domain.stored_names import EVERY_APP
from skylogin.errors import SkygearError
from skylogin.store import apps
from skylogin.web import leftovers
from skylogin.web.leftovers import Note

logger = logging.getLogger("skylogin.web")

LOOK_SECONDS = 1
LOOKS_PER_BEAT = 5
# An owner row that is older is that of a server that was killed.
ALIVE = timedelta(seconds=15)
NOTE_BYTES_MAX = 1024


def path_of(url: str) -> Path:
    """Return the resolved path of the SQLite file at *url*: a link leads to the same lock file."""
    return Path(url.removeprefix(SQLITE_PREFIX)).resolve()


@contextmanager
def locked(url: str) -> Iterator["Lock | None"]:
    """Hold the lock file of the SQLite file at *url*; another database needs none.

    Raises ConfigurationError if another server holds it, or if the log is that of another file.
    """
    if not url.startswith(SQLITE_PREFIX):
        yield None
        return
    path = path_of(url)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = Lock(path)
    except BlockingIOError:
        raise _another_server(path) from None
    except OSError as error:
        raise ConfigurationError([f"{path}: {error.strerror}"]) from error
    try:
        try:
            leftovers.check_log(path, lock.left)
            if not lock.left:
                leftovers.forget_killed_owner(path)
            _make_private(path)
        except OSError as error:
            raise ConfigurationError([f"{path}: {error.strerror}"]) from error
        yield lock
    finally:
        lock.release()


def check_unserved_log(path: Path) -> None:
    """Raise ConfigurationError if no server runs and the log beside *path* is not its log."""
    # A running server has checked its log.
    with suppress(BlockingIOError):
        lock = Lock(path)
        try:
            leftovers.check_log(path, lock.left)
        finally:
            lock.release()


@asynccontextmanager
async def owned(lock: "Lock | None", store: Store) -> AsyncIterator[None]:
    """Own the database of *lock*: check its files every second, and keep the owner row current.

    Raises ConfigurationError if another server owns it.
    """
    if lock is None or store.file is None:
        yield
        return
    lock.look(store.file)
    try:
        is_free = await store.run(lambda tx: _claim(tx, lock))
    except SkygearError as error:
        raise ConfigurationError([error.explanation]) from error
    if not is_free:
        raise _another_server(lock.path, f"; if it was killed, try again in {ALIVE.seconds} s")
    keeper = asyncio.create_task(_keep(lock, store, store.file))
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.wait([keeper])
        lock.look(store.file)
        try:
            await store.run(lambda tx: _beat(tx, lock, is_last=True))
        except SkygearError:
            lock.is_needed = True


async def _keep(lock: "Lock", store: Store, file: SqliteFile) -> None:
    looks = 0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        looks += 1
        lock.look(file)
        # The database cannot be written, which is logged elsewhere.
        with suppress(SkygearError):
            if looks % LOOKS_PER_BEAT == 0 and not await store.run(lambda tx: _beat(tx, lock)):
                lock.warn("another skylogin uses the same database")


async def _claim(tx: Transaction, lock: "Lock") -> bool:
    """Write the owner row. Returns False if another server wrote it a moment ago.

    In a copy of the database, the row names another file and does not count.
    """
    row = _read(await apps.read_setting(tx, EVERY_APP, apps.OWNER) or "")
    is_same_file = row.get("file") == leftovers.listed(lock.path)
    if is_same_file and row.get("owner") != lock.note["owner"] and _is_recent(row.get("at")):
        return False
    await apps.write_setting(tx, EVERY_APP, apps.OWNER, lock.owner_row())
    return True


async def _beat(tx: Transaction, lock: "Lock", *, is_last: bool = False) -> bool:
    """Renew the owner row, or remove it. Returns False if it is that of another server."""
    row = _read(await apps.read_setting(tx, EVERY_APP, apps.OWNER) or "")
    if row.get("owner") != lock.note["owner"]:
        return False
    value = "" if is_last else lock.owner_row()
    await apps.write_setting(tx, EVERY_APP, apps.OWNER, value)
    return True


def _is_recent(at: object) -> bool:
    try:
        return abs(system_now() - datetime.fromisoformat(str(at))) < ALIVE
    except (ValueError, TypeError):
        return False


class Lock:
    """A locked file beside the database. Raises BlockingIOError if another server has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock_path = Path(f"{path}.lock")
        self._file = _take_lock(self._lock_path)
        # What the last server wrote, if it was killed or its database was replaced.
        self.left = _read(os.pread(self._file, NOTE_BYTES_MAX, 0).decode(errors="replace"))
        # The server that takes the lock of a killed one takes over its row too.
        self.note: Note = {"owner": self.left.get("owner") or str(uuid.uuid4())}
        # Whether the next server needs what the lock file says.
        self.is_needed = bool(self.left)
        self._warned: set[str] = set()

    def owner_row(self) -> str:
        """Return the owner row as of now."""
        row = {**self.note, "file": leftovers.listed(self.path), "at": system_now().isoformat()}
        return json.dumps(row)

    def look(self, file: SqliteFile) -> None:
        """Put the lock file back if it was removed, and write into it which files are in use.

        If the database is replaced, this tells the next server which file the log belongs to.
        """
        file.look()
        self.is_needed = bool(file.changed)
        note = {**self.note, "file": file.opened, "log": identity(file.log_path)}
        try:
            is_new = self._put_back()
            if file.changed or (note == self.note and not is_new):
                return
            self.note = note
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, json.dumps(note).encode(), 0)
        except BlockingIOError:
            self.warn(f"{self._lock_path} was removed, and another skylogin has its own")
        except OSError as error:
            self.warn(f"{self._lock_path} cannot be written: {error.strerror}")

    def _put_back(self) -> bool:
        """Lock a new file if the old one was removed. Returns whether it was removed."""
        if _is_at(self._file, self._lock_path):
            return False
        file = _take_lock(self._lock_path)
        os.close(self._file)
        self._file = file
        logger.warning("%s was removed, and is put back", self._lock_path)
        return True

    def warn(self, text: str) -> None:
        """Log *text* once."""
        if text not in self._warned:
            self._warned.add(text)
            logger.critical(text)

    def release(self) -> None:
        """End the lock. Its file is deleted, unless it is another server's or still needed."""
        if not self.is_needed and _is_at(self._file, self._lock_path):
            self._lock_path.unlink(missing_ok=True)
        os.close(self._file)


def _take_lock(path: Path) -> int:
    """Return the open, locked file. Raises BlockingIOError if another server holds the lock.

    A stopping server deletes its lock file, so the file may be gone by the time it is locked.
    Then it is opened again.
    """
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise
        if _is_at(lock, path):
            return lock
        os.close(lock)


def _is_at(file: int, path: Path) -> bool:
    """Return whether the open *file* is the one at *path*."""
    found = os.fstat(file)
    return identity(str(path)) == (found.st_dev, found.st_ino)


def _make_private(path: Path) -> None:
    """Create the file that SQLite opens, if it is missing, for this user alone.

    SQLite gives its other files the mode of this one. An existing file keeps its mode.
    Raises ConfigurationError if the file has a second name.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    found = os.fstat(file)
    os.close(file)
    if found.st_nlink > 1:
        # Under its other name it would have another lock file and another log.
        raise ConfigurationError([f"{path} has another name, a hard link: copy the file instead"])
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        logger.warning("other users of this machine may read %s: its mode is %03o", path, mode)


def _read(text: str) -> Note:
    """Return what a note or an owner row says, empty if it cannot be read."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _another_server(path: Path, more: str = "") -> ConfigurationError:
    return ConfigurationError(
        [f"another skylogin serves {path}; stop it, or use another database{more}"]
    )
