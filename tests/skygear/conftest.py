"""Databases of the original, restored from a dump of a real one, and imports from them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import run_command
from tests.local_services import PostgreSQL

RECORDED = Path(__file__).parent / "recorded"
USERS = json.loads((RECORDED / "users.json").read_text(encoding="utf-8"))
# As the server ran that the dump is from, some days later.
NOW = datetime(2026, 11, 28, tzinfo=UTC)
SETTINGS = {
    "APP_NAME": "_",
    "CUSTOM_TOKEN_SECRET": "ssosecret",
    "TOKEN_STORE": "jwt",
    "TOKEN_STORE_SECRET": "my_skygear_jwt_secret",
    "SKYLOGIN_CONTRACT": "original",
}
READER = "reader"


def psql(url: str, *statements: str, file: Path | None = None) -> str:
    """Run SQL, and return what it prints."""
    commands = [part for one in statements for part in ("-c", one)]
    commands += ["-f", str(file)] if file else []
    done = subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *commands, url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class OldDatabase:
    """A database of the original."""

    url: str

    def sql(self, *statements: str) -> str:
        """Run SQL with the schema of the app `_` first, and return what it prints."""
        return psql(self.url, "SET search_path = app__, public", *statements)

    @property
    def reader_url(self) -> str:
        """Return its URL for a user who may only read."""
        return self.url.replace("postgres@", f"{READER}@", 1)

    def dump(self) -> str:
        """Return all of it as SQL."""
        done = subprocess.run(["pg_dump", self.url], capture_output=True, text=True, check=True)
        return "\n".join(line for line in done.stdout.splitlines() if "restrict " not in line)


@pytest.fixture(scope="session")
def restored(require: Callable[..., None], postgresql: PostgreSQL) -> str:
    """The name of a database restored from the dump, to be copied."""
    require("postgresql-postgis")
    url = postgresql.make_database()
    psql(url, file=RECORDED / "dump.sql")
    # Roles belong to the whole cluster, which other workers use too.
    psql(
        url,
        f"DO $$ BEGIN CREATE ROLE {READER} LOGIN; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$",
        f"GRANT USAGE ON SCHEMA app__ TO {READER}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA app__ TO {READER}",
    )
    return url.rpartition("/")[2]


@pytest.fixture
def old(postgresql: PostgreSQL, restored: str) -> Iterator[OldDatabase]:
    """A database of the original, of this test's own."""
    url = postgresql.make_database(restored)
    yield OldDatabase(url)
    postgresql.drop_database(url)


class NewDatabase:
    """A database of ours, which an import fills and a server uses."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run a command on it."""
        variables = {**SETTINGS, "DATABASE_URL": self.url, **environment}
        return run_command(self.folder, *arguments, **variables)

    def load(self, source: str, *options: str) -> Any:
        """Import the app `_`, and return the report."""
        done = self.run("import-skygear", "--from", source, "--app-name", "_", "--json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(self, source: str, *options: str) -> str:
        """Run an import that must fail, and return its message."""
        done = self.run("import-skygear", "--from", source, *options)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr.rstrip("\n")

    def export(self) -> list[str]:
        """Return all rows that users and records have, but not when they were exported."""
        done = self.run("apps", "export", "-")
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[1:]

    def server(self, **environment: str) -> SkyloginServer:
        """Return a server on it."""
        return SkyloginServer({**SETTINGS, **environment}, self.url, now=lambda: NOW)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def new(
    request: pytest.FixtureRequest, postgresql: PostgreSQL, tmp_path: Path
) -> Iterator[NewDatabase]:
    """An empty database of ours."""
    if request.param == "sqlite":
        yield NewDatabase(f"sqlite:///{tmp_path}/skylogin.db", tmp_path)
        return
    url = postgresql.make_database()
    yield NewDatabase(url, tmp_path)
    postgresql.drop_database(url)
