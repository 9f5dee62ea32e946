"""A PostgreSQL to measure on: the tests' throwaway cluster, with PostgreSQL's own durability."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]

sys.path.append(str(Path(__file__).parents[1]))

from tests import local_services


@contextmanager
def postgresql() -> Iterator[str | None]:
    """Give the URL of an empty database, or None where PostgreSQL is missing."""
    if not local_services.can_run_postgresql():
        yield None
        return
    cluster = local_services.PostgreSQL.start()
    try:
        yield cluster.make_database()
    finally:
        cluster.stop()


def rows_written(url: str) -> int:
    """Return how many rows were ever inserted into the database at *url*."""

    async def ask() -> int:
        connection = await asyncpg.connect(url)
        try:
            query = "SELECT coalesce(sum(n_tup_ins), 0)::bigint FROM pg_stat_user_tables"
            return int(await connection.fetchval(query))
        finally:
            await connection.close()

    return asyncio.run(ask())
