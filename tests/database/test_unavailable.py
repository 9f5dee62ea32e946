"""A database that cannot be used has its own answer, unlike any other."""

import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import asyncpg
import pytest
from skylogin import config
from skylogin.actions.services import open_services
from skylogin.database import Store, Transaction
from skylogin.database.failures import UnusableDatabaseError
from skylogin.database.sqlite_file import LOOK_SECONDS, SqliteFile
from skylogin.errors import UNABLE_TO_OPEN_DATABASE, SkygearError
from skylogin.store import apps
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from tests.factories import make_token
from tests.refusing_server import refusing
from tests.stores import Ask, Clock

APP = "myapp"
STATES = {
    "57P03": "the database system is starting up",
    "57P01": "terminating connection due to administrator command",
    "53300": "sorry, too many clients already",
    "53200": "out of memory",
    "28P01": 'password authentication failed for user "me"',
    "28000": "no pg_hba.conf entry for host",
    "3D000": 'database "app" does not exist',
    "55000": 'database "app" is not currently accepting connections',
    "42501": 'permission denied for database "app"',
    "08P01": "no more connections allowed",
    "58030": "could not open file",
    "XX002": "index is damaged",
}


async def write(store: Store) -> str:
    """Write something."""
    return await store.run(lambda tx: apps.keep_setting(tx, APP, "name", "value"))


@pytest.mark.heavy
@pytest.mark.parametrize("state", STATES)
async def test_a_server_that_refuses_connections_is_unavailable(state: str) -> None:
    """The refusal says why, without the URL's password."""
    message = STATES[state]
    with refusing(state, message) as url:
        store = Store(url)
        with pytest.raises(SkygearError) as caught:
            await write(store)
        await store.close()

    assert caught.value.kind is UNABLE_TO_OPEN_DATABASE
    assert caught.value.message == "unable to open the database"
    assert caught.value.explanation == f"the database cannot be used: {message}"


