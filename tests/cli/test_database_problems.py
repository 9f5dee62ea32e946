"""`serve`, `migrate` and `doctor` say in one line why a database cannot be used."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from skylogin.config import ConfigurationError
from skylogin.testing import SkyloginServer

from tests.cli.commands import KEYS, run_command
from tests.local_services import PostgreSQL
from tests.refusing_server import refusing

pytestmark = pytest.mark.heavy

COMMANDS = {
    "serve": ("serve", "--port", "0"),
    "serve --migrate": ("serve", "--port", "0", "--migrate"),
    "migrate": ("migrate",),
    "doctor": ("doctor",),
}


@pytest.fixture(params=COMMANDS)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Run a command on a URL; return what it says when it fails."""

    def run(url: str) -> str:
        done = run_command(tmp_path, *COMMANDS[request.param], "--database", url, **KEYS)
        lines = [
            line for line in (done.stdout + done.stderr).splitlines() if "database" in line.lower()
        ]

        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "Geheim" not in done.stdout + done.stderr
        assert len(lines) == 1
        return lines[0]

    return run


def test_a_database_of_a_later_version_is_refused(
    tmp_path: Path, run: Callable[[str], str]
) -> None:
    """As after an upgrade that is rolled back: the line says what to do."""
    url = f"sqlite:///{tmp_path}/x.db"
    assert run_command(tmp_path, "migrate", "--database", url).returncode == 0
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        connection.execute("UPDATE skylogin_version SET version_num = '9999'")

    assert run(url).endswith("use a newer one, or restore a backup from before the upgrade")


REFUSALS = {
    "28P01": 'password authentication failed for user "me"',
    "3D000": 'database "app" does not exist',
    "57P03": "the database system is starting up",
    "53300": "sorry, too many clients already",
}


@pytest.mark.parametrize("state", REFUSALS)
def test_a_server_that_refuses_the_connection_is_named(
    state: str, run: Callable[[str], str]
) -> None:
    """Its own words are shown."""
    with refusing(state, REFUSALS[state]) as url:
        assert REFUSALS[state] in run(url)


def test_a_server_that_is_not_there_is_named(run: Callable[[str], str]) -> None:
    """The line has its address, and the same words whatever opens the connection."""
    assert "127.0.0.1:1: Connection refused" in run("postgresql://me:Geheim@127.0.0.1:1/app")
    assert "this machine: Connection refused" in run("postgresql:///app?port=1")


def test_a_file_that_is_not_a_database_is_named(run: Callable[[str], str], tmp_path: Path) -> None:
    """SQLite notices when it reads."""
    path = tmp_path / "text.db"
    path.write_text("not a database" * 1000)

    assert "file is not a database" in run(f"sqlite:///{path}")


def test_a_url_that_cannot_be_read_is_explained(run: Callable[[str], str]) -> None:
    """Without the password."""
    assert "has to be encoded" in run("postgresql://me:Geheim@x/y#z@db.example/app")


# --- with a real PostgreSQL --------------------------------------------------------------

slow = pytest.mark.slow


def administer(url: str, *statements: str) -> None:
    """Run *statements* as the administrator."""
    for statement in statements:
        subprocess.run(["psql", "-q", url, "-c", statement], check=True, timeout=60)


@pytest.fixture
def stranger(postgresql_url: str) -> Iterator[str]:
    """The URL of the database for a user without rights."""
    name = f"stranger_{os.getpid()}"
    administer(postgresql_url, f"CREATE ROLE {name} LOGIN")
    yield postgresql_url.replace("postgres@", f"{name}@")
    administer(postgresql_url, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@slow
def test_a_user_needs_the_right_to_create_tables(
    run: Callable[[str], str], stranger: str, postgresql_url: str
) -> None:
    """The database is not called empty."""
    administer(postgresql_url, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")

    assert "may not create tables in schema 'public'" in run(stranger)


@slow
def test_a_user_needs_the_right_to_see_the_schema(
    run: Callable[[str], str], stranger: str, postgresql_url: str
) -> None:
    """Even if the database has the tables."""
    with SkyloginServer(database=postgresql_url):
        pass
    administer(postgresql_url, "REVOKE ALL ON SCHEMA public FROM PUBLIC")

    assert "has no rights on any schema" in run(stranger)


@slow
def test_a_user_needs_the_right_to_read_the_tables(
    run: Callable[[str], str], stranger: str, postgresql_url: str
) -> None:
    """They belong to somebody else."""
    with SkyloginServer(database=postgresql_url):
        pass

    assert "permission denied for table" in run(stranger)


@slow
def test_a_database_in_another_encoding_is_refused(
    run: Callable[[str], str], postgresql: PostgreSQL
) -> None:
    """It could not store most names."""
    name = f"latin_{os.getpid()}"
    administer(
        postgresql.url(),
        f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0",
    )
    try:
        assert "its encoding is LATIN1, and it has to be UTF8" in run(postgresql.url(name))
    finally:
        administer(postgresql.url(), f"DROP DATABASE {name}")


@slow
def test_a_setting_that_the_server_does_not_know_is_named(
    run: Callable[[str], str], postgresql_url: str
) -> None:
    """From the URL's options."""
    assert 'unrecognized configuration parameter "no_such"' in run(
        f"{postgresql_url}?options=-cno_such=1"
    )


@slow
def test_no_server_starts_on_a_database_that_only_reads(
    postgresql_url: str, tmp_path: Path
) -> None:
    """A server does not start on it, and `doctor` notices, although it can be read."""
    with SkyloginServer(database=postgresql_url):
        pass
    name = postgresql_url.rpartition("/")[2]
    administer(postgresql_url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')

    for command in (COMMANDS["serve"], COMMANDS["doctor"]):
        done = run_command(tmp_path, *command, "--database", postgresql_url, **KEYS)

        assert done.returncode == 1
        assert "read-only transaction" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite://", "file::memory:"])
def test_a_server_of_a_test_takes_no_database_in_memory(url: str) -> None:
    """It names what to use instead."""
    server = SkyloginServer(database=url)
    with pytest.raises(ConfigurationError, match="--ephemeral"), server:
        pass
