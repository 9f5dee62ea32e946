"""Databases of the original, restored from a dump of a real one, and imports from them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local_services import PostgreSQL
from tests.skygear.databases import READER, RECORDED, NewDatabase, OldDatabase, psql


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
