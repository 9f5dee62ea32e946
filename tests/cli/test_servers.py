"""The commands, as people and scripts run them: processes in a folder of their own."""

import asyncio
import http.client
import json
import os
import pty
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from skylogin.clock import system_now
from skylogin.tokens import mint as minting

from tests.processes import ServerProcess, environment_with, run_skylogin

pytestmark = pytest.mark.slow
StartServer = Callable[..., ServerProcess]

OWN = {
    "API_KEY": "a key of our own",
    "MASTER_KEY": "a master key of our own",
    "CUSTOM_TOKEN_SECRET": "a custom token secret of our own",
}
DEV = ("dev", "--port", "0")
ON_A_FILE = {"DATABASE_URL": "sqlite:///skylogin.db"}


NOT_AT_THE_START = (
    "alembic",
    "argon2",
    "asyncpg",
    "bcrypt",
    "dotenv",
    "jinja2",
    "jsonschema",
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
    "skylogin.seed",
)


def call(url: str, payload: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Return the status, the answer and the headers of a call."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.request("POST", parts.path or "/", json.dumps(payload))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.getheaders())
    finally:
        connection.close()


def login_payload(secret: str, subject: str = "alice", **more: Any) -> dict[str, Any]:
    """Return the payload of a login."""
    token = minting.mint(subject, secret, system_now(), **more)
    return {"action": "sso:custom_token:login", "api_key": "changeme", "token": token}


def log_in(server: ServerProcess, subject: str = "alice") -> Any:
    """Log in with the secret of the ready line, and return the result."""
    payload = login_payload(server.facts["custom_token_secret"], subject)
    status, answer, _ = call(server.url, {**payload, "api_key": server.facts["api_key"]})
    assert status == http.HTTPStatus.OK, answer
    return answer["result"]


def files_below(folder: Path) -> set[str]:
    """Return the paths of the files in *folder*, but for the log of these tests."""
    paths = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return paths - {"log"}


# --- ready --------------------------------------------------------------------


def test_the_ready_line_says_all_that_a_client_needs(start_server: StartServer) -> None:
    """It is the first line, one of JSON, and by then connections are accepted."""
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


def test_an_endpoint_does_not_print_its_secrets(start_server: StartServer, tmp_path: Path) -> None:
    """Neither on stdout nor in its log."""
    server = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **OWN)

    assert set(server.facts) == {"url", "port", "pid", "app", "api_key", "portal"}
    assert server.facts["portal"] is None
    payload = {**login_payload(OWN["CUSTOM_TOKEN_SECRET"]), "api_key": OWN["API_KEY"]}
    assert call(server.url, payload)[0] == http.HTTPStatus.OK
    assert call(server.url, {**payload, "token": "x"})[0] == http.HTTPStatus.BAD_REQUEST
    assert server.stop() == 0
    for secret in (OWN["MASTER_KEY"], OWN["CUSTOM_TOKEN_SECRET"], str(payload["token"])):
        assert secret not in server.log


def test_the_ready_file_says_the_same_to_its_owner_alone(
    start_server: StartServer, tmp_path: Path
) -> None:
    """And goes away with the server."""
    ready = tmp_path / "ready.json"
    server = start_server(*DEV, "--ready-file", "ready.json")

    assert server.facts == json.loads(ready.read_text())
    assert stat.S_IMODE(ready.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert server.stop() == 0
    assert not ready.exists()


def test_a_stale_ready_file_is_replaced_at_once(start_server: StartServer, tmp_path: Path) -> None:
    """Who watches it never reads half of one, nor one that others can read."""
    ready = tmp_path / "ready.json"
    ready.write_text("stale")
    ready.chmod(0o644)
    server = start_server(*DEV, "--ready-file", str(ready))
    seen = {ready.read_text()}
    while server.running and seen == {"stale"}:
        seen.add(ready.read_text())

    assert seen == {"stale", json.dumps(server.facts) + "\n"}
    assert stat.S_IMODE(ready.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


def test_a_stand_in_imports_only_what_it_needs(start_server: StartServer) -> None:
    """Imports are the start-up time: what is there when it is ready is counted here."""
    server = start_server(*DEV, "--ephemeral", PYTHONPROFILEIMPORTTIME="1")
    assert server.url

    imported = {line.rpartition("|")[2].strip() for line in server.log.splitlines()}
    assert {"skylogin.web.application", "aiohttp.web", "sqlalchemy"} <= imported
    assert not {name for name in imported if name.startswith(NOT_AT_THE_START)}


def test_any_free_port_means_another_one_for_each(start_server: StartServer) -> None:
    """So that tests can run beside each other."""
    servers = [start_server(*DEV, "--ephemeral") for _ in range(3)]

    assert len({server.facts["port"] for server in servers}) == len(servers)
    assert all(log_in(server)["user_id"] for server in servers)


def test_a_port_that_is_taken_is_a_sentence(start_server: StartServer, tmp_path: Path) -> None:
    """Not a traceback."""
    port = str(start_server(*DEV, "--ephemeral").facts["port"])

    refused = run_skylogin(tmp_path, "dev", "--ephemeral", "--port", port)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stderr
    assert "Traceback" not in refused.stderr


# --- gone ---------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_leaves_only_its_database(
    number: signal.Signals, start_server: StartServer, tmp_path: Path
) -> None:
    """No port, no process, no lock, and it exits with 0."""
    server = start_server(*DEV)
    log_in(server)
    assert f"{DATABASE}.lock" in files_below(tmp_path)

    assert server.stop(number) == 0

    assert files_below(tmp_path) == {DATABASE}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.facts["port"]), timeout=1)
    assert "Traceback" not in server.log


