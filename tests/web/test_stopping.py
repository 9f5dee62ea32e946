"""A server that stops while queries run, or calls are delayed."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from skylogin import config
from skylogin.actions import record_query
from skylogin.database import Transaction
from skylogin.web import server as servers
from skylogin.web.server import running
from sqlalchemy import text

from tests.waiting import wait_until_async

pytestmark = pytest.mark.slow
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
QUERIES = 12


async def test_stopping_ends_queries(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that run, and those that wait; their callers get an answer."""
    running_queries = []

    async def run_endless(tx: Transaction, *rest: Any) -> None:
        running_queries.append(tx)
        await tx.connection.execute(text(ENDLESS))

    monkeypatch.setattr(record_query, "_find", run_endless)
    environment = {"PORT": "0", "HOST": "127.0.0.1", "SKYLOGIN_DATABASE_URL": store_url}
    settings = config.read({**environment, "API_KEY": "changeme"}, config.DEV)

    async with aiohttp.ClientSession() as client:
        payload = {"record_type": "note", "api_key": settings.api_key}

        async def ask(url: str) -> tuple[int, Any]:
            async with client.post(f"{url}record/query", json=payload) as response:
                return response.status, await response.json()

        async with asyncio.timeout(9), running(settings) as server:
            callers = [asyncio.create_task(ask(server.url)) for _ in range(QUERIES)]
            calls = server.services.app.calls
            await wait_until_async(lambda: running_queries and len(calls.find("*", "")) == QUERIES)
            assert not any(caller.done() for caller in callers)
        answers = await asyncio.gather(*callers)

    assert {status for status, _ in answers} == {HTTPStatus.SERVICE_UNAVAILABLE}
    assert {body["error"]["name"] for _, body in answers} == {"ResponseTimeout"}


async def test_stopping_ends_what_a_test_has_delayed() -> None:
    """Calls with an answer for much later get it now."""
    settings = config.read({"PORT": "0", "HOST": "127.0.0.1"}, config.DEV)
    headers = {"Authorization": f"Bearer {settings.master_key}"}
    stub = {"action": "hello:world", "result": "hi", "delay": 3600}
    fault = {"kind": "latency", "action": "auth:logout", "seconds": 60}

    async with aiohttp.ClientSession(raise_for_status=True) as client:

        async def ask(url: str, action: str) -> Any:
            body = {"action": action, "api_key": settings.master_key}
            async with client.post(url, json=body) as response:
                return await response.json()

        async with running(settings, ephemeral=True) as server:
            admin = f"{server.url}_admin/v1/apps/{settings.app_name}"
            await client.post(f"{admin}/stubs", json=stub, headers=headers)
            await client.post(f"{admin}/faults", json=fault, headers=headers)
            actions = ["hello:world", "auth:logout"]
            callers = [asyncio.create_task(ask(server.url, action)) for action in actions]
            calls = server.services.app.calls
            await wait_until_async(lambda: len(calls.find("*", "")) == len(actions))
        answers = await asyncio.gather(*callers)

    assert answers[0] == {"result": "hi"}
    assert "result" in answers[1]


async def test_stopping_ends_live_pages() -> None:
    """A stream of events would never end by itself."""
    settings = config.read({"PORT": "0", "HOST": "127.0.0.1"}, config.DEV)
    headers = {"Authorization": f"Bearer {settings.master_key}"}

    async with aiohttp.ClientSession(raise_for_status=True) as client, asyncio.timeout(9):
        async with running(settings, ephemeral=True) as server:
            path = f"_admin/v1/apps/{settings.app_name}/logins/follow"
            stream = await client.get(f"{server.url}{path}", headers=headers)
        assert await stream.read() == b""


async def test_stopping_writes_the_login_log_although_a_client_is_slow(
    tmp_path: Path, query: Any, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also once transactions are ended. On SQLite, it leaves no lock file behind."""
    monkeypatch.setattr(servers, "STOP_SECONDS_MAX", 0)
    monkeypatch.setitem(servers.RUNNER_OPTIONS, "shutdown_timeout", 0.1)
    environment = {"PORT": "0", "HOST": "127.0.0.1", "SKYLOGIN_DATABASE_URL": store_url}
    settings = config.read({**environment, "API_KEY": "changeme"}, config.DEV)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"

    async with aiohttp.ClientSession() as client:
        async with running(settings) as server:
            _, slow = await asyncio.open_connection("127.0.0.1", server.port)
            slow.write(head)
            await slow.drain()
            payload = {"api_key": settings.api_key, "token": "not a token"}
            await client.post(f"{server.url}sso/custom_token/login", json=payload)
        slow.close()

    assert await query("SELECT reason FROM journal") == [("token_malformed",)]
    assert await query("SELECT reason FROM login_counts") == [("token_malformed",)]
    assert not lock_files(tmp_path)


def lock_files(directory: Path) -> list[Path]:
    """Return the lock files of servers in *directory*."""
    return list(directory.glob("*.lock"))
