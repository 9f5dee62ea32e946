"""The SQLite file of a server: one server uses it, and only its own log is written into it."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from skylogin.clock import system_now
from skylogin.config import ConfigurationError
from skylogin.database import Store
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import apps
from skylogin.web import database_file
from skylogin.web.database_file import ALIVE, NOTE_BYTES_MAX, Lock

from tests.cli.commands import DATABASE, DEV, log_in, run_command
from tests.processes import StartServer
from tests.stores import SQLITE
from tests.waiting import wait_until, wait_until_async


@pytest.fixture
def path(file_with_tables: Path, tmp_path: Path) -> Path:
    """A file with the tables."""
    copy = tmp_path / "skylogin.db"
    shutil.copyfile(file_with_tables, copy)
    return copy


@asynccontextmanager
async def owning(path: Path) -> AsyncIterator[tuple[Lock, Store]]:
    """Lock and own the file at *path* as a server does."""
    with database_file.locked(f"{SQLITE}{path}") as lock:
        assert lock is not None
        store = Store(f"{SQLITE}{path}")
        try:
            async with database_file.owned(lock, store):
                yield lock, store
        finally:
            await store.close()


async def assert_refused(path: Path) -> None:
    """Try to be a second server."""
    with pytest.raises(ConfigurationError, match="another skylogin serves"):
        async with owning(path):
            pass


def lock_of(path: Path) -> Path:
    """Return the path of the lock file."""
    return path.with_name(f"{path.name}.lock")


# --- one server --------------------------------------------------------------------------


async def test_a_lock_file_that_is_removed_is_put_back(path: Path) -> None:
    """Again and again, until the server stops."""
    async with owning(path):
        for _ in range(2):
            lock_of(path).unlink()
            await wait_until_async(lock_of(path).exists)
            await assert_refused(path)
    assert not lock_of(path).exists()


async def test_a_second_server_is_refused_without_the_lock_file(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """By the owner row; by then it has the lock file, so the first one warns once."""
    async with owning(path) as (lock, store):
        assert store.file is not None
        lock_of(path).unlink()
        with database_file.locked(f"{SQLITE}{path}") as second:
            for _ in range(2):
                lock.look(store.file)
            with pytest.raises(ConfigurationError, match="another skylogin serves"):
                async with database_file.owned(second, store):
                    pass
        lock.look(store.file)
        await assert_refused(path)

    assert caplog.text.count("another skylogin has its own") == 1


async def test_a_link_leads_to_the_same_lock(path: Path) -> None:
    """However the file is named."""
    link = path.with_name("link.db")
    link.symlink_to(path)
    async with owning(path):
        await assert_refused(link)


async def test_a_file_with_two_names_is_refused(path: Path) -> None:
    """SQLite would have a log for each, and write over what the other server wrote."""
    path.with_name("other.db").hardlink_to(path)

    with pytest.raises(ConfigurationError, match="a hard link: copy the file instead"):
        async with owning(path):
            pass


async def test_a_server_that_stopped_owns_nothing(path: Path) -> None:
    """Neither by its lock file nor by its row."""
    for _ in range(2):
        async with owning(path):
            pass


def write_owner(path: Path, **members: object) -> None:
    """Write the owner row that a server left."""
    found = path.stat()
    row = {"owner": "another", "file": [found.st_dev, found.st_ino], **members}
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        values = (EVERY_APP, apps.OWNER, json.dumps(row))
        connection.execute("REPLACE INTO settings (app, name, value) VALUES (?, ?, ?)", values)


async def test_an_owner_that_writes_nothing_any_more_is_dead(path: Path) -> None:
    """Whatever its clock was. One that wrote a moment ago may be alive."""
    for age in (2 * ALIVE, -2 * ALIVE):
        write_owner(path, at=(system_now() - age).isoformat())
        async with owning(path):
            pass
    write_owner(path, at=system_now().isoformat())
    await assert_refused(path)


@pytest.mark.parametrize("members", [{}, {"at": "today"}, {"at": "2026-01-01"}, {"at": [1]}])
async def test_an_owner_row_that_says_nothing_locks_nobody_out(
    path: Path, members: dict[str, object]
) -> None:
    """Nor does a lock file that somebody else wrote."""
    write_owner(path, **members)
    for note in ("[" * NOTE_BYTES_MAX, "{", "[]", '{"owner": 1}'):
        lock_of(path).write_text(note)
        async with owning(path):
            pass


async def test_a_copy_has_no_owner(path: Path) -> None:
    """It has the row of the server that uses the original."""
    write_owner(path, at=system_now().isoformat())
    copy = path.with_name("copy.db")
    shutil.copyfile(path, copy)

    async with owning(copy):
        pass


async def test_the_owner_row_is_renewed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the server runs."""
    monkeypatch.setattr(database_file, "LOOKS_PER_BEAT", 1)
    async with owning(path) as (_, store):

        async def row() -> str | None:
            read = await store.run(lambda tx: apps.read_setting(tx, EVERY_APP, apps.OWNER))
            return str(read)

        first = await row()

        async def is_newer() -> bool:
            return await row() != first

        await wait_until_async(is_newer)


