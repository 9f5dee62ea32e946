"""The commands of docs/backups.md for PostgreSQL: what they made is restored with every login."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from skylogin.testing import SkyloginServer

from tests.conftest import Require
from tests.docs.pages import SNIPPETS
from tests.local_services import PostgreSQL, account_of_postgresql, run_postgresql
from tests.waiting import wait_until

DUMP, BASE_BACKUP = [
    one.text for one in SNIPPETS if one.page == "docs/backups.md" and one.text.startswith("pg_")
]
ARCHIVING, RECOVERY = [
    one.text for one in SNIPPETS if one.page == "docs/backups.md" and one.language == "ini"
]
TIME_SHOWN = "2026-01-02 03:04:05+00"

pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that PostgreSQL may write to."""
    path = Path(tempfile.mkdtemp(prefix="skylogin-backups-", dir="/tmp"))
    if account := account_of_postgresql():
        shutil.chown(path, account)
    yield path
    shutil.rmtree(path)


def fetch(url: str, query: str) -> Any:
    """Return the value that *query* selects."""

    async def fetch() -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def log_in(url: str, *subjects: str) -> dict[str, str]:
    """Log in at a server on the database, and return the ids of the users."""
    with SkyloginServer(database=url) as server:
        return {subject: server.app().login(subject).user_id for subject in subjects}


def test_a_dump_has_every_user(postgresql: PostgreSQL, folder: Path) -> None:
    """They keep their ids in a new database."""
    first, second = postgresql.make_database(), postgresql.make_database()
    try:
        users = log_in(first, "alice", "bob")

        run_postgresql(DUMP, folder, DATABASE_URL=first, NEW_DATABASE_URL=second)

        assert log_in(second, "alice", "bob") == users
    finally:
        postgresql.drop_database(first)
        postgresql.drop_database(second)


@pytest.mark.long
def test_a_cluster_goes_back_to_a_point_in_time(require: Require, folder: Path) -> None:
    """Every login until then is there, those after it are not."""
    require("postgresql")
    archive, base = folder / "archive", folder / "base"
    run_postgresql("mkdir archive", folder)
    cluster = PostgreSQL.start(settings=ARCHIVING.replace("/archive", str(archive)))
    try:
        url = cluster.make_database()
        users = log_in(url, "before the backup")
        run_postgresql(
            BASE_BACKUP.replace("/backups/base", str(base)), folder, DATABASE_URL=cluster.url()
        )
        users |= log_in(url, "after the backup")
        then = fetch(url, "SELECT clock_timestamp()")
        late = log_in(url, "too late")
        file = fetch(url, "SELECT pg_walfile_name(pg_switch_wal())")
        archived = f"SELECT coalesce(last_archived_wal, '') >= '{file}' FROM pg_stat_archiver"
        wait_until(lambda: fetch(url, archived))
    finally:
        cluster.stop()

    recovery = RECOVERY.replace("/archive", str(archive)).replace(TIME_SHOWN, str(then))
    cluster = PostgreSQL.start(settings=recovery, base=base)
    try:
        name = url.rpartition("/")[2]
        restored = cluster.url(name)
        wait_until(lambda: fetch(restored, "SELECT NOT pg_is_in_recovery()"))
        known = fetch(restored, "SELECT array_agg(principal) FROM principals")
        assert set(known) == set(users)
        assert log_in(restored, *users) == users
        assert log_in(restored, *late) != late
    finally:
        cluster.stop()
