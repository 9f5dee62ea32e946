"""A server that is offered twice what it can do: it answers in time, or says that it is busy."""

import asyncio
import json
import resource
import threading
import time
import urllib.request
from http import HTTPStatus
from pathlib import Path

import jwt
import pytest

from tests import open_loop
from tests.open_loop import Seen
from tests.processes import ServerProcess, StartServer
from tests.stores import SERVE_KEYS

pytestmark = pytest.mark.long

SECRET = "a secret of thirty-two bytes or more"
PATH = "/sso/custom_token/login"
SUBJECTS, CLIENTS = 2000, 64
MEASURE_SECONDS, SECONDS = 5, 20
P99_SECONDS_MAX = 2.0
BYTES_GROWN_MAX = 120 * 2**20
PAGE_BYTES = resource.getpagesize()


def bodies() -> list[bytes]:
    """Return logins of many users."""
    now = int(time.time())
    times = {"iat": now, "exp": now + 3600}
    tokens = (
        jwt.encode({"sub": f"s{n}", **times, "skyprofile": {"username": f"s{n}"}}, SECRET, "HS256")
        for n in range(SUBJECTS)
    )
    return [
        json.dumps({"api_key": SERVE_KEYS["API_KEY"], "token": token}).encode() for token in tokens
    ]


async def capacity(url: str, logins: list[bytes]) -> float:
    """Return how many logins a second 64 clients get that wait for their answers."""
    seen = Seen()
    ended = time.monotonic() + MEASURE_SECONDS

    async def log_in(first: int) -> None:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", int(url.split(":")[2].strip("/"))
        )
        number = first
        while time.monotonic() < ended:
            body = logins[number % SUBJECTS]
            writer.write(
                b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                % (PATH.encode(), len(body))
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            await reader.readexactly(int(length))
            seen.latencies.setdefault(int(head[9:12]), []).append(0)
            number += CLIENTS
        writer.close()

    async with asyncio.TaskGroup() as group:
        for first in range(CLIENTS):
            group.create_task(log_in(first))
    assert seen.latencies.keys() == {HTTPStatus.OK}
    return seen.count(HTTPStatus.OK) / MEASURE_SECONDS


def memory(server: ServerProcess) -> int:
    """Return the resident memory of the server, in bytes."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * PAGE_BYTES


class Health:
    """Asks for `/healthz` again and again."""

    def __init__(self, url: str) -> None:
        self.seconds: list[float] = []
        self._url, self._ended = f"{url}healthz", threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Health":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._ended.wait(0.5):
            began = time.monotonic()
            with urllib.request.urlopen(self._url, timeout=10) as answer:
                assert answer.status == HTTPStatus.OK
            self.seconds.append(time.monotonic() - began)


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_excess_calls_are_shed(
    start_server: StartServer,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    database: str,
) -> None:
    """At twice the load that a server can bear, accepted logins keep a p99 under two seconds."""
    url = f"sqlite:///{tmp_path}/skylogin.db"
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    settings = {"DATABASE_URL": url, "HOST": "127.0.0.1:0", "CUSTOM_TOKEN_SECRET": SECRET}
    server = start_server("serve", "--migrate", **SERVE_KEYS, **settings)
    logins = bodies()
    await capacity(server.url, logins)
    rate = await capacity(server.url, logins)
    before = memory(server)

    with Health(server.url) as health:
        seen = await open_loop.offer(server.url, PATH, logins, 2 * rate, SECONDS)
    accepted, shed = seen.count(HTTPStatus.OK), seen.count(HTTPStatus.SERVICE_UNAVAILABLE)
    grown = memory(server) - before
    print(
        f"\n{database}: bears {rate:.0f}/s; offered {2 * rate:.0f}/s for {SECONDS} s: "
        f"accepted {accepted / SECONDS:.0f}/s, p50 {seen.percentile(200, 50):.2f} s, "
        f"p99 {seen.percentile(200, 99):.2f} s; shed {shed / SECONDS:.0f}/s, "
        f"p99 {seen.percentile(503, 99):.2f} s; not sent {seen.not_sent}, lost {dict(seen.lost)}; "
        f"memory {before / 2**20:.0f} MiB + {grown / 2**20:.0f}; "
        f"health at most {max(health.seconds):.2f} s"
    )
    assert seen.percentile(HTTPStatus.OK, 99) < P99_SECONDS_MAX
    assert seen.latencies.keys() <= {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}
    assert not seen.lost
    assert shed
    assert b"Retry-After: 1" in seen.heads[HTTPStatus.SERVICE_UNAVAILABLE]
    assert accepted > rate * SECONDS / 3
    assert grown < BYTES_GROWN_MAX
    assert server.running
