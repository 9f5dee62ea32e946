"""Which database or server a command uses, and what it says if it cannot."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import (
    KEYS,
    call,
    files_below,
    login_payload,
    rows_of,
    run_command,
)
from tests.cli.operated_server import OperatedServer
from tests.processes import StartServer

pytestmark = pytest.mark.slow


@pytest.fixture
def ephemeral(tmp_path: Path) -> Iterator[OperatedServer]:
    """A server whose database no command can open, and commands that have to find it."""
    with SkyloginServer() as server:
        yield OperatedServer(server, tmp_path)


def test_commands_use_the_database_of_dev_in_the_same_folder(
    dev: SkyloginServer, tmp_path: Path
) -> None:
    """Not the one in `.env`, which `dev` does not use either."""
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///production.db\n")

    minted = run_command(tmp_path, "token", "mint", "alice")

    assert minted.returncode == 0, minted.stderr
    payload = {**login_payload("x"), "token": minted.stdout.strip()}
    assert call(dev.url, payload)[0] == HTTPStatus.OK
    assert "production.db" not in files_below(tmp_path)


def test_serve_wants_its_admin_token(start_server: StartServer, tmp_path: Path) -> None:
    """From an option, the environment or `.env`; without it the message says so."""
    token = {"SKYLOGIN_ADMIN_TOKEN": "an admin token of our own"}
    database = ("--database", "sqlite:///x.db")
    url = start_server("serve", "--port", "0", *database, **KEYS, **token).url
    at = ("--url", url)
    for options in ((), ("--admin-token", "x")):
        refused = run_command(tmp_path, "users", "find", *at, *options)
        assert refused.returncode == 1
        assert refused.stderr == (
            f"{url}: the admin token is wrong "
            "(give it with --admin-token or SKYLOGIN_ADMIN_TOKEN)\n"
        )
    assert rows_of(tmp_path, "users", "find", *at, "--admin-token", *token.values()) == []
    assert rows_of(tmp_path, "apps", "list", *at, **token)[0]["default"]
    unsupported = run_command(tmp_path, "token", "mint", "alice", *at, **token)
    assert unsupported.stderr == (
        f"{url} does not support this: it is not `skylogin dev`, or it is an older version\n"
    )
    (tmp_path / ".env").write_text(f"SKYLOGIN_ADMIN_TOKEN={token['SKYLOGIN_ADMIN_TOKEN']}\n")
    assert {row["kind"] for row in rows_of(tmp_path, "doctor", *at)} <= {"fine", "warning"}


def test_a_target_that_cannot_be_used_is_named(ephemeral: OperatedServer) -> None:
    """The message says what to do."""
    url = ephemeral.url
    assert "does not exist: start a server first" in ephemeral.error("users", "find")
    ephemeral.where = ("--url", f"{url}x")
    assert ephemeral.error("users", "find") == f"{url}x is not the URL of a server or an app"
    ephemeral.where = ("--url", url, "--database", "sqlite:///x.db")
    assert ephemeral.error("users", "find") == "use either --url or --database, not both"
    ephemeral.where = ("--url", "http://127.0.0.1:1")
    assert ephemeral.error("logins", "-f") == "no server at http://127.0.0.1:1"
    problems = ephemeral.run("doctor")
    assert problems.returncode == 1
    no_server = "no server at http://127.0.0.1:1"
    assert problems.stdout == f"problem\tserver\t{no_server}\nproblem\treadiness\t{no_server}\n"


def test_only_the_endpoint_of_exec_is_used(ephemeral: OperatedServer) -> None:
    """SKYGEAR_ENDPOINT alone may name a real Skygear server, which must not get our keys."""
    ephemeral.environment = {"SKYGEAR_ENDPOINT": ephemeral.url}
    assert "does not exist: start a server first" in ephemeral.error("users", "find")
    ephemeral.environment["SKYLOGIN_APP"] = "myapp"
    assert ephemeral.rows("users", "find") == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://op:hidden@127.0.0.1:1", "the URL has a user name or a password in it"),
        ("http://a b/", "http://a b is not the URL of a server"),
        ("http://a..b/", "http://a..b is not the URL of a server"),
        ("http://[::1", "http://[::1 is not the URL of a server"),
    ],
)
def test_an_invalid_url_is_reported(url: str, message: str, tmp_path: Path) -> None:
    """In one line, without a password in it."""
    done = run_command(tmp_path, "apps", "list", "--url", url)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith(message)
    assert "hidden" not in done.stderr


@pytest.mark.parametrize("token", ["hidden\nx", "hidden\u20ac"])
def test_an_invalid_admin_token_is_not_shown(token: str, tmp_path: Path) -> None:
    """A traceback would show it."""
    target = ("--url", "http://127.0.0.1:1", "--admin-token", token)
    done = run_command(tmp_path, "apps", "list", *target)

    assert done.returncode == 1
    assert done.stderr == "the admin token must be printable ASCII\n"


Answer = tuple[int, str, bytes]


def _handler(answer: Answer) -> type[BaseHTTPRequestHandler]:
    """Return a handler that sends the same answer to any request."""

    class OtherServer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content_type, body = answer
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return OtherServer


_PAGE = (200, "text/html", b"<html>hi</html>")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (("apps", "list"), _PAGE),
        (("apps", "list"), (200, "application/json", b"[]")),
        (("users", "find", "--app", "x"), (200, "text/plain", b"")),
        (("apps", "list"), (301, "text/html", b"")),
        (("logins", "--follow", "--app", "x"), _PAGE),
        (("apps", "export", "kept", "--app", "x"), _PAGE),
        (("apps", "export", "kept", "--app", "x"), (502, "text/html", b"<html>bad</html>")),
    ],
)
def test_a_server_that_is_not_skylogin_is_recognized(
    command: tuple[str, ...], answer: Answer, tmp_path: Path
) -> None:
    """Its response is not mistaken for an answer or an export."""
    kept = tmp_path / "kept"
    kept.write_text("an export")
    with HTTPServer(("127.0.0.1", 0), _handler(answer)) as other:
        threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{other.server_port}"
        done = run_command(tmp_path, *command, "--url", url)
        other.shutdown()

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{url} is not a skylogin server: it answered with status {answer[0]}\n"
    assert kept.read_text() == "an export"
