"""`/healthz` and `/readyz`, which load balancers ask."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from skylogin.config import ConfigurationError
from skylogin.domain.stored_names import EVERY_APP
from skylogin.store import apps
from skylogin.testing import LoginRefusedError, SkyloginServer
from skylogin.web.keys import SERVICES

from tests.applications import Client
from tests.full_disk import file_size_limit
from tests.local_services import REDIS_PASSWORD, RedisServer
from tests.waiting import wait_until


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


# --- a server with a file ----------------------------------------------------------------


def is_ready(server: SkyloginServer) -> bool:
    """Ask a server; it answers in time, whatever happens."""
    return requests.get(f"{server.url}/readyz", timeout=5).status_code == HTTPStatus.OK


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of an SQLite file, as another process may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.slow
def test_a_server_whose_file_is_locked_is_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so at once, to every probe and once in the log, and is ready again afterwards."""
    with SkyloginServer(database=f"sqlite:///{tmp_path}/skylogin.db") as server:
        with locked(tmp_path / "skylogin.db"):
            assert [is_ready(server) for _ in range(3)] == [False] * 3
        wait_until(lambda: is_ready(server))

    lines = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(lines) == 1
    assert "does not answer" in lines[0].getMessage()


@pytest.mark.slow
def test_a_server_on_a_full_disk_is_not_ready(tmp_path: Path) -> None:
    """Until there is space again. A limit on the size of files simulates the full disk."""
    with SkyloginServer(database=f"sqlite:///{tmp_path}/skylogin.db") as server:
        app = server.app()
        assert is_ready(server)
        with file_size_limit(8192):
            with pytest.raises(LoginRefusedError) as refusal:
                app.login("alice")
            assert not is_ready(server)
        wait_until(lambda: is_ready(server))

    assert refusal.value.status == HTTPStatus.SERVICE_UNAVAILABLE


# --- the token store ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.xdist_group("redis")
def test_it_is_not_ready_while_redis_is_down(redis_server: RedisServer) -> None:
    """Calls fail, but do not hang."""
    environment = {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": redis_server.url}
    with SkyloginServer(environment) as server:
        assert is_ready(server)
        redis_server.stop()
        wait_until(lambda: not is_ready(server))
        text = requests.get(f"{server.url}/readyz", timeout=5).text
        with pytest.raises(LoginRefusedError):
            server.app().login("alice")
        redis_server.start()
        wait_until(lambda: is_ready(server))

    assert text == "access tokens cannot be stored\n"


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
def test_it_does_not_start_with_a_wrong_url(
    old: str, new: str, message: str, redis_server: RedisServer
) -> None:
    """The message has no password."""
    url = redis_server.url.replace(old, new, 1)
    server = SkyloginServer({"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": url})

    with pytest.raises(ConfigurationError, match="TOKEN_STORE_PATH") as caught, server:
        pass

    assert message in str(caught.value)
    assert REDIS_PASSWORD not in str(caught.value)


def test_it_does_not_start_without_redis() -> None:
    """The message has the address."""
    environment = {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": "redis://:Geheim@127.0.0.1:1"}
    with (
        pytest.raises(ConfigurationError, match=r"refused\): 127\.0\.0\.1:1") as caught,
        SkyloginServer(environment),
    ):
        pass

    assert "Geheim" not in str(caught.value)
