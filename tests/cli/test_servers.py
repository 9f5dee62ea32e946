"""`skylogin dev` and `skylogin serve`: starting, being ready, stopping."""

import asyncio
import http.client
import json
import signal
import socket
import sqlite3
import stat
import time
import urllib.request
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest
from skylogin import config
from skylogin.testing import SkyloginServer
from skylogin.web import server as web_server
from skylogin.web.malformed_requests import MalformedRequests

from tests.cli.commands import (
    DATABASE,
    DEV,
    KEYS,
    call,
    dev_server,
    files_below,
    log_in,
    login_payload,
    run_command,
)
from tests.processes import StartServer, run_skylogin
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

IDLE_SECONDS_MAX = 5
NOT_IMPORTED_AT_THE_START = (
    "alembic",
    "argon2",
    "asyncpg",
    "bcrypt",
    "dotenv",
    "jinja2",
    "jsonschema",
    "opentelemetry",
    "prometheus_client",
    "pydantic",
    "redis",
    "rich",
    "yaml",
    "zxcvbn",
    "skylogin.admin.",
    "skylogin.actions.record_query",
    "skylogin.actions.record",
    "skylogin.actions.schema",
    "skylogin.database.migrate",
    "skylogin.seeds.apply",
    "skylogin.portal.",
    "skylogin.domain.records",
    "skylogin.seeds.reader",
    "skylogin.seeds.yaml_text",
)


# --- ready --------------------------------------------------------------------


def test_the_ready_line_has_what_a_client_needs(start_server: StartServer) -> None:
    """It is the first line, as JSON, and by then connections are accepted."""
    server = start_server(*DEV)

    facts = server.facts
    with socket.create_connection(("127.0.0.1", facts["port"]), timeout=1):
        pass
    assert set(facts) == {
        *("url", "port", "pid", "app", "api_key", "portal"),
        *("master_key", "custom_token_secret"),
    }
    assert facts["url"] == f"http://127.0.0.1:{facts['port']}/"
    assert facts["portal"] == f"{facts['url']}portal/"
    assert facts["pid"] == server.process.pid
    assert (facts["app"], facts["api_key"], facts["master_key"]) == ("myapp", "changeme", "secret")
    assert log_in(server)["user_id"]


def test_serve_does_not_print_its_secrets(start_server: StartServer) -> None:
    """Neither on stdout nor in its log."""
    server = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **KEYS)

    assert set(server.facts) == {"url", "port", "pid", "app", "api_key", "portal"}
    assert server.facts["portal"] is None
    payload = {**login_payload(KEYS["CUSTOM_TOKEN_SECRET"]), "api_key": KEYS["API_KEY"]}
    assert call(server.url, payload)[0] == HTTPStatus.OK
    assert call(server.url, {**payload, "token": "x"})[0] == HTTPStatus.BAD_REQUEST
    assert server.stop() == 0
    for secret in (KEYS["MASTER_KEY"], KEYS["CUSTOM_TOKEN_SECRET"], str(payload["token"])):
        assert secret not in server.log


