"""A store on each database, and a server's services on it, with a clock that does not move."""

import asyncio
import shutil
import sqlite3
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from skylogin import config
from skylogin.actions import table
from skylogin.actions.batches import LoggedAttempt
from skylogin.actions.call import Call
from skylogin.actions.dispatch import Answer, dispatch
from skylogin.actions.services import Services, open_services
from skylogin.apps.registry import App
from skylogin.database import Store
from skylogin.domain.login import Login
from skylogin.domain.login_attempt import Origin
from skylogin.domain.user import User
from skylogin.operations.operator import Operator

from tests.clocks import Clock
from tests.factories import make_attempt
from tests.local_services import PostgreSQL

SQLITE = "sqlite:///"
# What `skylogin serve` accepts.
SERVE_SECRET = "a secret of these tests"
SERVE_KEYS = {"API_KEY": "an-api-key", "MASTER_KEY": "a-master-key-of-these-tests"}
MakeServices = Callable[..., Awaitable[Services]]
LogIn = Callable[..., Awaitable[Login]]
Blocked = Callable[[], AbstractAsyncContextManager[None]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def store_url(
    request: pytest.FixtureRequest, file_with_tables: Path, tmp_path: Path
) -> Iterator[str]:
    """The URL of a database with its tables: each test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        path = tmp_path / "skylogin.db"
        shutil.copyfile(file_with_tables, path)
        yield f"{SQLITE}{path}"
        return
    template = request.getfixturevalue("database_with_tables")
    cluster: PostgreSQL = request.getfixturevalue("postgresql")
    url = cluster.make_database(template)
    yield url
    cluster.drop_database(url)


# Copying the tables takes less time than creating them.
@pytest.fixture(scope="session")
def file_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables, to be copied."""
    path = tmp_path_factory.mktemp("tables") / "skylogin.db"
    asyncio.run(_create_tables(f"{SQLITE}{path}"))
    return path


@pytest.fixture(scope="session")
def database_with_tables(postgresql: PostgreSQL) -> str:
    """The name of a PostgreSQL database with the tables, to be copied."""
    url = postgresql.make_database()
    asyncio.run(_create_tables(url))
    return url.rpartition("/")[2]


async def _create_tables(url: str) -> None:
    store = Store(url)
    await store.create()
    await store.close()


@pytest.fixture
async def make_store(store_url: str) -> AsyncIterator[Callable[[], Awaitable[Store]]]:
    """Open stores on one database, as several servers would."""
    opened: list[Store] = []

    async def make() -> Store:
        opened.append(Store(store_url))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
async def store(make_store: Callable[[], Awaitable[Store]]) -> Store:
    """A store with its tables."""
    return await make_store()


@pytest.fixture
def clock() -> Clock:
    """The clock of the services."""
    return Clock()


MakeOperator = Callable[..., Operator]


@pytest.fixture
def make_operator(store: Store, clock: Clock) -> MakeOperator:
    """Return operators whose settings come from the keywords, by their variables."""

    def make(on: Store = store, **environment: str) -> Operator:
        settings = config.read(environment, config.DEV)
        return Operator(on, settings, via="test", address="192.0.2.9", now=clock, server_now=clock)

    return make


@pytest.fixture
def operator(make_operator: MakeOperator) -> Operator:
    """An operator with default settings, so without a secret."""
    return make_operator()


@pytest.fixture
async def make_services(store: Store, store_url: str, clock: Clock) -> AsyncIterator[MakeServices]:
    """Open services whose settings come from the keywords, by their variables.

    *mode* is that of `skylogin dev`, unless it is `config.SERVE`. *now* is another clock.
    """

    async def make(
        on: Store = store,
        mode: str = config.DEV,
        now: Callable[[], datetime] = clock,
        **environment: str,
    ) -> Services:
        own = {"CUSTOM_TOKEN_SECRET": "a secret"}
        if mode == config.SERVE:
            own = {"CUSTOM_TOKEN_SECRET": SERVE_SECRET, "DATABASE_URL": store_url, **SERVE_KEYS}
        settings = config.read({**own, **environment}, mode)
        return await opened.enter_async_context(open_services(settings, on, now))

    async with AsyncExitStack() as opened:
        yield make


@pytest.fixture
def log_in() -> LogIn:
    """Log in, with a profile of texts, numbers and nulls."""

    async def log_in(services: Services, subject: str, **profile: Any) -> Login:
        return await services.logins.submit(make_item(services, subject, **profile))

    return log_in


def make_item(services: Services, subject: str, **profile: Any) -> LoggedAttempt:
    """Return a login attempt as a handler submits it."""
    attempt = make_attempt(subject, at=services.now(), **profile)
    attempt = attempt._replace(new_user=User(str(uuid.uuid4())))
    origin = Origin("192.0.2.1", str(uuid.uuid4()))
    return LoggedAttempt(services.app, attempt, str(uuid.uuid4()), "sso:custom_token:login", origin)


@pytest.fixture
def writes_blocked(store_url: str, store: Store) -> Blocked:
    """Block all writes during a `with` block, from another connection."""

    @asynccontextmanager
    async def on_sqlite() -> AsyncIterator[None]:
        path = store_url.removeprefix(SQLITE)
        connection = sqlite3.connect(path, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield
        finally:
            connection.close()

    @asynccontextmanager
    async def on_postgresql() -> AsyncIterator[None]:
        connection = await asyncpg.connect(store_url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE settings, users, journal IN EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()

    return on_sqlite if store.dialect == "sqlite" else on_postgresql


Query = Callable[[str], Awaitable[list[Any]]]


@pytest.fixture
def query(store_url: str, store: Store) -> Query:
    """Query the database without the store; rows are tuples."""

    async def on_sqlite(statement: str) -> list[Any]:
        connection = sqlite3.connect(store_url.removeprefix(SQLITE))
        try:
            return connection.execute(statement).fetchall()
        finally:
            connection.close()

    async def on_postgresql(statement: str) -> list[Any]:
        connection = await asyncpg.connect(store_url)
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return on_sqlite if store.dialect == "sqlite" else on_postgresql


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def ask() -> Ask:
    """Dispatch an action as for a call over the wire, and return its answer."""

    async def ask(
        services: Services,
        action: str,
        *,
        key: str = "changeme",
        access_token: str = "",
        app: App | None = None,
        **payload: Any,
    ) -> Answer:
        call = Call(
            app=app or services.app,
            action=table.named(action),
            payload=payload,
            api_key=key,
            access_token=access_token,
            now=(app or services.app).clock(),
            origin=Origin("192.0.2.1", str(uuid.uuid4()), services.settings.keeps_profiles),
        )
        return await dispatch(call, services)

    return ask