DATABASE = ".skylogin/skylogin.db"


def test_an_ephemeral_server_leaves_nothing(start_server: StartServer, tmp_path: Path) -> None:
    """Neither where it was started nor among the temporary files."""
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
    """Though the database lets it wait; new connections are not accepted any more."""
    server = start_server(*DEV)
    log_in(server)
    with ThreadPoolExecutor() as threads:
        # Another process holds the lock of writers for a while.
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            answering = threads.submit(log_in, server, "bob")
            time.sleep(0.3)
            server.process.terminate()
            time.sleep(0.3)
            assert not answering.done()
            assert server.running
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", server.facts["port"]), timeout=1)

        assert answering.result(30)["user_id"]
    assert server.wait() == 0


def test_an_idle_connection_does_not_keep_a_server_from_stopping(
    start_server: StartServer,
) -> None:
    """Clients keep theirs open for long."""
    server = start_server(*DEV)
    connection = http.client.HTTPConnection("127.0.0.1", server.facts["port"], timeout=30)
    connection.request("GET", "/")
    connection.getresponse().read()

    begun = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begun < 5  # noqa: PLR2004
    connection.close()


def test_refusals_of_the_last_moment_are_in_the_journal(
    start_server: StartServer, tmp_path: Path
) -> None:
    """What waits to be written is written before the server is gone."""
    server = start_server(*DEV)
    assert call(server.url, login_payload("another secret"))[0] == http.HTTPStatus.BAD_REQUEST
    assert server.stop() == 0

    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        rows = connection.execute("SELECT reason, subject FROM journal").fetchall()
    assert rows == [("signature_wrong", "alice")]


# --- one server for a database ----------------------------------------------------


@pytest.mark.parametrize("command", ["dev", "serve"])
def test_a_second_server_on_the_same_file_is_refused(
    command: str, start_server: StartServer, tmp_path: Path
) -> None:
    """However the file is named, and until the first one is gone."""
    first = start_server(*DEV, "--database", f"sqlite:///{tmp_path}/same.db")
    assert first.url

    for name in ("sqlite:///same.db", f"sqlite:///{tmp_path}/./same.db"):
        refused = run_skylogin(tmp_path, command, "--port", "0", "--database", name, **OWN)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "another skylogin serves" in refused.stderr
        assert "Traceback" not in refused.stderr

    assert log_in(first)["user_id"]
    assert first.stop() == 0
    assert start_server(*DEV, "--database", "sqlite:///same.db").url


def test_a_killed_server_locks_nobody_out(start_server: StartServer) -> None:
    """The lock was the process's, whatever became of its file."""
    first = start_server(*DEV)
    user_id = log_in(first)["user_id"]
    first.kill()

    assert log_in(start_server(*DEV))["user_id"] == user_id


