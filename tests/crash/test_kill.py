"""A server that is killed while clients log in: what it acknowledged is there."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crash.concurrent_logins import Crowd, log_in
from tests.crash.remains import faults_in, read_remains
from tests.processes import ServerProcess

ROUNDS = [10, pytest.param(50, marks=pytest.mark.long)]
# Every login stays in the journal, to be compared with what was acknowledged.
SETTINGS = {"SKYLOGIN_LOGIN_LOG_ROWS_MAX": "100000000", "CUSTOM_TOKEN_SECRET": "a secret of ours"}
PRESSED_SECONDS = (0.1, 1.5)
STARTING_SECONDS = (0.0, 1.2)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]
StartServer = Callable[..., ServerProcess]


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_every_acknowledged_login_survives_a_kill(
    rounds: int, database: str, start_server: StartServer
) -> None:
    """After a kill under load all that was acknowledged is there, and nothing is half there."""
    crowd = Crowd()
    server = start_server("dev", "--port", "0", "--database", database, **SETTINGS)
    for _ in range(rounds):
        pressing = asyncio.create_task(crowd.press(server))
        await asyncio.sleep(random.uniform(*PRESSED_SECONDS))
        server.kill()
        await pressing

        server = start_server("dev", "--port", "0", "--database", database, **SETTINGS)
        assert server.url
        assert faults_in(await read_remains(database), crowd) == []

    everybody = [*crowd.people(), *crowd.shared]
    acknowledged = sum(person.answers for person in everybody)
    assert acknowledged >= rounds
    print(f"{rounds} kills, {acknowledged} logins acknowledged, {len(everybody)} principals")
    assert server.stop() == 0


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_a_server_killed_while_it_starts_starts_again(
    rounds: int, empty_database: Callable[[], str], start_server: StartServer
) -> None:
    """Whatever was made of the tables by then, the next start completes, and logs people in."""
    import aiohttp  # noqa: PLC0415

    for _ in range(rounds):
        database = empty_database()
        arguments = ("dev", "--port", "0", "--database", database)
        server = start_server(*arguments)
        time.sleep(random.uniform(*STARTING_SECONDS))  # noqa: ASYNC251
        server.kill()
        server = start_server(*arguments)
        async with aiohttp.ClientSession() as session:
            status, answer = await log_in(session, server, "alice", {"username": "alice"})
        assert (status, answer["result"]["profile"]["username"]) == (200, "alice")
        server.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make empty databases, each with a URL of its own."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("postgresql").make_database
        return make
    names = iter(range(1_000_000))
    return lambda: f"sqlite:///{tmp_path}/{next(names)}.db"


@pytest.fixture
def database(empty_database: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return empty_database()
