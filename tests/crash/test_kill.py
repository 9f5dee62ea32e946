"""A server that is killed while clients log in: every login it acknowledged is stored."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest

from tests.crash.concurrent_logins import SETTINGS, Load, log_in
from tests.crash.remains import problems_in, read_remains
from tests.processes import StartServer

# On both databases 30 kills, and 1,000 in `make test-long`. A round of the second test starts two
# servers.
ROUNDS = [10, pytest.param(400, marks=pytest.mark.long)]
ROUNDS_OF_STARTS = [5, pytest.param(100, marks=pytest.mark.long)]
LOGINS_MAX = 150
STARTING_SECONDS_MAX = 1.2

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]


@pytest.mark.parametrize("rounds", ROUNDS)
async def test_every_acknowledged_login_survives_a_kill(
    rounds: int, database: str, start_server: StartServer
) -> None:
    """Nothing that was acknowledged is lost, and nothing is stored in part."""
    load = Load()
    server = start_server("dev", "--port", "0", "--database", database, **SETTINGS)
    for _ in range(rounds):
        running = asyncio.create_task(load.run(server))
        await load.wait_for_logins(random.randint(1, LOGINS_MAX))
        server.kill()
        await running

        server = start_server("dev", "--port", "0", "--database", database, **SETTINGS)
        assert server.url
        assert problems_in(await read_remains(database), load) == []

    subjects = [*load.own_subjects(), *load.shared]
    print(f"{rounds} kills, {load.acknowledged} acknowledged logins, {len(subjects)} subjects")
    assert load.acknowledged >= rounds
    assert server.stop() == 0


@pytest.mark.parametrize("rounds", ROUNDS_OF_STARTS)
async def test_a_server_killed_while_it_starts_starts_again(
    rounds: int, empty_database: Callable[[], str], start_server: StartServer
) -> None:
    """The next start completes the tables, and logins succeed."""
    for _ in range(rounds):
        arguments = ("dev", "--port", "0", "--database", empty_database())
        server = start_server(*arguments)
        # Not a wait: the moment of the kill is what differs between rounds.
        time.sleep(random.uniform(0, STARTING_SECONDS_MAX))  # noqa: ASYNC251
        server.kill()
        server = start_server(*arguments)
        async with aiohttp.ClientSession() as session:
            status, answer = await log_in(session, server, "alice", {"username": "alice"})
        assert (status, answer["result"]["profile"]["username"]) == (200, "alice")
        server.kill()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Make empty databases, each with its own URL."""
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("postgresql").make_database
        return make
    names = iter(range(1_000_000))
    return lambda: f"sqlite:///{tmp_path}/{next(names)}.db"


@pytest.fixture
def database(empty_database: Callable[[], str]) -> str:
    """The URL of an empty database."""
    return empty_database()