def test_a_stand_in_refuses_the_database_of_an_endpoint(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Tests must never empty what is in use."""
    server = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **OWN)
    assert server.url
    assert server.stop() == 0

    refused = run_skylogin(tmp_path, *DEV, "--database", "sqlite:///x.db")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "belongs to `skylogin serve`" in refused.stderr
    assert files_below(tmp_path) == {"x.db"}


# --- settings -------------------------------------------------------------------


def test_an_endpoint_tells_all_its_faults_at_once(tmp_path: Path) -> None:
    """In one message, and exits with 1."""
    refused = run_skylogin(
        tmp_path,
        "serve",
        APP_NAME="a-b",
        API_KEY="changeme",
        MASTER_KEY="secret",
        CUSTOM_TOKEN_SECRET="short",
        DEV_MODE="perhaps",
        PORT="70000",
        SKYLOGIN_TYPO="1",
    )

    assert (refused.returncode, refused.stdout) == (1, "")
    told = refused.stderr.splitlines()
    assert told[0] == "skylogin cannot run:"
    assert {line.removeprefix("  - ").split()[0] for line in told[1:]} == {
        *("APP_NAME", "API_KEY", "MASTER_KEY", "CUSTOM_TOKEN_SECRET"),
        *("DEV_MODE", "PORT", "SKYLOGIN_TYPO", "DATABASE_URL"),
    }
    assert files_below(tmp_path) == set()


def test_a_file_env_is_read_and_the_environment_wins(
    start_server: StartServer, tmp_path: Path
) -> None:
    """With quotes, comments and `export`, and nothing is put in for a `$`."""
    (tmp_path / ".env").write_text(
        "# a comment\n"
        "APP_NAME=from_file\n"
        "export API_KEY='key from $HOME'\n"
        'MASTER_KEY="master from file"\n'
        "CUSTOM_TOKEN_SECRET=secret-from-file\n"
    )
    facts = start_server(*DEV, APP_NAME="from_environment").facts

    assert facts["app"] == "from_environment"
    assert facts["api_key"] == "key from $HOME"
    assert facts["master_key"] == "master from file"
    assert facts["custom_token_secret"] == "secret-from-file"


def test_a_stand_in_takes_neither_database_nor_host_from_a_file(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A file that production shares must not lead it there."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///production.db\nHOST=0.0.0.0:1\n")
    server = start_server(*DEV)

    assert server.url.startswith("http://127.0.0.1:")
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE}

    server = start_server(*DEV, DATABASE_URL="sqlite:///asked.db")
    assert server.url
    assert server.stop() == 0
    assert files_below(tmp_path) == {".env", DATABASE, "asked.db"}


def test_commands_look_into_the_database_of_the_stand_in_of_the_same_folder(
    start_server: StartServer, tmp_path: Path
) -> None:
    """Not into the one that a file names, which the stand-in does not use either."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///production.db\n")
    server = start_server(*DEV)
    assert server.url

    minted = run_skylogin(tmp_path, "token", "mint", "alice")

    assert minted.returncode == 0, minted.stderr
    payload = {**login_payload("x"), "token": minted.stdout.strip()}
    assert call(server.url, payload)[0] == http.HTTPStatus.OK
    assert "production.db" not in files_below(tmp_path)


def test_the_port_of_a_flag_wins_over_the_variables(start_server: StartServer) -> None:
    """Over HOST as well, of which the address stays."""
    server = start_server(*DEV, HOST="127.0.0.1:1", PORT="2")

    assert server.facts["port"] not in (1, 2)
    assert log_in(server)["user_id"]


def test_a_warning_is_printed_and_the_server_starts(start_server: StartServer) -> None:
    """What the original passes over in silence is said."""
    server = start_server(*DEV, RESPONSE_TIMEOUT="soon", PLUGINS="CATS")

    assert server.url
    assert "warning: RESPONSE_TIMEOUT is not a number, so the default is used: 60" in server.log
    assert "warning: PLUGINS has no effect here" in server.log


# --- secrets --------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_text",
    [
        "GET http://[::1-a-key HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-Master-Key : a-key\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\na-key\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Skygear-Master-Key: {'a-key' * 20000}\r\n\r\n",
    ],
    ids=["address", "header name", "no header", "long header"],
)
def test_a_request_that_is_no_http_is_one_line_in_the_log(
    request_text: str, start_server: StartServer
) -> None:
    """Nothing of it is quoted there, because it may hold a key."""
    server = start_server(*DEV, "--ephemeral")
    with socket.create_connection(("127.0.0.1", server.facts["port"]), 10) as connection:
        connection.sendall(request_text.encode())
        assert connection.recv(100).split()[1] == b"400"
    server.stop()
    assert "WARNING skylogin.http: refused a request that is not HTTP: " in server.log
    assert "a-key" not in server.log
    assert "Traceback" not in server.log