def test_the_ready_file_has_the_ready_line(start_server: StartServer, tmp_path: Path) -> None:
    """Only its owner can read it, and it is deleted when the server stops."""
    ready = tmp_path / "ready.json"
    server = start_server(*DEV, "--ready-file", "ready.json")

    assert server.facts == json.loads(ready.read_text())
    assert stat.S_IMODE(ready.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert server.stop() == 0
    assert not ready.exists()


def test_a_stale_ready_file_is_replaced_at_once(start_server: StartServer, tmp_path: Path) -> None:
    """It is never half-written, nor readable by other users."""
    ready = tmp_path / "ready.json"
    ready.write_text("stale")
    ready.chmod(0o644)
    server = start_server(*DEV, "--ready-file", str(ready))
    seen = {ready.read_text()}
    while server.running and seen == {"stale"}:
        seen.add(ready.read_text())

    assert seen == {"stale", json.dumps(server.facts) + "\n"}
    assert stat.S_IMODE(ready.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The server does not run without it."""
    done = run_skylogin(tmp_path, *DEV, "--ephemeral", "--ready-file", "nowhere/ready.json")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nowhere/ready.json: No such file or directory\n"


def test_dev_imports_only_what_it_needs(start_server: StartServer) -> None:
    """Imports take most of the start-up time."""
    server = start_server(*DEV, "--ephemeral", PYTHONPROFILEIMPORTTIME="1")
    assert server.url

    imported = {line.rpartition("|")[2].strip() for line in server.log.splitlines()}
    assert {"skylogin.web.application", "aiohttp.web", "sqlalchemy"} <= imported
    assert not {name for name in imported if name.startswith(NOT_IMPORTED_AT_THE_START)}


def test_servers_on_any_free_port_run_side_by_side() -> None:
    """So that test runs do not disturb each other."""
    with SkyloginServer() as one, SkyloginServer() as two, SkyloginServer() as three:
        servers = [one, two, three]

        assert len({server.url for server in servers}) == len(servers)
        assert all(server.app().login("alice").user_id for server in servers)


def test_a_port_in_use_is_reported(tmp_path: Path) -> None:
    """Without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run_command(tmp_path, "dev", "--ephemeral", "--port", port)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("host", ["x86_64-conda-linux-gnu", "a..b", "192.0.2.9"])
def test_a_host_that_is_not_an_address_is_reported(host: str, tmp_path: Path) -> None:
    """By its variable: conda, for one, sets it to something else."""
    refused = run_command(tmp_path, "dev", "--ephemeral", HOST=host, PORT="0")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        f"skylogin cannot run:\n  - HOST is {host!r}, which is not an address of this machine\n"
    )


# --- stopping -----------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_server_leaves_only_its_database(
    number: signal.Signals, start_server: StartServer, tmp_path: Path
) -> None:
    """No port, no process, no lock, and it exits with 0."""
    server = start_server(*DEV)
    log_in(server)
    assert f"{DATABASE}.lock" in files_below(tmp_path)

    assert server.stop(number) == 0

    assert files_below(tmp_path) == {DATABASE}
    assert is_refused(server.facts["port"])
    assert "Traceback" not in server.log


def test_an_ephemeral_server_leaves_nothing(start_server: StartServer, tmp_path: Path) -> None:
    """Neither in its directory nor among the temporary files."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    server = start_server(*DEV, "--ephemeral", TMPDIR=str(temporary))
    log_in(server)
    [folder] = temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IRWXU

    assert server.stop() == 0

    assert files_below(tmp_path) == set()
    assert list(temporary.iterdir()) == []


def test_a_login_in_flight_is_answered_before_the_server_stops(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Even if it waits for the database. New connections are refused meanwhile."""
    server = start_server(*DEV)
    secret, port = server.facts["custom_token_secret"], server.facts["port"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/", json.dumps(login_payload(secret)))
    assert connection.getresponse().read()
    # Another process holds the database's write lock.
    with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        connection.request("POST", "/", json.dumps(login_payload(secret, "bob")))
        server.process.terminate()
        wait_until(lambda: is_refused(port))
        assert server.running

    answer = connection.getresponse()
    assert json.loads(answer.read())["result"]["user_id"]
    connection.close()
    assert server.wait() == 0


def test_an_idle_connection_does_not_delay_the_stop(start_server: StartServer) -> None:
    """Clients keep connections open for a long time."""
    server = start_server(*DEV)
    connection = http.client.HTTPConnection("127.0.0.1", server.facts["port"], timeout=30)
    connection.request("GET", "/")
    connection.getresponse().read()

    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < IDLE_SECONDS_MAX
    connection.close()


def test_the_last_refusals_are_in_the_login_log(tmp_path: Path) -> None:
    """The server writes pending entries before it stops."""
    with dev_server(tmp_path) as server:
        status, _, _ = call(server.url, login_payload("another secret"))
        assert status == HTTPStatus.BAD_REQUEST

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        rows = connection.execute("SELECT reason, subject FROM journal").fetchall()
    assert rows == [("signature_wrong", "alice")]


def is_refused(port: int) -> bool:
    """Return whether connections to a port are refused."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) != 0


# --- one server for a database ----------------------------------------------------


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_second_server_on_the_same_file_is_refused(command: str, tmp_path: Path) -> None:
    """However the file is named, and until the first one has stopped."""
    with SkyloginServer(database=f"sqlite:///{tmp_path}/same.db") as first:
        for name in ("sqlite:///same.db", f"sqlite:///{tmp_path}/./same.db"):
            options = ("--port", "0", "--database", name)
            refused = run_command(tmp_path, command, *options, **KEYS)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "another skylogin serves" in refused.stderr
            assert "Traceback" not in refused.stderr
        assert first.app().login("alice").user_id

    with SkyloginServer(database=f"sqlite:///{tmp_path}/./same.db") as second:
        assert second.app().users["alice"]


def test_the_lock_of_a_killed_server_is_free(start_server: StartServer) -> None:
    """The lock belonged to the process, though its file still exists."""
    first = start_server(*DEV)
    user_id = log_in(first)["user_id"]
    first.kill()

    assert log_in(start_server(*DEV))["user_id"] == user_id


def test_dev_refuses_the_database_of_serve(tmp_path: Path) -> None:
    """Tests must never empty a database in production."""
    environment = {**KEYS, "HOST": "127.0.0.1:0", "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}

    async def serve_once() -> None:
        async with web_server.running(config.read(environment, config.SERVE)):
            pass

    asyncio.run(serve_once())
    refused = run_command(tmp_path, *DEV, "--database", "sqlite:///x.db")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "belongs to `skylogin serve`" in refused.stderr
    assert files_below(tmp_path) == {"x.db"}


# --- requests -------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_text",
    [
        "GET http://[::1-a-key HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-Master-Key : a-key\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\na-key\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-Master-Key: {'a-key' * 20000}\r\n\r\n",
    ],
    ids=["address", "header name", "not a header", "long header"],
)
def test_a_malformed_request_is_one_line_in_the_log(
    request_text: str,
    skylogin_server: SkyloginServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request is not quoted there, because it may contain a key."""
    # One that has not logged any within the last minute.
    monkeypatch.setattr(web_server.http_logger, "filters", [MalformedRequests()])
    host, port = skylogin_server.url.rpartition("/")[2].split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(request_text.encode())
        assert connection.recv(100).split()[1] == b"400"

    wait_until(lambda: caplog.records)
    [record] = caplog.records
    assert (record.levelname, record.name) == ("WARNING", "skylogin.http")
    assert record.exc_info is None
    assert "a-key" not in caplog.text
    assert "Traceback" not in caplog.text


def test_any_path_gets_an_answer(skylogin_server: SkyloginServer) -> None:
    """The original's answer to unknown paths, even to paths with line breaks."""
    for path in ("a%0Ab", "%0A", "apps/shop/%0A", "healthz%0A", "a%00b", "%FF", "%zz"):
        with urllib.request.urlopen(f"{skylogin_server.url}/{path}", timeout=10) as answer:
            assert json.load(answer) == {"result": {"status": "OK"}}, path


def test_only_dev_sends_the_reason_of_a_refusal(
    dev: SkyloginServer, start_server: StartServer
) -> None:
    """`serve` keeps it in its login log."""
    serve = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **KEYS)
    payload = login_payload("a wrong secret")

    _, _, of_dev = call(dev.url, payload)
    _, _, of_serve = call(serve.url, {**payload, "api_key": KEYS["API_KEY"]})

    reason = of_dev["X-Skylogin-Reason"]
    assert reason.startswith("signature_wrong: the signature was not made with")
    assert "X-Skylogin-Reason" not in of_serve


