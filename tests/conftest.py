"""The fixtures of all tests."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from tests import needs
from tests.kits.installed_kits import INSTALL, InstalledKit
from tests.local_services import PostgreSQL, RedisServer, shared_postgresql
from tests.processes import ServerProcess

pytest_plugins = ["pytester", "tests.applications", "tests.packages", "tests.stores"]

# A shell starts a background job with SIGINT ignored. Commands would inherit that from a
# run in the background, and tests send them Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# For `make fast`: a fifth of the examples, which finds most errors at once.
settings.register_profile("fast", max_examples=20, deadline=None)
# How long an example takes says more about the machine than about the code.
settings.register_profile("default", deadline=None)
settings.load_profile("default")


# The thousands of collected tests stay until the end: garbage collection does not look at them.
# It took half of the time of collecting.
gc.disable()

# With these a test has a database of its own, and mostly an application too: `make fast` leaves
# it out unless it is one of the core.
DATABASE_FIXTURES = {"file_with_tables", "dev"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests with a database as heavy, before pytest selects by marks."""
    for item in items:
        own = DATABASE_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if own and not item.get_closest_marker("core"):
            item.add_marker(pytest.mark.heavy)


def pytest_collection_finish() -> None:
    """Begin with garbage collection."""
    gc.freeze()
    gc.enable()


Require = Callable[..., None]


@pytest.fixture(scope="session")
def require() -> Require:
    """Skip the test if something is missing that it needs, or fail where every test must run.

    The arguments are names of `tests.needs`.
    """

    def require(*names: str) -> None:
        missing = needs.missing(*names)
        if missing is None:
            return
        # `make test` sets TEST_ALL where it can install what is missing: a skipped
        # test would go unnoticed there.
        if os.environ.get("CI") or os.environ.get("TEST_ALL") == "1":
            pytest.fail(missing, pytrace=False)
        pytest.skip(missing)

    return require


@pytest.fixture(scope="session")
def installed_kit(
    require: Require, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], InstalledKit | None]:
    """Install the kit for a language once; None where the language has none to install."""

    @cache
    def installed_kit(language: str) -> InstalledKit | None:
        if language not in INSTALL:
            return None
        needed, install = INSTALL[language]
        require(*needed)
        return install(tmp_path_factory.mktemp(f"kit-{language}"))

    return installed_kit


@pytest.fixture(scope="session")
def postgresql(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A PostgreSQL cluster, one for all workers of a run; tests that use it are marked slow."""
    require("postgresql")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        # Each worker has a directory of its own in that of the run.
        folder = folder.parent
    with shared_postgresql(folder) as cluster:
        yield cluster


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    url = postgresql.make_database()
    yield url
    postgresql.drop_database(url)


@pytest.fixture(scope="session")
def redis_process(require: Require) -> Iterator[RedisServer]:
    """A Redis server; tests that use it are marked slow and in the xdist group `redis`."""
    require("redis-server")
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The Redis server, empty."""
    redis_process.start()
    return redis_process


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers in the test's own directory; those that still run at its end are killed."""
    started: list[ServerProcess] = []

    def start(*arguments: str, **environment: str) -> ServerProcess:
        started.append(ServerProcess(tmp_path, *arguments, **environment))
        return started[-1]

    yield start
    for server in started:
        server.kill()