def test_any_path_is_one_of_the_wire(start_server: StartServer) -> None:
    """Also one with an end of a line in it."""
    server = start_server(*DEV, "--ephemeral")

    for path in ("a%0Ab", "%0A", "apps/shop/%0A", "healthz%0A", "a%00b", "%FF", "%zz"):
        with urllib.request.urlopen(server.url + path, timeout=10) as answer:
            assert json.load(answer) == {"result": {"status": "OK"}}, path


def test_a_secret_is_generated_once_and_kept(start_server: StartServer) -> None:
    """Where CUSTOM_TOKEN_SECRET is not set; and so is the one for access tokens."""
    first = start_server(*DEV)
    secret = first.facts["custom_token_secret"]
    access_token = log_in(first)["access_token"]
    assert len(secret) >= 43  # noqa: PLR2004
    assert first.stop() == 0

    second = start_server(*DEV)

    assert second.facts["custom_token_secret"] == secret
    status, answer, _ = call(second.url, {"action": "me", "access_token": access_token})
    assert (status, answer["result"]["profile"]["_type"]) == (200, "record")


def test_a_secret_set_to_nothing_switches_the_login_off(start_server: StartServer) -> None:
    """From the environment and from the file; what was kept before does not count."""
    server = start_server(*DEV)
    secret = server.facts["custom_token_secret"]
    assert server.stop() == 0

    server = start_server(*DEV, CUSTOM_TOKEN_SECRET="")

    assert server.facts["custom_token_secret"] == ""
    status, answer, headers = call(server.url, login_payload(secret))
    assert status == http.HTTPStatus.SERVICE_UNAVAILABLE
    assert answer["error"] == {
        "name": "NotConfigured",
        "code": 125,
        "message": "login with custom token requires CUSTOM_TOKEN_SECRET config",
    }
    assert headers["X-Skylogin-Reason"].startswith("not_configured: ")


def test_a_secret_that_is_revoked_is_refused_within_2_seconds(
    start_server: StartServer, tmp_path: Path
) -> None:
    """By a server that was not told."""
    server = start_server(*DEV)
    secret = server.facts["custom_token_secret"]
    new, old = secret_rows(tmp_path, "rotate", "--overlap", "1")
    assert old["secret"] == secret

    assert run_skylogin(tmp_path, "secret", "revoke", old["id"]).returncode == 0
    time.sleep(2)
    assert call(server.url, login_payload(secret))[0] == http.HTTPStatus.BAD_REQUEST
    assert call(server.url, login_payload(new["secret"]))[0] == http.HTTPStatus.OK


def test_apps_are_made_with_keys_and_secrets_of_their_own(
    start_server: StartServer, tmp_path: Path
) -> None:
    """While the server runs; the keys of one app open no other."""
    server = start_server("serve", "--port", "0", **OWN, **ON_A_FILE)
    assert server.url
    app = from_apps(tmp_path, "create", "shop")
    assert app.items() > from_apps(tmp_path, "list")[1].items()
    [secret] = secret_rows(tmp_path, "show", "--app", "shop", **ON_A_FILE)
    payload = login_payload(secret["secret"])
    url = f"{server.url}apps/shop/"

    assert call(url, {**payload, "api_key": app["api_key"]})[0] == http.HTTPStatus.OK
    assert call(url, {**payload, "api_key": OWN["API_KEY"]})[0] == http.HTTPStatus.UNAUTHORIZED
    assert call(server.url, {**payload, "api_key": app["api_key"]})[0] == (
        http.HTTPStatus.UNAUTHORIZED
    )
    assert call(f"{server.url}apps/other/", payload)[:2] == (
        http.HTTPStatus.NOT_FOUND,
        {"error": {"name": "UndefinedOperation", "code": 117, "message": "route unmatched"}},
    )
    for name, says in (
        ("shop", "there is an app called shop"),
        ("No", "name: 'No' cannot be it: what stands in its URL: 1 to 63 of a-z"),
    ):
        refused = run_skylogin(tmp_path, "apps", "create", name, **ON_A_FILE)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert says in refused.stderr