# --- secrets --------------------------------------------------------------------


def test_a_secret_is_generated_once_and_kept(tmp_path: Path) -> None:
    """If CUSTOM_TOKEN_SECRET is not set. So is the one of access tokens."""
    with dev_server(tmp_path) as first:
        secret = first.custom_token_secret
        access_token = first.app().login("alice").access_token
        assert len(secret) >= 43  # noqa: PLR2004

    with dev_server(tmp_path) as second:
        assert second.custom_token_secret == secret
        status, answer, _ = call(second.url, {"action": "me", "access_token": access_token})
        assert (status, answer["result"]["profile"]["_type"]) == (HTTPStatus.OK, "record")


def test_an_empty_secret_turns_the_login_off(tmp_path: Path) -> None:
    """Even if the database has one from before."""
    with dev_server(tmp_path) as server:
        secret = server.custom_token_secret

    with dev_server(tmp_path, CUSTOM_TOKEN_SECRET="") as server:
        assert server.custom_token_secret == ""
        status, answer, headers = call(server.url, login_payload(secret))
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["error"] == {
        "name": "NotConfigured",
        "code": 125,
        "message": "login with custom token requires CUSTOM_TOKEN_SECRET config",
    }
    assert headers["X-Skylogin-Reason"].startswith("not_configured: ")


async def test_a_server_answers_while_commands_change_its_database(
    start_server: StartServer, tmp_path: Path
) -> None:
    """The file's lock is for servers only."""
    server = start_server(*DEV)
    log_in(server)
    loop = asyncio.get_running_loop()
    rotating = loop.run_in_executor(None, run_skylogin, tmp_path, "secret", "rotate", "--json")
    logins = 0
    while not rotating.done():
        await loop.run_in_executor(None, log_in, server, f"person {logins}")
        logins += 1

    assert len(json.loads((await rotating).stdout)) == 2  # noqa: PLR2004
    assert logins > 0
