"""`skylogin backup` and `skylogin restore`: a copy is complete, or there is none."""

import json
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from skylogin.config import ConfigurationError
from skylogin.database import backup, tables
from skylogin.testing import SkyloginServer
from skylogin.web import database_file

from tests.cli.commands import DATABASE, dev_server, files_below, run_command
from tests.full_disk import file_size_limit
from tests.waiting import wait_until

FORMER = Path(__file__).parents[1] / "database" / "earlier_version" / "database.sql"
PRIVATE = "-rw-------"


@pytest.fixture
def path(file_with_tables: Path, tmp_path: Path) -> Path:
    """A database that no server uses, where `skylogin dev` keeps it."""
    path = tmp_path / DATABASE
    path.parent.mkdir(mode=0o700)
    shutil.copyfile(file_with_tables, path)
    path.chmod(0o600)
    return path


def do(folder: Path, *arguments: str, **environment: str) -> Any:
    """Run a command that succeeds, and return the JSON that it prints."""
    done = run_command(folder, *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(folder: Path, *arguments: str) -> str:
    """Run a command that changes no file and says why in one line, which is returned."""
    before = {name: (folder / name).read_bytes() for name in files_below(folder)}

    done = run_command(folder, *arguments)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert {name: (folder / name).read_bytes() for name in files_below(folder)} == before
    return done.stderr


def execute(path: Path, statement: str) -> list[Any]:
    """Execute a statement on a file, and return its rows."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


# --- backup ------------------------------------------------------------------------------


def test_a_backup_is_made_while_clients_log_in(dev: SkyloginServer, tmp_path: Path) -> None:
    """It has everything acknowledged before it, nothing in part, and the server keeps running."""
    app, names = dev.app(), iter(range(1_000_000))
    acknowledged: list[str] = []
    is_done = threading.Event()

    def log_in() -> None:
        while not is_done.is_set():
            acknowledged.append(app.login(f"user{next(names)}").user_id)

    client = threading.Thread(target=log_in)
    client.start()
    try:
        for number in range(3):
            wanted = len(acknowledged) + 20
            wait_until(lambda wanted=wanted: len(acknowledged) >= wanted)
            before = set(acknowledged)
            copied = do(tmp_path, "backup", f"{number}.db")
            file = tmp_path / f"{number}.db"
            for table in ("users", "principals", "records"):
                column = "user_id" if table == "principals" else "id"
                ids = {one for (one,) in execute(file, f"SELECT {column} FROM {table}")}
                assert before <= ids
                assert len(ids) == copied["rows"][table] == copied["rows"]["users"]
            assert stat.filemode(file.stat().st_mode) == PRIVATE
    finally:
        is_done.set()
        client.join()


def test_the_time_of_the_last_backup_is_in_the_database(path: Path, tmp_path: Path) -> None:
    """`doctor` reads it."""
    copied = do(tmp_path, "backup", "copy.db")

    query = "SELECT value FROM settings WHERE app = '' AND name = 'last_backup_at'"
    assert execute(path, query) == [(copied["at"],)]
    assert datetime.fromisoformat(copied["at"]).tzinfo is not None


def test_what_a_backup_does_not_contain_is_listed(path: Path, tmp_path: Path) -> None:
    """Settings, and the tokens in files."""
    (tmp_path / ".env").write_text("API_KEY=a-key\n")

    copied = do(tmp_path, "backup", "copy.db", TOKEN_STORE="fs", TOKEN_STORE_PATH="tokens")

    assert copied["not_included"] == [
        "the settings and keys in .env and the environment",
        "access tokens, which are files in tokens",
    ]


def test_an_existing_file_is_replaced_only_if_asked(path: Path, tmp_path: Path) -> None:
    """And as a whole."""
    file = tmp_path / "copy.db"
    file.write_text("precious")
    assert "exists: --replace replaces it" in refused(tmp_path, "backup", "copy.db")

    do(tmp_path, "backup", "copy.db", "--replace")

    assert execute(file, "SELECT version_num FROM skylogin_version") == [(tables.VERSION,)]
    assert files_below(tmp_path) == {DATABASE, "copy.db"}


NO_TARGETS = {
    "-": "standard output",
    ".": "is not a file",
    "nowhere/copy.db": "No such file or directory",
    DATABASE: "belongs to the database itself",
    f"{DATABASE}-wal": "belongs to the database itself",
}


@pytest.mark.parametrize("target", NO_TARGETS)
def test_a_target_that_cannot_be_written_is_refused(
    target: str, path: Path, tmp_path: Path
) -> None:
    """Also with --replace."""
    assert NO_TARGETS[target] in refused(tmp_path, "backup", target, "--replace")


NO_SOURCES = {
    "text": "file is not a database",
    "empty": "is empty",
    "foreign": "is a database of another program",
    "missing": "does not exist",
    "damaged": "malformed",
    "truncated": "malformed",
}


@pytest.fixture
def sources(path: Path, tmp_path: Path) -> Path:
    """A directory of files that are not whole databases of ours."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "text").write_text("no database" * 100)
    (folder / "empty").touch()
    execute(folder / "foreign", "CREATE TABLE books (id)")
    execute(path, "INSERT INTO settings WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
        " FROM n WHERE i < 2000) SELECT 'app', i, 'value' FROM n")  # fmt: skip
    data = path.read_bytes()
    middle = len(data) - 8 * 4096
    (folder / "damaged").write_bytes(data[:middle] + bytes(4096) + data[middle + 4096 :])
    (folder / "truncated").write_bytes(data[:middle])
    return folder


@pytest.mark.parametrize("source", NO_SOURCES)
def test_a_source_that_is_not_a_whole_database_is_refused(
    source: str, sources: Path, tmp_path: Path
) -> None:
    """Nor restored: one line says why, and nothing is left behind."""
    file = f"sources/{source}"
    backing_up = refused(tmp_path, "backup", "copy.db", "--database", f"sqlite:///{file}")
    assert NO_SOURCES[source] in backing_up
    assert NO_SOURCES[source] in refused(tmp_path, "restore", file, "--replace")


def test_a_full_disk_leaves_nothing_behind(path: Path, tmp_path: Path) -> None:
    """And the next backup succeeds."""
    with file_size_limit(65_536):
        assert "copy.db was not written" in refused(tmp_path, "backup", "copy.db")

    do(tmp_path, "backup", "copy.db")


def test_an_interrupt_leaves_nothing_behind(path: Path, tmp_path: Path) -> None:
    """Ctrl-C or SIGTERM, whatever is done meanwhile."""

    for percent in (0, 50, 100):

        def interrupt(done: int, _: int, after: int = percent) -> None:
            if done >= after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            backup.copy(path, tmp_path / "copy.db", interrupt)
    assert files_below(tmp_path) == {DATABASE}


def test_a_bar_is_shown_from_the_beginning(path: Path, tmp_path: Path) -> None:
    """To its end."""
    done = run_command(tmp_path, "backup", "copy.db", on_terminal=True)

    assert "backed up" in done.stdout


def test_postgresql_has_programs_of_its_own(tmp_path: Path) -> None:
    """The line names them, without the password."""
    url = "postgresql://me:Geheim@127.0.0.1:1/app"
    for command, program in (("backup", "pg_dump"), ("restore", "pg_restore")):
        line = refused(tmp_path, command, "copy.db", "--database", url)
        assert program in line
        assert "Geheim" not in line


# --- restore -----------------------------------------------------------------------------


def test_a_database_comes_back(tmp_path: Path) -> None:
    """With its users, also where no directory is, and at once after the server was killed."""
    with dev_server(tmp_path) as server:
        user_id = server.app().login("alice").user_id
        do(tmp_path, "backup", "copy.db")
    shutil.rmtree(tmp_path / ".skylogin")

    restored = do(tmp_path, "restore", "copy.db")

    assert restored["rows"]["users"] == 1
    assert restored["kept"] is None
    path = tmp_path / DATABASE
    assert execute(path, "SELECT * FROM settings WHERE name = 'owner'") == []
    assert stat.filemode(path.stat().st_mode) == PRIVATE
    with dev_server(tmp_path) as server:
        assert server.app().login("alice").user_id == user_id


@pytest.mark.core
def test_an_existing_database_is_kept_with_its_log(path: Path, tmp_path: Path) -> None:
    """Under another name, and only if asked."""
    do(tmp_path, "backup", "copy.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO settings VALUES ('', 'later', 'value')")
        # As a killed server leaves it.
        files = {name: (tmp_path / name).read_bytes() for name in files_below(path.parent.parent)}
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    assert "--replace keeps it under another name" in refused(tmp_path, "restore", "copy.db")

    restored = do(tmp_path, "restore", "copy.db", "--replace")

    later = "SELECT value FROM settings WHERE name = 'later'"
    kept = Path(restored["kept"])
    assert execute(path, later) == []
    assert kept.with_name(f"{kept.name}-wal").stat().st_size
    assert execute(kept, later) == [("value",)]


def test_nothing_is_restored_under_a_running_server(dev: SkyloginServer, tmp_path: Path) -> None:
    """Whatever is asked."""
    do(tmp_path, "backup", "copy.db")

    done = run_command(tmp_path, "restore", "copy.db", "--replace")

    assert (done.returncode, done.stdout) == (1, "")
    assert "stop it first" in done.stderr
    dev.app().login("alice")


def test_a_backup_of_an_earlier_version(path: Path, tmp_path: Path) -> None:
    """It is made before an upgrade, and restored as it is: the next start migrates it."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FORMER.read_text())
    copied = do(tmp_path, "backup", "copy.db")
    assert copied["version"] < tables.VERSION

    done = run_command(tmp_path, "restore", "copy.db", "--replace")

    assert done.returncode == 0
    assert "run `skylogin migrate`" in done.stderr
    with dev_server(tmp_path) as server:
        assert server.app().login("alice").user_id


def test_a_backup_of_a_newer_version_is_refused(path: Path, tmp_path: Path) -> None:
    """This program could not read it."""
    do(tmp_path, "backup", "copy.db")
    execute(tmp_path / "copy.db", "UPDATE skylogin_version SET version_num = '9999'")

    assert "use a newer one" in refused(tmp_path, "restore", "copy.db", "--replace")


def test_a_restore_that_is_killed_leaves_no_database_that_starts_empty(
    path: Path, tmp_path: Path
) -> None:
    """Until the new file has its place, the old one has two names."""
    kept = backup.keep_old(path, datetime(2026, 1, 2, 3, 4, 5))  # noqa: DTZ001

    assert kept is not None
    assert kept.samefile(path)
    with (
        pytest.raises(ConfigurationError, match="a hard link"),
        database_file.locked(f"sqlite:///{path}"),
    ):
        pass