def from_apps(folder: Path, *arguments: str) -> Any:
    """Return what a command prints of apps."""
    done = run_skylogin(folder, "apps", *arguments, "--json", **ON_A_FILE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def secret_rows(folder: Path, *arguments: str, **environment: str) -> list[dict[str, Any]]:
    """Return what a command prints of secrets."""
    done = run_skylogin(folder, "secret", *arguments, "--json", **environment)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


@pytest.mark.parametrize("arguments", [("rotate",), ("revoke", "environment")])
def test_a_secret_of_the_environment_is_changed_there(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """It is shown, and nothing else."""
    environment = {"CUSTOM_TOKEN_SECRET": "from the environment"}
    shown = run_skylogin(tmp_path, "secret", "show", **environment)
    assert shown.stdout == "environment\tfrom the environment\tuntil revoked\t0\tnever\n"

    refused = run_skylogin(tmp_path, "secret", *arguments, **environment)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "CUSTOM_TOKEN_SECRET is set" in refused.stderr


@pytest.mark.parametrize("arguments", [("show",), ("rotate",), ("revoke", "x")])
def test_where_no_server_ever_ran_there_are_no_secrets(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    """That is a sentence, not a traceback, and no file is left behind."""
    done = run_skylogin(tmp_path, "secret", *arguments)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert files_below(tmp_path) == set()


# --- tokens ---------------------------------------------------------------------


def test_a_minted_token_is_explained_and_logs_in(start_server: StartServer, tmp_path: Path) -> None:
    """With the secret that the server of the same folder keeps."""
    server = start_server(*DEV)
    assert server.url
    profile = ("--profile", '{"name": "Alice"}', "--claim", "level=3", "--claim", "word=x=y")
    minted = run_skylogin(tmp_path, "token", "mint", "alice", *profile, "--algorithm", "HS512")
    assert (minted.returncode, minted.stderr) == (0, "")

    explained = run_skylogin(tmp_path, "token", "explain", "--json", "-", given=minted.stdout)

    assert explained.returncode == 0
    verdict = json.loads(explained.stdout)
    assert (verdict["accepted"], verdict["status"], verdict["error"]) == (True, 200, None)
    assert verdict["header"] == {"alg": "HS512", "typ": "JWT"}
    assert verdict["claims"]["skyprofile"] == {"name": "Alice"}
    assert (verdict["claims"]["level"], verdict["claims"]["word"]) == (3, "x=y")
    status, answer, _ = call(server.url, {**login_payload("x"), "token": minted.stdout.strip()})
    assert (status, answer["result"]["profile"]["name"]) == (200, "Alice")


def test_a_refused_token_is_explained_and_the_command_fails(tmp_path: Path) -> None:
    """With what the server would answer, and the reason, for people and for programs."""
    minted = run_skylogin(
        tmp_path, "token", "mint", "alice", "--expires-in=-12", "--secret", "a secret"
    )
    token = minted.stdout.strip()

    people = run_skylogin(tmp_path, "token", "explain", token, "--secret", "a secret")
    program = run_skylogin(tmp_path, "token", "explain", token, "--secret", "a secret", "--json")

    assert (people.returncode, program.returncode) == (1, 1)
    assert "refused: expired 1" in people.stdout
    assert "400 BadRequest 107: fails to decode the request payload (expired)" in people.stdout
    verdict = json.loads(program.stdout)
    assert (verdict["accepted"], verdict["reason"], verdict["status"]) == (False, "expired", 400)
    assert verdict["claims"]["sub"] == "alice"
    for shown in (people.stdout, program.stdout):
        assert token.rpartition(".")[2] not in shown
        assert "a secret" not in shown


def test_a_bad_token_is_minted_on_demand(tmp_path: Path) -> None:
    """And refused for the reason that goes with its kind."""
    bad = ("--bad", "tampered", "--secret", "a secret")
    minted = run_skylogin(tmp_path, "token", "mint", "alice", *bad)

    explained = run_skylogin(
        tmp_path, "token", "explain", minted.stdout.strip(), "--secret", "a secret", "--json"
    )
    assert (explained.returncode, minted.returncode) == (1, 0)
    assert json.loads(explained.stdout)["reason"] == "signature_wrong"


def test_a_token_with_anything_in_it_can_be_explained(tmp_path: Path) -> None:
    """Numbers that no double can hold, and letters of all kinds."""
    mint = ("token", "mint", "é[bold]", "--secret", "s", "--claim")
    minted = run_skylogin(tmp_path, *mint, "x=[red]\x1b[31m")
    header, _, _ = minted.stdout.partition(".")
    huge = "eyJ4IjoxZTk5OX0"  # {"x":1e999}

    for token in (minted.stdout.strip(), f"{header}.{huge}.AAAA"):
        for more in ((), ("--json",)):
            explained = run_skylogin(tmp_path, "token", "explain", token, "--secret", "s", *more)
            assert "Traceback" not in explained.stderr
            assert "\x1b[31m" not in explained.stdout
            assert explained.returncode in (0, 1)


WRONG = {
    "profile text": ("--profile", "x"),
    "profile list": ("--profile", "[]"),
    "claim without name": ("--claim", "x"),
    "algorithm": ("--algorithm", "none"),
    "kind of bad token": ("--bad", "good"),
    "key of two halves": ("--secret", "-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----"),
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=WRONG)
def test_what_cannot_be_minted_is_a_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """On stderr, so that no script takes it for a token."""
    secret = () if arguments[0] == "--secret" else ("--secret", "s")

    refused = run_skylogin(tmp_path, "token", "mint", "alice", *arguments, *secret)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_ready_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """And the server does not run without it."""
    done = run_skylogin(tmp_path, *DEV, "--ephemeral", "--ready-file", "nowhere/ready.json")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "nowhere/ready.json: No such file or directory\n"


# --- wait and exec ----------------------------------------------------------------


def test_wait_ends_when_the_server_is_ready(start_server: StartServer, tmp_path: Path) -> None:
    """Though it was started first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    url = f"http://127.0.0.1:{port}/"
    waiting = subprocess.Popen(
        [sys.executable, "-m", "skylogin", "wait", url],
        cwd=tmp_path,
        env=environment_with({}),
        stderr=subprocess.PIPE,
        text=True,
    )
    with waiting:
        server = start_server("dev", "--ephemeral", "--port", port)
        assert server.url == url
        assert waiting.wait(30) == 0
        assert waiting.stderr is not None
        assert waiting.stderr.read() == ""


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://"])
def test_wait_gives_up_after_its_time(url: str, tmp_path: Path) -> None:
    """And says what was missing."""
    begun = time.monotonic()
    done = run_skylogin(tmp_path, "wait", url, "--timeout", "0.3")

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{url} is not ready after 0.3 s: " in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - begun < 10  # noqa: PLR2004


# What the server is told, and how else the command is told of the same server.
LISTENING = {
    "port": ({"PORT": "{port}"}, {"PORT": "{port}"}),
    "port in host": ({"HOST": "127.0.0.1:{port}"}, {"HOST": "127.0.0.1:{port}", "PORT": "1"}),
    "everywhere": ({"HOST": "0.0.0.0", "PORT": "{port}"}, {"HOST": "0.0.0.0:{port}"}),
    "no host": ({"HOST": ":{port}"}, {"HOST": ":{port}"}),
    "six": ({"HOST": "[::1]:{port}"}, {"HOST": "::1", "PORT": "{port}"}),
    "six everywhere": ({"HOST": "[::]:{port}"}, {"HOST": "[::]:{port}"}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("told", "asked"), LISTENING.values(), ids=LISTENING)
def test_wait_without_a_url_goes_by_the_environment(
    told: dict[str, str], asked: dict[str, str], start_server: StartServer, tmp_path: Path
) -> None:
    """As a health check does that has the server's variables and nothing else."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = start_server(
        "dev", "--ephemeral", **{name: value.format(port=port) for name, value in told.items()}
    )

    assert f":{port}/" in server.url
    environment = {name: value.format(port=port) for name, value in asked.items()}
    done = run_skylogin(tmp_path, "wait", "--timeout", "5", **environment)

    assert (done.returncode, done.stderr) == (0, "")


def test_wait_follows_the_ready_file(start_server: StartServer, tmp_path: Path) -> None:
    """To any port, and to the next one where the server starts anew."""
    file = tmp_path / "ready.json"
    file.write_text('{"url": "http://127.0.0.1:1/"}')
    waiting = subprocess.Popen(
        [sys.executable, "-m", "skylogin", "wait", "--ready-file", str(file)],
        cwd=tmp_path,
        env=environment_with({}),
        stderr=subprocess.PIPE,
        text=True,
    )
    with waiting:
        start_server("dev", "--ephemeral", "--port", "0", "--ready-file", str(file))
        assert waiting.wait(30) == 0
        assert waiting.stderr is not None
        assert waiting.stderr.read() == ""


def test_wait_for_what_is_no_url_does_not_wait(tmp_path: Path) -> None:
    """It will never be one."""
    done = run_skylogin(tmp_path, "wait", "nonsense", "--timeout", "1000")

    assert done.returncode == 1
    assert done.stderr.startswith("nonsense is not the URL of a server")


def test_wait_for_a_ready_file_that_does_not_come_gives_up(tmp_path: Path) -> None:
    """And names it."""
    done = run_skylogin(tmp_path, "wait", "--ready-file", "ready.json", "--timeout", "0.1")

    assert done.returncode == 1
    assert done.stderr == "ready.json is not ready after 0.1 s: no ready line\n"


WAITS_FOR_NOTHING: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "both": (("http://127.0.0.1:1/", "--ready-file", "x"), {}, "not both"),
    "any port": ((), {"PORT": "0"}, "PORT is 0"),
    "no port": ((), {"PORT": "x"}, "PORT"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "environment", "message"), WAITS_FOR_NOTHING.values(), ids=WAITS_FOR_NOTHING
)
def test_wait_that_can_never_end_is_a_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], message: str, tmp_path: Path
) -> None:
    """At once, without waiting."""
    done = run_skylogin(tmp_path, "wait", *arguments, **environment)

    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


