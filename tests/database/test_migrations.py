"""Migrating and creating make the same tables; a database of another version is refused."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from skylogin.database import Store, migrate, tables
from skylogin.database.tables import metadata
from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import create_async_engine

from tests.processes import ServerProcess, StartServer, run_skylogin

pytestmark = pytest.mark.heavy

SQLITE = "sqlite:///"
KEYS = {"API_KEY": "a key of our own", "MASTER_KEY": "a master key of our own"}
MakeDatabase = Callable[[], str]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def make_database(request: pytest.FixtureRequest, tmp_path: Path) -> MakeDatabase:
    """Make empty databases, each with its own URL."""
    if request.param == "postgresql":
        make: MakeDatabase = request.getfixturevalue("postgresql").make_database
        return make
    names = iter(range(100))
    return lambda: f"{SQLITE}{tmp_path}/{next(names)}.db"


async def schema_after(make: Callable[[Store], Awaitable[None]], url: str) -> dict[str, Any]:
    """Return all that an inspector finds about the tables that *make* makes."""
    store = Store(url)
    try:
        await make(store)
        assert await store.version() == tables.VERSION
    finally:
        await store.close()
    way = url.replace("sqlite:", "sqlite+aiosqlite:").replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(way)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_described)
    finally:
        await engine.dispose()


def _described(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        table: {
            "columns": [
                {**column, "type": repr(column["type"])} for column in inspector.get_columns(table)
            ],
            "primary key": inspector.get_pk_constraint(table),
            "indexes": sorted(inspector.get_indexes(table), key=lambda one: str(one["name"])),
            "unique": inspector.get_unique_constraints(table),
            "foreign keys": inspector.get_foreign_keys(table),
            "checks": inspector.get_check_constraints(table),
        }
        for table in sorted(inspector.get_table_names())
    }


async def test_migrating_an_empty_database_is_the_same_as_creating(
    make_database: MakeDatabase,
) -> None:
    """Columns, types, defaults, keys and indexes, in the same order."""
    created = await schema_after(Store.create, make_database())
    migrated = await schema_after(migrate.upgrade, make_database())

    assert set(created) == {*metadata.tables, "skylogin_version"}
    for table, description in created.items():
        assert migrated[table] == description
    assert set(migrated) == set(created)


@pytest.mark.parametrize("name", ["principals.principal", "auth_keys.folded"])
def test_a_text_that_is_searched_by_its_beginning_keeps_its_type(name: str) -> None:
    """A new PostgreSQL database has the same columns as those made by earlier versions."""
    table, _, column = name.partition(".")
    kind = metadata.tables[table].c[column].type.compile(postgresql.dialect())

    assert kind == 'VARCHAR COLLATE "C"'


async def test_a_database_that_is_up_to_date_stays_as_it_is(make_database: MakeDatabase) -> None:
    """However often it is migrated or created."""

    async def make(store: Store) -> None:
        await store.create()
        await store.create()
        await migrate.upgrade(store)
        await migrate.upgrade(store)

    again = await schema_after(make, make_database())

    assert again == await schema_after(Store.create, make_database())


async def test_two_migrations_at_once_run_one_after_the_other(make_database: MakeDatabase) -> None:
    """If they create or upgrade, the second finds everything done."""
    for ways in ((Store.create,) * 4, (migrate.upgrade,) * 4, (Store.create, migrate.upgrade)):
        url = make_database()
        stores = [Store(url) for _ in ways]
        try:
            await asyncio.gather(*(way(store) for way, store in zip(ways, stores, strict=True)))
            assert await stores[0].version() == tables.VERSION
        finally:
            for store in stores:
                await store.close()


# --- from the command line -----------------------------------------------------


async def set_version(url: str, version: str) -> None:
    """Set the version of the database *url*."""
    statement = f"UPDATE skylogin_version SET version_num = '{version}'"
    if url.startswith(SQLITE):
        with closing(sqlite3.connect(url.removeprefix(SQLITE))) as connection, connection:
            connection.execute(statement)
        return
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.mark.slow
def test_the_command_migrates(make_database: MakeDatabase, tmp_path: Path) -> None:
    """An empty database, and one that is up to date; then a server starts on it."""
    url = make_database()
    for _ in range(2):
        done = run_skylogin(tmp_path, "migrate", "--database", url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == f"the database has version {tables.VERSION}\n"


@pytest.mark.slow
def test_skylogin_serve_migrates_only_on_request(
    postgresql_url: str, tmp_path: Path, start_server: StartServer
) -> None:
    """An empty PostgreSQL database is refused, with the command that helps."""
    arguments = ("serve", "--port", "0", "--database", postgresql_url)
    refused = run_skylogin(tmp_path, *arguments, **KEYS)

    assert refused.returncode == 1
    assert "the database is empty" in refused.stderr
    assert "run `skylogin migrate`" in refused.stderr
    assert "Traceback" not in refused.stderr

    assert start_server(*arguments, "--migrate", **KEYS).url
    assert start_server(*arguments, **KEYS).url


COMMANDS = {
    "dev": ("dev", "--port", "0"),
    "serve": ("serve", "--port", "0"),
    "serve --migrate": ("serve", "--port", "0", "--migrate"),
    "migrate": ("migrate",),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_a_database_of_an_unknown_version_is_refused(
    command: tuple[str, ...], make_database: MakeDatabase, tmp_path: Path
) -> None:
    """It is not changed; the message names both versions and has no traceback."""
    url = make_database()
    store = Store(url)
    await store.create()
    await store.close()
    await set_version(url, "9999")

    refused = run_skylogin(tmp_path, *command, "--database", url, **KEYS)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "9999" in refused.stderr
    assert "Traceback" not in refused.stderr
    store = Store(url)
    assert await store.version() == "9999"
    await store.close()


NOT_A_DATABASE = {
    "a text": (SQLITE + "{folder}/text.db", "text.db"),
    "a folder": (SQLITE + "{folder}", ""),
    "a port where nobody listens": ("postgresql://postgres@127.0.0.1:1/nothing", ""),
    "no URL": ("mysql://localhost/nothing", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("command", ["dev", "migrate", "secret"])
@pytest.mark.parametrize(("url", "file"), NOT_A_DATABASE.values(), ids=NOT_A_DATABASE)
def test_a_file_that_is_not_a_database_is_refused(
    command: str, url: str, file: str, tmp_path: Path
) -> None:
    """By every command that opens it, with a message and no traceback."""
    if file:
        (tmp_path / file).write_text("this is no database, but long enough to be read as one" * 9)
    more = {"dev": ("--port", "0"), "migrate": (), "secret": ("show",)}[command]

    refused = run_skylogin(tmp_path, command, *more, "--database", url.format(folder=tmp_path))

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr != ""
    assert "Traceback" not in refused.stderr


@pytest.mark.slow
def test_several_commands_that_migrate_at_once_all_succeed(
    make_database: MakeDatabase, tmp_path: Path
) -> None:
    """As when several servers are rolled out together."""
    url = make_database()
    running = [ServerProcess(tmp_path, "migrate", "--database", url) for _ in range(4)]

    assert [process.wait() for process in running] == [0] * len(running), running[0].log


@pytest.mark.slow
def test_skylogin_dev_does_not_open_the_database_of_skylogin_serve(
    make_database: MakeDatabase, tmp_path: Path, start_server: StartServer
) -> None:
    """Tests must never empty a database in use; `skylogin serve` can open it again."""
    url = make_database()
    serve = ("serve", "--port", "0", "--database", url, "--migrate")
    server = start_server(*serve, **KEYS)
    assert server.facts["api_key"] == KEYS["API_KEY"]
    assert server.stop() == 0

    refused = run_skylogin(tmp_path, "dev", "--port", "0", "--database", url)

    assert refused.returncode == 1
    assert "belongs to `skylogin serve`" in refused.stderr
    assert start_server(*serve, **KEYS).url
