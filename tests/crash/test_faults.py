"""Faults around a server under load: nothing acknowledged is lost, and it recovers by itself.

Calls that cannot be carried out get the wire's error; docs/faults.md has the figures.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.crash.concurrent_logins import SETTINGS, Load
from tests.crash.remains import problems_in, read_remains
from tests.database.connection_cutter import ConnectionCutter
from tests.processes import ServerProcess, StartServer
from tests.waiting import wait_until_async

DISK_BYTES = 24 * 2**20
LOGINS, REFUSALS = 100, 30
# A call waits so long for a database that is gone.
PATIENCE_SECONDS = 6

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]


@asynccontextmanager
async def under_load(server: ServerProcess) -> AsyncIterator[Load]:
    """Log in during the block, and stop the server at its end: it has to succeed."""
    # The proxy to the database may be in this event loop.
    await asyncio.to_thread(lambda: server.url)
    load = Load(may_be_refused=True)
    running = asyncio.create_task(load.run(server))
    try:
        await load.wait_for_logins(LOGINS)
        yield load
        await load.wait_for_logins(LOGINS)
    finally:
        server.kill()
        await running
    print(f"{load.acknowledged} acknowledged, {load.refused} refused")


# --- PostgreSQL --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cuts", "gone_seconds"), [(6, 1), pytest.param(300, 30, marks=pytest.mark.long)]
)
async def test_no_login_is_lost_when_the_database_goes_away(
    cuts: int, gone_seconds: int, postgresql_url: str, start_server: StartServer
) -> None:
    """Connections are cut at commits, before them and after them; then all are, for a time."""
    async with ConnectionCutter(postgresql_url).open() as cutter:
        server = start_server("dev", "--port", "0", "--database", cutter.url, **SETTINGS)
        async with under_load(server) as load:
            for number in range(cuts):
                cutter.cut_before, cutter.cut_after = number % 2, 1 - number % 2
                await wait_until_async(lambda: cutter.cut_before == cutter.cut_after == 0)
                await load.wait_for_logins(1)
            cutter.close()
            await asyncio.sleep(gone_seconds)
            if gone_seconds > PATIENCE_SECONDS:
                await load.wait_for_refusals(REFUSALS)
            cutter.is_closed = False

    assert problems_in(await read_remains(postgresql_url), load) == []


# --- SQLite ------------------------------------------------------------------------------


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system for the test alone."""
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a file system")
    yield path
    subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> Path:
    """Write a file that takes what is left of *disk*."""
    path = disk / "filling"
    try:
        with path.open("ab", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return path


async def test_no_login_is_lost_when_the_disk_is_full(
    disk: Path, start_server: StartServer
) -> None:
    """Twice. Meanwhile calls are refused, and the server recovers by itself."""
    url = f"sqlite:///{disk}/skylogin.db"
    server = start_server("dev", "--port", "0", "--database", url, **SETTINGS)
    async with under_load(server) as load:
        for _ in range(2):
            filling = fill(disk)
            await load.wait_for_refusals(REFUSALS)
            filling.unlink()
            await load.wait_for_logins(LOGINS)

    assert problems_in(await read_remains(url), load) == []


def test_a_server_does_not_start_on_a_file_system_that_only_reads(
    disk: Path, start_server: StartServer
) -> None:
    """The start is refused in one line; once it can be written again, it works."""
    url = f"sqlite:///{disk}/skylogin.db"
    start = ("dev", "--port", "0", "--database", url)
    server = start_server(*start)
    assert server.url
    server.stop()
    remount = ["mount", "-o", "remount,{}", str(disk)]
    for mode, code in (("ro", 1), ("rw", 0)):
        subprocess.run([part.format(mode) for part in remount], check=True)
        server = start_server(*start)
        if code:
            assert server.wait() == code
            assert "Read-only file system" in server.log
            assert "Traceback" not in server.log
        else:
            assert server.url
