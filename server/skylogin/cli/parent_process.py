"""Notice the end of the parent process, which closes our standard input."""

import asyncio
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from skylogin.cli.output import fail

CHUNK_BYTES = 2**16


def check_end_is_noticed() -> None:
    """Exit with 1 if standard input is a file or closed, which would not show the parent's end."""
    if sys.stdin is not None:
        kind = os.fstat(sys.stdin.fileno()).st_mode
        if stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or sys.stdin.isatty():
            return
    fail("--exit-with-parent needs a pipe as standard input, which the parent keeps open")


@contextmanager
def setting_when_ended(stop: asyncio.Event) -> Iterator[None]:
    """Set *stop* if standard input ends during the block. What it contains is ignored."""
    loop, descriptor = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        try:
            data = os.read(descriptor, CHUNK_BYTES)
        except OSError:
            # A broken pipe is an end as well.
            data = b""
        if not data:
            loop.remove_reader(descriptor)
            stop.set()

    loop.add_reader(descriptor, read)
    try:
        yield
    finally:
        loop.remove_reader(descriptor)