SHOW_ENVIRONMENT = (
    "import json, os, urllib.request;"
    "names = ('SKYGEAR_ENDPOINT', 'SKYGEAR_API_KEY', 'SKYGEAR_MASTER_KEY',"
    " 'CUSTOM_TOKEN_SECRET', 'SKYLOGIN_APP', 'SKYLOGIN_PORTAL', 'MINE');"
    "given = {name: os.environ.get(name) for name in names};"
    "given['ready'] = urllib.request.urlopen(given['SKYGEAR_ENDPOINT'] + 'readyz').status;"
    "print(json.dumps(given))"
)


def test_exec_runs_a_command_beside_a_server_of_its_own(tmp_path: Path) -> None:
    """The command finds it by its environment, and nothing is left of it."""
    done = run_skylogin(tmp_path, "exec", "--", sys.executable, "-c", SHOW_ENVIRONMENT, MINE="x")

    assert done.returncode == 0, done.stderr
    given = json.loads(done.stdout)
    assert given["SKYGEAR_ENDPOINT"].endswith("/")
    assert (given["SKYGEAR_API_KEY"], given["SKYGEAR_MASTER_KEY"]) == ("changeme", "secret")
    assert len(given["CUSTOM_TOKEN_SECRET"]) >= 43  # noqa: PLR2004
    assert given["SKYLOGIN_PORTAL"] == given["SKYGEAR_ENDPOINT"] + "portal/"
    assert (given["SKYLOGIN_APP"], given["MINE"], given["ready"]) == ("myapp", "x", 200)
    assert files_below(tmp_path) == set()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(given["SKYGEAR_ENDPOINT"])


