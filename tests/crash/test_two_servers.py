"""Two servers on one PostgreSQL database, started at once while it is empty."""

import asyncio
import json
import random
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from tests.crash.concurrent_logins import log_in
from tests.processes import ServerProcess, StartServer, run_skylogin
from tests.waiting import wait_until_async

CLIENTS, SUBJECTS, LOGINS_EACH = 64, 100, 6
REVOKED_SECONDS_MAX = 2.0
KEYS = {"API_KEY": "a key of our own", "MASTER_KEY": "a master key of our own"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("timing")]
Servers = tuple[ServerProcess, ServerProcess]
Answers = list[tuple[str, int, Any]]
Login = tuple[ServerProcess, str, dict[str, Any]]

PROFILES: dict[str, Callable[[str], dict[str, Any]]] = {
    "no profile": lambda subject: {},
    "user names": lambda subject: {"username": subject, "email": f"{subject}@example.com"},
    "a new field": lambda subject: {"colour": subject, "size": {"w": 1}},
    "both": lambda subject: {"username": subject.upper(), f"of {subject[-1]}": 1},
}


@pytest.fixture
def secret() -> str | None:
    """The custom token secret of both servers; with None they generate one."""
    return "a secret of ours"


@pytest.fixture
def servers(secret: str | None, postgresql_url: str, start_server: StartServer) -> Servers:
    """Two servers that started together and are ready."""
    arguments = ("dev", "--port", "0", "--database", postgresql_url)
    environment = {} if secret is None else {"CUSTOM_TOKEN_SECRET": secret}
    both = start_server(*arguments, **environment), start_server(*arguments, **environment)
    assert all(server.facts for server in both)
    return both


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
async def test_each_principal_becomes_one_user(
    profile: Callable[[str], dict[str, Any]], servers: Servers, postgresql_url: str
) -> None:
    """Though many clients log in with it for the first time at once, on both servers."""
    subjects = [f"person-{number}" for number in range(SUBJECTS)] * LOGINS_EACH
    # In this order the first logins of a principal come at the same time.
    subjects.sort(key=lambda subject: (int(subject[7:]) // 10, random.random()))

    answers = await log_all_in(
        [
            (servers[number % 2], subject, profile(subject))
            for number, subject in enumerate(subjects)
        ]
    )

    assert [answer for _, status, answer in answers if status != HTTPStatus.OK] == []
    users = {(subject, answer["result"]["user_id"]) for subject, _, answer in answers}
    assert len(users) == SUBJECTS
    assert await count_rows(postgresql_url, "principals", "users", "records") == [SUBJECTS] * 3


async def test_a_field_gets_one_type_though_each_server_adds_another(servers: Servers) -> None:
    """The first login decides; the others are refused."""
    values = ("text", 1)
    logins = [
        (servers[number % 2], f"person-{number}", {"f": values[number % 2]})
        for number in range(CLIENTS)
    ]

    answers = await log_all_in(logins)

    outcome = {(number % 2, status) for number, (_, status, _) in enumerate(answers)}
    assert outcome in ({(0, 200), (1, 409)}, {(0, 409), (1, 200)})
    refused = [answer["error"]["name"] for _, status, answer in answers if status != HTTPStatus.OK]
    assert set(refused) == {"IncompatibleSchema"}


@pytest.mark.parametrize("secret", [None])
def test_two_servers_agree_on_the_secret_they_generate(servers: Servers) -> None:
    """The second server takes the secret that the first one stored."""
    first, second = (server.facts["custom_token_secret"] for server in servers)

    assert first == second


async def test_one_user_name_goes_to_one_of_many_principals(servers: Servers) -> None:
    """One login succeeds, the others are refused."""
    logins = [
        (servers[number % 2], f"person-{number}", {"username": "Alice"})
        for number in range(CLIENTS)
    ]

    answers = await log_all_in(logins)

    statuses = sorted(status for _, status, _ in answers)
    assert statuses == [200] + [409] * (CLIENTS - 1)
    assert {a["error"]["name"] for _, status, a in answers if status != HTTPStatus.OK} == {
        "Duplicated"
    }


@pytest.mark.parametrize("secret", [None])
async def test_many_first_logins_use_the_generated_secret(servers: Servers) -> None:
    """On both servers, which have not read it before."""
    subjects = [f"person-{number}" for number in range(CLIENTS)]

    answers = await log_all_in(
        [(servers[number % 2], subject, {}) for number, subject in enumerate(subjects)]
    )

    assert [answer for _, status, answer in answers if status != HTTPStatus.OK] == []


@pytest.mark.parametrize("secret", [None])
@pytest.mark.parametrize("interface", ["command", "admin API", "portal"])
async def test_both_servers_refuse_a_revoked_secret_within_two_seconds(
    interface: str, servers: Servers, postgresql_url: str, tmp_path: Path
) -> None:
    """Until then a rotated secret is accepted beside its successor."""
    secrets = Secrets(tmp_path, postgresql_url)
    [old] = secrets.command("show")
    assert await statuses(servers, old) == {200}

    new, still = secrets.command("rotate")
    assert still["id"] == old["id"]
    await until_statuses(servers, new, {200})
    assert await statuses(servers, old) == {200}

    if interface == "command":
        secrets.revoke(old["id"])
    else:
        await revoke_at(servers[0], interface, old["id"])
    revoked_at = time.monotonic()
    await until_statuses(servers, old, {400})
    assert time.monotonic() - revoked_at < REVOKED_SECONDS_MAX
    assert await statuses(servers, new) == {200}


@pytest.mark.parametrize("secret", [None])
async def test_secrets_are_rotated_without_one_failed_login(
    servers: Servers,
) -> None:
    """On either server, with the newest secret as soon as it is known.

    Bad tokens, which make a server look for new secrets, arrive all the time.
    """
    [first] = await rotate_at(servers[0])
    newest, answered = [first], list[int]()
    is_done = asyncio.Event()

    async def log_in_repeatedly(server: ServerProcess, number: int) -> None:
        async with aiohttp.ClientSession() as session:
            while not is_done.is_set():
                bad = await log_in(session, server, f"person-{number}", {}, secret="a bad secret")
                assert bad[0] == HTTPStatus.BAD_REQUEST
                status, _ = await log_in(session, server, f"person-{number}", {}, secret=newest[-1])
                answered.append(status)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(log_in_repeatedly(servers[number % 2], number))
        for _ in range(20):
            newest += await rotate_at(servers[0])
            wanted = len(answered) + 2
            await wait_until_async(lambda wanted=wanted: len(answered) >= wanted)
        is_done.set()

    assert set(answered) == {200}
    assert len(answered) > len(newest)


async def rotate_at(server: ServerProcess) -> list[str]:
    """Rotate the secret at one of the servers."""
    headers = {"Authorization": "Bearer secret"}
    url = f"{server.url}_admin/v1/apps/myapp/secrets"
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url) as done:
        assert done.ok, await done.text()
        return [(await done.json())["new"]["secret"]]


def test_servers_that_migrate_an_empty_database_at_once_all_start(
    postgresql_url: str, start_server: StartServer
) -> None:
    """So the start command of every server may be `serve --migrate`."""
    arguments = ("serve", "--migrate", "--port", "0", "--database", postgresql_url)
    both = [start_server(*arguments, **KEYS) for _ in range(3)]

    assert all(server.url for server in both)
    assert [server.stop() for server in both] == [0, 0, 0]


class Secrets:
    """`skylogin secret` on a database."""

    def __init__(self, folder: Path, database: str) -> None:
        self._folder = folder
        self._database = database

    def command(self, name: str) -> list[dict[str, str]]:
        """Run a command and return the rows it prints."""
        arguments = ("secret", name, "--json", "--database", self._database)
        done = run_skylogin(self._folder, *arguments)
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, str]] = json.loads(done.stdout)
        return rows

    def revoke(self, secret_id: str) -> None:
        """Revoke a secret."""
        done = run_skylogin(
            self._folder, "secret", "revoke", secret_id, "--database", self._database
        )
        assert done.returncode == 0, done.stderr


