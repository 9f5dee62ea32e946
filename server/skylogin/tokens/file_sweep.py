"""Removing the files of expired access tokens: a few with each new token.

Other files, such as those of another program, stay.
"""

import os
import threading
from collections.abc import Generator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from skylogin.tokens import stored_tokens

# Each new token adds one file, so with four checks the number of expired files stays bounded.
LOOKED_AT = 4
# Otherwise a clock that is some hours ahead would remove tokens that are still valid.
KEPT = timedelta(days=1)
FILE_BYTES_MAX = 65536


class Sweep:
    """Goes through the directories of the apps, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: Generator[os.DirEntry[str], None, None] | None = None
        self._app = ""
        self._before = datetime(1970, 1, 1, tzinfo=UTC)

    def step(self, directory: Path, app: str, now: datetime) -> None:
        """Check a few files: in the *directory* of *app*, unless it is not done with another one.

        A failure is ignored: the caller has written its token.
        """
        # Tokens are written in several threads.
        if not self._lock.acquire(blocking=False):
            return
        try:
            with suppress(OSError):
                if self._entries is None:
                    self._app, self._before = app, now - KEPT
                    self._entries = _entries(directory)
                for _ in range(LOOKED_AT):
                    entry = next(self._entries, None)
                    if entry is None:
                        self._entries = None
                        return
                    self._look(entry)
        finally:
            self._lock.release()

    def _look(self, entry: os.DirEntry[str]) -> None:
        if not stored_tokens.is_token(entry.name) or not entry.is_file(follow_symlinks=False):
            return
        with open(entry.path, "rb") as file:
            found = stored_tokens.from_json(file.read(FILE_BYTES_MAX))
        if found is None or (found.token, found.app) != (entry.name, self._app):
            return
        if found.has_expired(self._before):
            os.unlink(entry.path)

    def close(self) -> None:
        """Close the directory that is open."""
        with self._lock:
            if self._entries is not None:
                self._entries.close()
                self._entries = None


def _entries(directory: Path) -> Generator[os.DirEntry[str], None, None]:
    with os.scandir(directory) as entries:
        yield from entries