UNREACHABLE = {
    "refused": ("postgresql://127.0.0.1:1/app", "127.0.0.1:1: "),
    "unknown host": ("postgresql://no-such-host.invalid/app", "no-such-host.invalid:5432: "),
    "no TLS": ("{server}?sslmode=require", "rejected SSL upgrade"),
    "no certificate": ("{server}?sslmode=verify-full&sslrootcert=/no.pem", "/no.pem"),
    "no socket": ("postgresql:///app?host=/no-such-folder", "/no-such-folder"),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", UNREACHABLE)
async def test_a_server_that_cannot_be_reached_is_unavailable(name: str) -> None:
    """The refusal names the address."""
    url, message = UNREACHABLE[name]
    with refusing("XX000", "never sent") as server:
        store = Store(url.format(server=server))
        with pytest.raises(SkygearError) as caught:
            await write(store)
        await store.close()

    assert caught.value.kind is UNABLE_TO_OPEN_DATABASE
    assert message in caught.value.explanation
    assert len(caught.value.explanation.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_server_that_only_reads_is_unavailable_until_it_writes(
    store: Store, store_url: str
) -> None:
    """After a failover, open connections lead to it; they are replaced."""
    await write(store)
    administrator = await asyncpg.connect(store_url)
    name = store_url.rpartition("/")[2]
    setting = f'ALTER DATABASE "{name}" SET default_transaction_read_only'
    await administrator.execute(f"{setting} = on")
    await store.close()
    store = Store(store_url)
    try:
        with pytest.raises(SkygearError, match="unable to open"):
            await write(store)
        assert await store.run(lambda tx: apps.read_setting(tx, APP, "name"), write=False)

        await administrator.execute(f"BEGIN READ WRITE; {setting} = off; COMMIT")

        assert await write(store) == "value"
    finally:
        await store.close()
        await administrator.close()


async def test_only_a_taken_key_is_a_conflict(store: Store) -> None:
    """Any other broken constraint is a mistake of ours: it is not retried, and it is seen."""
    runs: list[int] = []

    async def break_constraint(tx: Transaction) -> None:
        runs.append(1)
        await tx.connection.execute(
            text("INSERT INTO settings (app, name, value) VALUES ('a', 'b', NULL)")
        )

    with pytest.raises(IntegrityError):
        await store.run(break_constraint)

    assert len(runs) == 1


@pytest.fixture
async def file_store(file_with_tables: Path, tmp_path: Path) -> AsyncIterator[Store]:
    """A store on an SQLite file in the test's directory."""
    path = tmp_path / "skylogin.db"
    shutil.copyfile(file_with_tables, path)
    store = Store(f"sqlite:///{path}")
    yield store
    await store.close()


def damage(path: Path) -> None:
    """Overwrite the file's pages but the first."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))


def replace_with_text(path: Path) -> None:
    """Replace the file by one that is not a database."""
    path.write_text("not a database" * 1000)


def replace_with_folder(path: Path) -> None:
    """Replace the file by a directory."""
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("harm", [damage, replace_with_text, replace_with_folder])
async def test_a_file_that_cannot_be_used_is_unavailable(
    harm: Callable[[Path], None], file_store: Store, tmp_path: Path
) -> None:
    """Whatever is wrong with it."""
    harm(tmp_path / "skylogin.db")

    with pytest.raises(SkygearError, match="unable to open"):
        await write(file_store)


def delete(path: Path) -> None:
    """Delete the file."""
    path.unlink()


def replace_with_copy(path: Path) -> None:
    """Replace the file, as a backup that is restored does."""
    copy = path.with_suffix(".copy")
    shutil.copyfile(path, copy)
    copy.rename(path)


def delete_log(path: Path) -> None:
    """Delete the log, which has the latest logins."""
    path.with_name(f"{path.name}-wal").unlink()


def replace_log(path: Path) -> None:
    """Replace the log, as a restored copy of all files does."""
    replace_with_copy(path.with_name(f"{path.name}-wal"))


@pytest.mark.parametrize("harm", [delete, replace_with_copy, delete_log, replace_log])
async def test_a_file_that_is_gone_is_unavailable(
    harm: Callable[[Path], None], file_store: Store, tmp_path: Path
) -> None:
    """Nothing is written to a file that will be gone with the process, nor into the new one."""
    path = tmp_path / "skylogin.db"
    await write(file_store)
    assert file_store.file is not None
    file_store.file.look()
    harm(path)
    after = path.read_bytes() if path.exists() else None
    file_store.file.look()

    for is_write in (True, False):
        with pytest.raises(SkygearError) as caught:
            await file_store.run(lambda tx: apps.read_setting(tx, APP, "name"), write=is_write)
        assert "was deleted or replaced: restart" in caught.value.explanation

    assert (path.read_bytes() if path.exists() else None) == after


async def test_a_file_that_was_replaced_is_not_changed_at_the_end(
    file_store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log of the old file stays beside it. One line says what happened."""
    path = tmp_path / "skylogin.db"
    await write(file_store)
    replace_with_copy(path)
    before = path.read_bytes()
    assert file_store.file is not None
    for _ in range(3):
        file_store.file.look()

    await file_store.close()

    assert path.read_bytes() == before
    assert path.with_name("skylogin.db-wal").exists()
    assert caplog.messages == [
        f"{path} was deleted or replaced: calls are refused; restart the server"
    ]


async def test_a_file_that_is_put_back_is_used_again(file_store: Store, tmp_path: Path) -> None:
    """It is the same file, with all that was written to it."""
    path, elsewhere = tmp_path / "skylogin.db", tmp_path / "elsewhere"
    await write(file_store)
    assert file_store.file is not None
    path.rename(elsewhere)
    file_store.file.look()
    with pytest.raises(SkygearError):
        await write(file_store)
    elsewhere.rename(path)
    file_store.file.look()

    assert await write(file_store) == "value"


async def test_the_paths_are_looked_at_once_a_second(tmp_path: Path) -> None:
    """Looking more often would cost every login."""
    now = [0.0]
    path = tmp_path / "skylogin.db"
    file = SqliteFile(str(path), lambda: now[0])
    file.open()
    path.unlink()
    file.check()
    now[0] = LOOK_SECONDS

    with pytest.raises(UnusableDatabaseError):
        file.check()


async def test_a_file_without_space_is_unavailable(file_store: Store) -> None:
    """SQLite itself limits the file: the same error as on a full disk."""

    async def fill(tx: Transaction) -> None:
        await tx.connection.execute(text("PRAGMA max_page_count = 1"))
        for number in range(1000):
            await apps.keep_setting(tx, APP, f"{number}", "x" * 1000)

    with pytest.raises(SkygearError) as caught:
        await file_store.run(fill)

    assert caught.value.explanation == "the database cannot be used: database or disk is full"


async def test_calls_are_refused_while_the_database_is_not_available(
    file_store: Store, tmp_path: Path, clock: Clock, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    """Each as the original does; the log has few lines, and no traceback."""
    settings = config.read({"CUSTOM_TOKEN_SECRET": "a secret"}, config.DEV)
    async with open_services(settings, file_store, clock) as services:
        with closing(sqlite3.connect(tmp_path / "skylogin.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(tmp_path / "skylogin.db")
        for number in range(7):
            token = make_token(sub=f"{number}", secret="a secret")
            answer = await ask(services, "sso:custom_token:login", token=token)

            assert answer.status == HTTPStatus.SERVICE_UNAVAILABLE
            assert answer.body["error"] == {
                "name": "UnexpectedUnableToOpenDatabase",
                "code": 10002,
                "message": "unable to open the database",
            }
        await services.app.login_log.write()
        messages = caplog.messages
        names = [record.name for record in caplog.records]
        assert names == ["skylogin.trouble", "skylogin.login_log"]
        assert all("database disk image is malformed" in message for message in messages)
        assert "left out 0 refused attempts, and 7 wait" in messages[1]
        assert not any(record.exc_info for record in caplog.records)