EXITS = {
    "0": ("exit 0", 0),
    "3": ("exit 3", 3),
    "255": ("exit 255", 255),
    "a signal": ("kill -9 $$", 128 + 9),
    "terminated": ("kill -15 $$", 128 + 15),
}


@pytest.mark.parametrize(("script", "code"), EXITS.values(), ids=EXITS)
def test_exec_passes_on_the_exit_code(script: str, code: int, tmp_path: Path) -> None:
    """As a shell tells of it."""
    assert run_skylogin(tmp_path, "exec", "--", "/bin/sh", "-c", script).returncode == code


def test_exec_runs_a_command_at_its_own_priority(tmp_path: Path) -> None:
    """No nicer than a command that is run without it."""
    show = (sys.executable, "-c", "import os; print(os.nice(0))")

    assert run_skylogin(tmp_path, "exec", "--", *show).stdout == f"{os.nice(0)}\n"


def test_exec_passes_on_input_output_and_options(tmp_path: Path) -> None:
    """What looks like an option of ours is the command's own."""
    script = 'cat; echo "$@"; echo told >&2'
    command = ("/bin/sh", "-c", script, "sh", "--database", "-x", "--help")

    done = run_skylogin(tmp_path, "exec", "--", *command, given="input\n")

    assert (done.returncode, done.stdout) == (0, "input\n--database -x --help\n")
    assert done.stderr.endswith("told\n")


