"""A process that writes access tokens to files, and dies at a given step.

It prints each token once it is issued: that token must survive.
"""

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from skylogin.ids import IdMaker
from skylogin.tokens import file_store
from skylogin.tokens.stored_tokens import StoredTokens

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def die_at(step: str) -> None:
    """Make the process kill itself at *step*."""
    if step == "created":
        os.open = dying(os.open, after=True)
    elif step == "half written":
        vars(file_store)["open"] = HalfWriter
    elif step == "written":
        os.fsync = dying(os.fsync)
    elif step == "synced":
        Path.rename = dying(Path.rename)  # type: ignore[method-assign]
    elif step == "renamed":
        Path.rename = dying(Path.rename, after=True)  # type: ignore[method-assign]


def dying(function: Any, *, after: bool = False) -> Any:
    """Return *function* changed so that it kills the process before, or just *after*, its work."""

    def die(*arguments: Any, **options: Any) -> Any:
        if after:
            function(*arguments, **options)
        kill()

    return die


def kill() -> None:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)


class HalfWriter:
    """An open file that stores half of what is written."""

    def __init__(self, file: int, *_: Any, **__: Any) -> None:
        self._file = file

    def __enter__(self) -> "HalfWriter":
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: the process is dead by then."""

    def write(self, data: bytes) -> None:
        """Write half of *data*, and die."""
        os.write(self._file, data[: len(data) // 2])
        kill()


async def main(folder: Path, step: str) -> None:
    """Issue tokens until killed."""
    tokens = StoredTokens(file_store.FileTokens(folder), "app", 0, IdMaker())
    print(await tokens.issue("alice", NOW, "app"), flush=True)
    die_at(step)
    while True:
        print(await tokens.issue("alice", NOW, "app"), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
