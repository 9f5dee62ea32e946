"""PgBouncer in front of PostgreSQL, in its session and transaction mode."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from skylogin.database import Store, Transaction, migrate, tables
from skylogin.errors import SkygearError
from skylogin.testing import SkyloginServer
from sqlalchemy import text

from tests import pgbouncer
from tests.conftest import Require
from tests.factories import NOW

pytestmark = pytest.mark.slow
CLIENTS, LOGINS = 8, 15


@pytest.fixture(params=["session", "transaction"])
def mode(request: pytest.FixtureRequest) -> str:
    """How long a client keeps a connection to the server."""
    return str(request.param)


@pytest.fixture
def pooled_url(postgresql_url: str, mode: str, require: Require) -> Iterator[str]:
    """The URL of an empty database, through the pooler."""
    require("pgbouncer")
    with pgbouncer.running(postgresql_url, mode) as url:
        yield url


@pytest.mark.parametrize("query", ["", "?pgbouncer=true", "?options=-csearch_path=public"])
def test_clients_log_in_at_once_after_every_start(pooled_url: str, query: str) -> None:
    """The pooler is found, or named. Nothing stays on its connections for the next start."""
    for start in range(8 if not query else 2):
        with SkyloginServer(database=f"{pooled_url}{query}") as server:
            app = server.app()

            def log_in(client: int) -> None:
                for number in range(LOGINS):
                    name = f"{start}-{client}-{number}"  # noqa: B023
                    app.login(name, profile={"username": name, "number": number})  # noqa: B023

            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(log_in, range(CLIENTS)))

            assert len(app.users) == (start + 1) * CLIENTS * LOGINS


def test_times_do_not_depend_on_the_servers_time_zone(pooled_url: str) -> None:
    """What belongs to a connection is set for each transaction."""
    with SkyloginServer(database=f"{pooled_url}?options=-ctimezone=Asia/Kathmandu") as server:
        app = server.app()
        app.clock.freeze(NOW)
        app.login("alice")

        assert app.login("alice").last_login_at == NOW
        assert app.users["alice"].last_login_at == NOW


async def test_a_database_is_migrated_through_a_pooler(pooled_url: str) -> None:
    """By several servers at once, from the first migration to the last."""
    store = Store(pooled_url)

    await asyncio.gather(*(migrate.upgrade(store) for _ in range(3)))

    assert await store.version() == tables.VERSION
    await store.close()


async def test_a_query_ends_through_a_pooler(pooled_url: str) -> None:
    """At its limit, and when its caller leaves."""
    store = Store(pooled_url, query_seconds=1)

    async def sleep(tx: Transaction) -> None:
        await tx.connection.execute(text("SELECT pg_sleep(600)"))

    for seconds, refusal in ((30, SkygearError), (0.2, TimeoutError)):
        with pytest.raises(refusal):
            await asyncio.wait_for(store.run(sleep, write=False, is_query=True), seconds)
    await store.close()
