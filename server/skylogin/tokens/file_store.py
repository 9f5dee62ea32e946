"""`TOKEN_STORE=fs`: a file for each access token, as in the original.

A file gets its name only when it is complete and on disk, so a server that dies at
any moment leaves either no token or a whole one. Files are written in threads.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from skylogin.encoding import json_text
from skylogin.tokens import stored_tokens
from skylogin.tokens.file_sweep import FILE_BYTES_MAX, Sweep
from skylogin.tokens.stored_tokens import StoredToken, store_fails

Result = TypeVar("Result")

FILE_MODE, DIRECTORY_MODE = 0o600, 0o700
TRIED_BYTES = 4096
# Tokens do not begin with a dot, so an unfinished file is never read as a token.
UNFINISHED = ".new-"


class FileTokens:
    """The access tokens of an app, in a directory of their own. *sweep* removes expired ones."""

    def __init__(self, directory: Path, sweep: Sweep | None = None) -> None:
        self._directory = directory
        self._sweep = sweep
        self._is_clean = False

    async def save(self, stored: StoredToken, now: datetime) -> None:
        """Write the file of a token."""
        await _in_thread(lambda: self._save(stored, now), status=500)

    async def load(self, token: str, now: datetime) -> StoredToken | None:
        """Read the file of a token, and remove it if the token has expired."""
        return await _in_thread(lambda: self._load(token, now), status=401)

    async def remove(self, token: str) -> None:
        """Remove the file of a token."""
        await _in_thread(lambda: self._remove(token), status=500)

    def _save(self, stored: StoredToken, now: datetime) -> None:
        data = json_text.write(stored.members()) + b"\n"
        self._make_directory()
        unfinished = self._directory / f"{UNFINISHED}{stored.token}"
        write_whole(self._directory / stored.token, data, unfinished)
        # Tokens that never expire leave nothing to remove.
        if self._sweep is not None and stored.expires_at:
            self._sweep.step(self._directory, stored.app, now)

    def _make_directory(self) -> None:
        make_directory(self._directory)
        if not self._is_clean:
            remove_unfinished(self._directory)
            self._is_clean = True

    def _load(self, token: str, now: datetime) -> StoredToken | None:
        path = self._directory / token
        try:
            with path.open("rb") as file:
                stored = stored_tokens.from_json(file.read(FILE_BYTES_MAX))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        if stored is not None and stored.has_expired(now):
            path.unlink(missing_ok=True)
        return stored

    def _remove(self, token: str) -> None:
        try:
            (self._directory / token).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return
        _sync_directory(self._directory)


def write_whole(path: Path, data: bytes, unfinished: Path) -> None:
    """Write *data* to the file *path*, completely or not at all. Raises OSError.

    Until it is on disk, the file has the name *unfinished*, in the same directory.
    """
    while not _try_to_write(path, data, unfinished):
        # Another server removed the file because it seemed abandoned.
        pass
    _sync_directory(path.parent)


def _try_to_write(path: Path, data: bytes, unfinished: Path) -> bool:
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        # No server removes the file while it is locked.
        fcntl.flock(file, fcntl.LOCK_EX)
        with open(file, "wb", closefd=False) as stream:
            stream.write(data)
        os.fsync(file)
        unfinished.rename(path)
    except FileNotFoundError:
        return False
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def remove_unfinished(directory: Path) -> None:
    """Remove the unfinished files of servers that died in *directory*. Raises OSError."""
    with os.scandir(directory) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(UNFINISHED)]
    for name in names:
        _remove_unlocked(directory / name)


def _remove_unlocked(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        # Its writer is still alive.
        return
    finally:
        os.close(file)


def find_problem(directory: Path) -> str:
    """Return why *directory*, which may be missing, cannot be written; empty if it can."""
    existing = directory
    while not existing.exists():
        existing = existing.parent
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(bytes(TRIED_BYTES))
            file.flush()
            os.fsync(file.fileno())
            return ""
    except OSError as error:
        return f"{directory} cannot be written: {existing}: {error.strerror}"


def make_directory(directory: Path) -> None:
    """Make *directory* and its parents if they are missing, readable only by their owner.

    Raises OSError.
    """
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(DIRECTORY_MODE, exist_ok=True)
    _sync_directory(directory.parent)


def _sync_directory(directory: Path) -> None:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


async def _in_thread(work: Callable[[], Result], *, status: int) -> Result:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        # The text of the error has the name of the file, which is the token.
        raise store_fails(status, f"the file system failed: {error.strerror}") from None
