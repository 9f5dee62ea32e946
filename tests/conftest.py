"""What every test may ask for."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.local_services import PostgreSQL, RedisServer, postgresql_missing, redis_missing
from tests.processes import ServerProcess

pytest_plugins = ["pytester", "tests.applications", "tests.stores"]

# For `make fast`: a fifth of the examples, which finds most faults at once.
settings.register_profile("fast", max_examples=20)
Require = Callable[[str | None], None]


@pytest.fixture(scope="session")
def require() -> Require:
    """Skip the test for the reason given, if one is, or fail where all must be tested."""

    def require(missing: str | None) -> None:
        if missing is None:
            return
        # TEST_ALL is set by `make test` where it may install what is missing. A
        # skipped test would then go unnoticed.
        if os.environ.get("CI") or os.environ.get("TEST_ALL") == "1":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)

    return require


@pytest.fixture(scope="session")
def postgresql(require: Require) -> Iterator[PostgreSQL]:
    """A PostgreSQL of our own, for all tests; a test that asks for it is marked slow."""
    require(postgresql_missing())
    cluster = PostgreSQL.start()
    yield cluster
    cluster.stop()


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The URL of an empty database that is this test's alone."""
    url = postgresql.make_database()
    yield url
    postgresql.drop_database(url)


@pytest.fixture(scope="session")
def redis_process(require: Require) -> Iterator[RedisServer]:
    """A Redis of our own, for all tests; a test that asks for it is marked slow."""
    require(redis_missing())
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The Redis, with nothing in it."""
    redis_process.start()
    return redis_process


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers in a folder of this test's own; what still runs at its end is killed."""
    started: list[ServerProcess] = []

    def start(*arguments: str, **environment: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path, *arguments, **environment))
        return started[-1]

    yield start
    for server in started:
        server.kill()
