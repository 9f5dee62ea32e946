"""Four servers on one PostgreSQL database keep to one limit, over five windows of a minute."""

import asyncio
import random
import time
from http import HTTPStatus
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.processes import ServerProcess, StartServer
from tests.stores import SERVE_KEYS

pytestmark = pytest.mark.long

SERVERS, WINDOWS, WINDOW_SECONDS = 4, 5, 60
LIMIT = 600
TOLERANCE = 0.02
# A server reads those of the others at its first exchanges.
DISCOVERY_SECONDS = 3
PATH = "sso/custom_token/login"
HEADERS = {"X-Skygear-API-Key": SERVE_KEYS["API_KEY"]}


@pytest.fixture
def servers(start_server: StartServer, postgresql_url: str, tmp_path: Path) -> list[ServerProcess]:
    """Four servers on one database."""
    environment = {
        **SERVE_KEYS,
        "DATABASE_URL": postgresql_url,
        "HOST": "127.0.0.1:0",
        "SKYLOGIN_LIMITS": f"refused_logins={LIMIT}/m,refused_logins_per_principal=off",
    }
    first = start_server("serve", "--migrate", **environment)
    assert first.url
    return [first, *(start_server("serve", **environment) for _ in range(SERVERS - 1))]


async def let_through(urls: list[str], weights: list[float], seconds: float) -> list[float]:
    """Return when refused logins were let through, at twice the limit offered at a fixed rate."""
    passed: list[float] = []
    chance = random.Random(1)
    began = time.monotonic()

    async def ask(session: ClientSession, url: str) -> None:
        async with session.post(url + PATH, json={"token": "x"}, headers=HEADERS) as answer:
            if answer.status == HTTPStatus.BAD_REQUEST:
                passed.append(time.monotonic() - began)
            else:
                assert answer.status == HTTPStatus.TOO_MANY_REQUESTS
                assert int(answer.headers["Retry-After"]) >= 1

    async with ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(round(seconds * 2 * LIMIT / WINDOW_SECONDS)):
            await asyncio.sleep(
                max(0, began + number * WINDOW_SECONDS / 2 / LIMIT - time.monotonic())
            )
            group.create_task(ask(session, chance.choices(urls, weights)[0]))
    return sorted(passed)


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [9, 1, 1, 1]], ids=["even", "uneven"])
async def test_four_servers_let_through_what_the_limit_says(
    servers: list[ServerProcess], weights: list[float]
) -> None:
    """Within 2 % of it; in the first second at most four times the share of a second."""
    urls = [server.url for server in servers]
    await asyncio.sleep(DISCOVERY_SECONDS)
    passed = await let_through(urls, weights, WINDOWS * WINDOW_SECONDS)

    counts = [
        sum(begin <= at < begin + WINDOW_SECONDS for at in passed)
        for begin in range(0, WINDOWS * WINDOW_SECONDS, WINDOW_SECONDS)
    ]
    print("let through in each window:", counts)
    assert len(passed) == pytest.approx(WINDOWS * LIMIT, rel=TOLERANCE), counts
    assert all(count <= LIMIT * (1 + TOLERANCE) for count in counts), counts
    assert sum(at < 1 for at in passed) <= 4 * LIMIT / WINDOW_SECONDS
