"""A PostgreSQL to measure on: the tests' throwaway cluster, with PostgreSQL's own durability."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
