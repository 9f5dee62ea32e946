"""`/healthz` and `/readyz`, which load balancers ask."""

import asyncio
import logging
import sqlite3
from contextlib import closing
from http import HTTPStatus

import pytest
from skylogin.config import ConfigurationError
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import apps
from skylogin.testing import SkyloginServer
from skylogin.web.keys import SERVICES

from tests.applications import Client, MakeClient
from tests.full_disk import file_size_limit
from tests.local_services import REDIS_PASSWORD, RedisServer
from tests.waiting import wait_until_async


async def checked_at(client: Client) -> str | None:
    """Return the time of the last check that was committed."""
    return await client.app[SERVICES].store.run(
        lambda tx: apps.read_setting(tx, EVERY_APP, apps.WRITTEN_AT), write=False
    )


async def test_a_server_whose_database_cannot_be_written_is_not_ready(client: Client) -> None:
    """Its process still answers, but without the reason."""
    await client.app[SERVICES].store.close()

    health = await client.get("/healthz")
    ready = await client.get("/readyz")

    assert (health.status, await health.text()) == (HTTPStatus.OK, "ok\n")
    assert ready.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert await ready.text() == "the database cannot be written\n"


async def test_a_server_that_can_write_is_ready(client: Client) -> None:
    """It has committed something."""
    answer = await client.get("/readyz")

    assert (answer.status, await answer.text()) == (HTTPStatus.OK, "ok\n")
    assert await checked_at(client) is not None


async def test_probes_share_a_check(client: Client) -> None:
    """Any number of them writes once in a second."""
    await asyncio.gather(*(client.get("/readyz") for _ in range(20)))
    first = await checked_at(client)
    await client.get("/readyz")

    assert await checked_at(client) == first


# --- a file ---------------------------------------------------------------------------------


async def is_ready(client: Client) -> bool:
    """Ask a server; it answers in time, whatever happens."""
    async with asyncio.timeout(5):
        return (await client.get("/readyz")).status == HTTPStatus.OK


async def sign_up(client: Client) -> int:
    """Return the status of a call that writes."""
    return (await client.post("/auth/signup", json={"api_key": "changeme"})).status


@pytest.mark.slow
async def test_a_server_whose_file_is_locked_is_not_ready(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so at once, to every probe and once in the log, and is ready again afterwards."""
    path = client.app[SERVICES].settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [await is_ready(client) for _ in range(3)] == [False] * 3
    await wait_until_async(lambda: is_ready(client))

    lines = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(lines) == 1
    assert "does not answer" in lines[0].getMessage()


@pytest.mark.slow
async def test_a_server_on_a_full_disk_is_not_ready(client: Client) -> None:
    """Until there is space again. A limit on the size of files simulates the full disk."""
    assert await is_ready(client)
    with file_size_limit(8192):
        assert await sign_up(client) == HTTPStatus.SERVICE_UNAVAILABLE
        assert not await is_ready(client)
    await wait_until_async(lambda: is_ready(client))


# --- the token store ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.xdist_group("redis")
async def test_a_server_is_not_ready_while_redis_is_down(
    make_client: MakeClient, redis_server: RedisServer
) -> None:
    """Calls fail, but do not hang."""
    client = await make_client(TOKEN_STORE="redis", TOKEN_STORE_PATH=redis_server.url)
    assert await is_ready(client)
    await asyncio.to_thread(redis_server.stop)

    async def is_down() -> bool:
        return not await is_ready(client)

    await wait_until_async(is_down)
    text = await (await client.get("/readyz")).text()
    status = await sign_up(client)
    await asyncio.to_thread(redis_server.start)
    await wait_until_async(lambda: is_ready(client))

    assert text == "access tokens cannot be stored\n"
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR


@pytest.mark.slow
@pytest.mark.xdist_group("redis")
@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (REDIS_PASSWORD, "another", "refuses the password"),
        (f":{REDIS_PASSWORD}@", "", "refuses the password, or needs one"),
        ("redis://", "rediss://", "TLS"),
    ],
)
def test_a_server_does_not_start_with_a_wrong_url_of_redis(
    old: str, new: str, message: str, redis_server: RedisServer
) -> None:
    """The message has no password."""
    url = redis_server.url.replace(old, new, 1)
    server = SkyloginServer({"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": url})

    with pytest.raises(ConfigurationError, match="TOKEN_STORE_PATH") as caught, server:
        pass

    assert message in str(caught.value)
    assert REDIS_PASSWORD not in str(caught.value)


def test_a_server_does_not_start_without_redis() -> None:
    """The message has the address."""
    environment = {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://:Geheim@127.0.0.1:1"}
    with (
        pytest.raises(ConfigurationError, match=r"refused\): 127\.0\.0\.1:1") as caught,
        SkyloginServer(environment),
    ):
        pass

    assert "Geheim" not in str(caught.value)