@pytest.mark.slow
def test_a_process_is_refused_while_the_lock_file_is_gone(
    start_server: StartServer, tmp_path: Path
) -> None:
    """And the first server keeps running; a killed one does not stop the next."""
    server = start_server(*DEV)
    server.facts  # noqa: B018
    lock = lock_of(tmp_path / DATABASE)
    for _ in range(3):
        wait_until(lock.exists)
        lock.unlink()
        refused = run_command(tmp_path, *DEV)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "another skylogin serves" in refused.stderr
    user_id = log_in(server)["user_id"]
    wait_until(lambda: lock.exists() and lock.stat().st_size)
    for is_removed in (False, True):
        server.kill()
        if is_removed:
            lock.unlink()
        server = start_server(*DEV)
        assert log_in(server)["user_id"] == user_id


# --- the log of another file ----------------------------------------------------------------


def in_place(path: Path, backup: bytes) -> None:
    """Write a backup over the file, as `cp` does. Its last pages are of another state."""
    path.write_bytes(backup[:-8192])


def over_it(path: Path, backup: bytes) -> None:
    """Do the same with a whole one, of the format that `skylogin backup` writes."""
    path.write_bytes(backup[:18] + b"\x01\x01" + backup[20:])


def as_new_file(path: Path, backup: bytes) -> None:
    """Replace the file by a backup that is whole."""
    copy = path.with_name("copy")
    copy.write_bytes(backup)
    copy.rename(path)


def deleted(path: Path, backup: bytes) -> None:
    """Delete the file."""
    path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("is_running", "restore"),
    [
        (True, over_it),
        (True, as_new_file),
        (True, deleted),
        (False, in_place),
        (False, as_new_file),
        (False, deleted),
    ],
)
def test_the_log_of_another_file_is_not_written_into_a_backup(
    is_running: bool,
    restore: Callable[[Path, bytes], None],
    start_server: StartServer,
    tmp_path: Path,
) -> None:
    """The start says what to do and changes no file, however often. Then it works."""
    path = tmp_path / DATABASE
    server = start_server(*DEV)
    log_in(server)
    server.stop()
    backup = path.read_bytes()
    server = start_server(*DEV)
    for number in range(50):
        log_in(server, f"user{number}")
    if is_running:
        restore(path, backup)
        wait_until(lambda: "calls are refused" in server.log)
        server.stop()
    else:
        server.kill()
        restore(path, backup)
    files = [path, path.with_name(f"{path.name}-wal")]
    before = [file.read_bytes() for file in files if file.exists()]

    for _ in range(2):
        refused = run_command(tmp_path, *DEV)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "move skylogin.db-wal and skylogin.db-shm away" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert [file.read_bytes() for file in files if file.exists()] == before

    path.write_bytes(backup)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).rename(tmp_path / f"away{name}")
    log_in(start_server(*DEV))