def test_exec_of_nothing_that_can_be_run_is_a_sentence(tmp_path: Path) -> None:
    """With the exit codes of a shell."""
    missing = run_skylogin(tmp_path, "exec", "--", "no-such-command")
    assert missing.returncode == 127  # noqa: PLR2004
    assert "no-such-command" in missing.stderr
    assert "Traceback" not in missing.stderr

    (tmp_path / "not-executable").write_text("x")
    refused = run_skylogin(tmp_path, "exec", "--", "./not-executable")
    assert refused.returncode in (126, 127)
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_exec_passes_signals_on_to_its_command(number: signal.Signals, tmp_path: Path) -> None:
    """And waits for it; nothing is left of either."""
    name = number.name.removeprefix("SIG")
    script = (
        f"trap 'echo stopped; exit 7' {name}; echo $$ > {tmp_path}/pid; while :; do sleep 0.1; done"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "skylogin", "exec", "--", "/bin/sh", "-c", script],
        cwd=tmp_path,
        env=environment_with({}),
        stdout=subprocess.PIPE,
        text=True,
        # Before a terminal it is the terminal that sends Ctrl-C to both.
        start_new_session=True,
    )
    with process:
        for _ in range(600):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                break
            time.sleep(0.05)
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)

    assert (process.returncode, output) == (7, "stopped\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_ctrl_c_reaches_the_command_once(tmp_path: Path) -> None:
    """The terminal sends it to both: a second one would mean more to most."""
    script = f"""
import os, pathlib, signal, time
came = []
signal.signal(signal.SIGINT, lambda *_: came.append(1))
pathlib.Path({str(tmp_path / "ready")!r}).touch()
while not came:
    time.sleep(0.05)
time.sleep(1)
os.write(1, b"came %d times" % len(came))
"""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(tmp_path)
        command = [sys.executable, "-m", "skylogin", "exec", "--", sys.executable, "-c", script]
        os.execvpe(command[0], command, environment_with({}))
    for _ in range(600):
        if (tmp_path / "ready").exists():
            break
        time.sleep(0.05)
    os.write(terminal, b"\x03")
    said = b""
    # Linux tells the end of a terminal as an error.
    with suppress(OSError):
        while data := os.read(terminal, 1024):
            said += data
    os.close(terminal)
    _, status = os.waitpid(pid, 0)

    assert b"came 1 times" in said
    assert os.waitstatus_to_exitcode(status) == 0


# --- the rest -------------------------------------------------------------------


def test_the_reason_of_a_refusal_is_told_by_a_stand_in_alone(start_server: StartServer) -> None:
    """An endpoint keeps it in its journal."""
    dev = start_server(*DEV)
    serve = start_server("serve", "--port", "0", "--database", "sqlite:///x.db", **OWN)
    payload = login_payload("a wrong secret")

    _, _, told = call(dev.url, payload)
    _, _, silent = call(serve.url, {**payload, "api_key": OWN["API_KEY"]})

    assert told["X-Skylogin-Reason"].startswith("signature_wrong: the signature was not made with")
    assert "X-Skylogin-Reason" not in silent


async def test_a_server_answers_while_commands_change_its_database(
    start_server: StartServer, tmp_path: Path
) -> None:
    """They share the file without its lock."""
    server = start_server(*DEV)
    log_in(server)
    loop = asyncio.get_running_loop()
    rotating = loop.run_in_executor(None, secret_rows, tmp_path, "rotate")
    logins = 0
    while not rotating.done():
        await loop.run_in_executor(None, log_in, server, f"person {logins}")
        logins += 1

    assert len(await rotating) == 2  # noqa: PLR2004
    assert logins > 0


def test_the_help_names_every_command(tmp_path: Path) -> None:
    """And so does the bare command."""
    done = run_skylogin(tmp_path, "--help", COLUMNS="100", TERM="dumb")

    assert done.returncode == 0
    for command in ("dev", "serve", "wait", "exec", "migrate", "token", "secret", "version"):
        assert f" {command} " in done.stdout
    version = run_skylogin(tmp_path, "version")
    assert (version.returncode, version.stderr) == (0, "")
