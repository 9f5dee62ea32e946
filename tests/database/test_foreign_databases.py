"""A database of another program is left alone; one with our version table is ours."""

import sqlite3
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from skylogin import config
from skylogin.database import ForeignDatabaseError, Store, migrate, tables
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import apps
from skylogin.web import server

from tests.cli.commands import KEYS, files_below, run_command

pytestmark = pytest.mark.heavy

SQLITE = "sqlite:///"
FOREIGN = {
    "a table": "CREATE TABLE orders (id integer)",
    "a view": "CREATE VIEW orders AS SELECT 1 AS id",
    "the app's own Alembic": "CREATE TABLE alembic_version (version_num varchar(32)); "
    "INSERT INTO alembic_version VALUES ('0004'); CREATE TABLE users (id integer)",
    "a table of our name": "CREATE TABLE journal (id integer)",
}
COMMANDS = {
    "dev": ("dev", "--port", "0"),
    "exec": ("exec", "--", "true"),
    "serve": ("serve", "--port", "0", "--migrate"),
    "migrate": ("migrate",),
    "users": ("users", "find"),
    "import": ("apps", "import", "export.jsonl"),
    "doctor": ("doctor",),
}
TO_FORMER_VERSION = (
    "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); "
    "INSERT INTO alembic_version VALUES ('0004'); DROP TABLE skylogin_version; "
    "DROP TABLE devices; DROP TABLE imports; DROP TABLE limit_counts; "
    "ALTER TABLE users DROP COLUMN origin; ALTER TABLE records DROP COLUMN origin"
)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"{SQLITE}{tmp_path}/theirs.db"


async def run_sql(url: str, script: str) -> list[tuple[object, ...]]:
    """Run statements without the store, and return the rows of the last one."""
    *statements, last = script.split("; ")
    if url.startswith(SQLITE):
        with closing(sqlite3.connect(url.removeprefix(SQLITE))) as file, file:
            for one in statements:
                file.execute(one)
            return file.execute(last).fetchall()
    connection = await asyncpg.connect(url)
    try:
        for one in statements:
            await connection.execute(one)
        return [tuple(row) for row in await connection.fetch(last)]
    finally:
        await connection.close()


async def tables_of(url: str) -> set[object]:
    """Return the names of the tables and views."""
    query = "SELECT name FROM sqlite_master WHERE type != 'index'"
    if not url.startswith(SQLITE):
        query = "SELECT CAST(relname AS text) FROM pg_class WHERE relkind IN ('r', 'v')"
        query += " AND relnamespace = CAST('public' AS regnamespace)"
    return {name for (name,) in await run_sql(url, query)}


@pytest.mark.parametrize("script", FOREIGN.values(), ids=FOREIGN)
async def test_a_foreign_database_is_refused(url: str, script: str) -> None:
    """Whether it is to be read, created or migrated. Nothing is added to it."""
    await run_sql(url, script)
    before = await tables_of(url)
    store = Store(url)
    try:
        for attempt in (store.version, store.create, lambda: migrate.upgrade(store)):
            with pytest.raises(ForeignDatabaseError, match="tables of another program, such as"):
                await attempt()
    finally:
        await store.close()

    assert await tables_of(url) == before


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_every_command_leaves_a_foreign_file_as_it_is(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    """Byte by byte: not even the journal mode changes. It says so in one line."""
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE orders (id integer)")
    (tmp_path / "export.jsonl").touch()
    before, files = path.read_bytes(), files_below(tmp_path)
    end = command.index("--") if "--" in command else len(command)
    arguments = (*command[:end], "--database", f"{SQLITE}{path}", *command[end:])

    done = run_command(tmp_path, *arguments, **KEYS)

    assert done.returncode == 1
    [line] = [line for line in (done.stdout + done.stderr).splitlines() if "'orders'" in line]
    assert "the database has tables of another program, such as 'orders', so" in line
    assert "Traceback" not in done.stderr
    assert (path.read_bytes(), files_below(tmp_path)) == (before, files)


async def test_a_database_with_our_version_table_is_ours(url: str) -> None:
    """Whatever else it holds."""
    store = Store(url)
    try:
        await store.create()
        await run_sql(url, "CREATE TABLE orders (id integer)")
        await store.create()
        await migrate.upgrade(store)
        assert await store.version() == tables.VERSION
    finally:
        await store.close()


@pytest.mark.slow
async def test_other_schemas_and_extensions_do_not_count(postgresql_url: str) -> None:
    """A hosted database has tables of its extensions, and others in their own schemas."""
    await run_sql(
        postgresql_url,
        "CREATE TABLE of_extension (id integer); "
        "ALTER EXTENSION plpgsql ADD TABLE of_extension; "
        "CREATE SCHEMA theirs; CREATE TABLE theirs.orders (id integer)",
    )
    store = Store(postgresql_url)
    try:
        assert await store.version() is None
        await store.create()
        assert await store.version() == tables.VERSION
    finally:
        await store.close()


async def test_the_version_table_of_a_former_database_is_renamed(url: str) -> None:
    """By the migration; until then its version is found."""
    store = Store(url)
    try:
        await store.create()
        await run_sql(url, TO_FORMER_VERSION)
        assert await store.version() == "0004"

        await migrate.upgrade(store)

        assert await store.version() == tables.VERSION
        assert await tables_of(url) == {*tables.metadata.tables, "skylogin_version"}
    finally:
        await store.close()


async def test_dev_refuses_a_former_database_of_serve(url: str) -> None:
    """Before it would migrate it."""
    store = Store(url)
    try:
        await store.create()
        await store.run(lambda tx: apps.keep_setting(tx, EVERY_APP, apps.DEPLOYMENT, "serve"))
        await run_sql(url, TO_FORMER_VERSION)

        with pytest.raises(config.ConfigurationError, match="belongs to `skylogin serve`"):
            async with server.running(config.read({"DATABASE_URL": url, "PORT": "0"}, config.DEV)):
                pass

        assert await store.version() == "0004"
    finally:
        await store.close()


@pytest.mark.parametrize("prepare", ["migrate", "import"])
def test_only_serve_marks_a_database(prepare: str, tmp_path: Path) -> None:
    """A stand-in may use one that was migrated, or that an export was loaded into."""
    database = ("--database", f"{SQLITE}{tmp_path}/x.db")
    assert run_command(tmp_path, "migrate", *database).returncode == 0
    if prepare == "import":
        exported = run_command(tmp_path, "apps", "export", "x.jsonl", *database)
        assert exported.returncode == 0, exported.stderr
        loaded = run_command(tmp_path, "apps", "import", "x.jsonl", *database)
        assert loaded.returncode == 0, loaded.stderr

    done = run_command(tmp_path, "exec", *database, "--", "true")

    assert (done.returncode, done.stderr) == (0, "")