async def revoke_at(server: ServerProcess, interface: str, secret_id: str) -> None:
    """Revoke a secret at one of the servers."""
    headers, fields, path = {}, {}, "_admin/v1/apps/myapp"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        if interface == "portal":
            path = "portal"
            async with session.get(f"{server.url}portal/secrets/{secret_id}/revoke") as page:
                found = re.search(r'name="form_token" value="(\w+)"', await page.text())
                assert found is not None
            fields["form_token"] = found[1]
        else:
            headers["Authorization"] = "Bearer secret"
        url = f"{server.url}{path}/secrets/{secret_id}/revoke"
        async with session.post(url, data=fields or None, headers=headers) as done:
            assert done.ok, await done.text()


async def log_all_in(logins: list[Login]) -> Answers:
    """Log in with all of *logins*, CLIENTS at a time; return the answers in the same order."""
    waiting = iter(list(enumerate(logins)))
    answers: dict[int, tuple[str, int, Any]] = {}

    async def client(session: aiohttp.ClientSession) -> None:
        for number, (server, subject, profile) in waiting:
            status, answer = await log_in(session, server, subject, profile)
            answers[number] = (subject, status, answer)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        await asyncio.gather(*(client(session) for _ in range(CLIENTS)))
    return [answers[number] for number in range(len(logins))]


async def statuses(servers: Servers, secret: dict[str, str]) -> set[int]:
    """Return what the servers answer to a token signed with *secret*."""
    async with aiohttp.ClientSession() as session:
        answers = [
            await log_in(session, server, "alice", {}, secret=secret["secret"])
            for server in servers
        ]
    return {status for status, _ in answers}


async def until_statuses(servers: Servers, secret: dict[str, str], wanted: set[int]) -> None:
    """Wait until the servers answer as wanted, for twice the time allowed."""

    async def are_wanted() -> bool:
        return await statuses(servers, secret) == wanted

    await wait_until_async(are_wanted, 2 * REVOKED_SECONDS_MAX)


async def count_rows(url: str, *tables: str) -> list[int]:
    """Return the number of rows of each of *tables*."""
    connection = await asyncpg.connect(url)
    try:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
    finally:
        await connection.close()
