"""The application, served in the test's own event loop, and pytest-aiohttp's client of it."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient, AiohttpServer
from skylogin import config
from skylogin.clock import system_now
from skylogin.database import Store
from skylogin.web import metrics_page, server
from skylogin.web.application import make_application

Client = TestClient[Any, Any]
MakeClient = Callable[..., Awaitable[Client]]


@pytest.fixture
async def make_client(
    aiohttp_server: AiohttpServer,
    aiohttp_client: AiohttpClient,
    file_with_tables: Path,
    tmp_path: Path,
) -> AsyncIterator[MakeClient]:
    """Serve the application as `skylogin dev` does, and return a client of it.

        client = await make_client(API_KEY="a key", CUSTOM_TOKEN_SECRET="a secret")
        answer = await client.post("/me", json={"api_key": "a key"})

    Keywords are settings, by their variables; *mode* is `config.DEV` or `config.SERVE`, *now* the
    server's clock. The database is an SQLite file of this application's own, unless DATABASE_URL
    names one that has its tables. What the server holds is in `client.app[application.SERVICES]`:
    its store is `….store`. A path that must not be normalised is given as
    `yarl.URL(path, encoded=True)`. A test may call this several times.
    """
    numbers = itertools.count()
    async with AsyncExitStack() as stack:

        async def make(
            mode: str = config.DEV,
            *,
            now: Callable[[], datetime] = system_now,
            **environment: str,
        ) -> Client:
            url = environment.get("DATABASE_URL", "")
            if not url:
                path = tmp_path / f"{next(numbers)}.db"
                shutil.copyfile(file_with_tables, path)
                url = f"sqlite:///{path}"
            settings = config.read({**environment, "DATABASE_URL": url}, mode)
            store = Store(
                url, has_test_clocks=mode == config.DEV, metrics=metrics_page.make_metrics()
            )
            stack.push_async_callback(store.close)
            application = make_application(settings, store, now)
            served = await aiohttp_server(application, **server.RUNNER_OPTIONS)
            stack.push_async_callback(served.close)
            client = await aiohttp_client(served)
            stack.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture
async def client(make_client: MakeClient) -> Client:
    """A client of the application with the settings of a bare `skylogin dev`."""
    return await make_client()


async def send_lines(client: Client, *lines: str) -> tuple[int, str]:
    """Send a request as it is written, and return the status and the rest of the answer."""
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode())
    answer = (await reader.read()).decode()
    writer.close()
    return int(answer.split()[1]), answer.partition("\r\n")[2]
