"""Servers in a thread of the test's process, and servers that are already running."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import pytest
import requests
from skylogin.client.connections import Connections
from skylogin.config import ConfigurationError
from skylogin.testing import (
    AdminError,
    LoginRefusedError,
    RunningServer,
    SkyloginApp,
    SkyloginServer,
)
from skylogin.testing import server as servers

pytestmark = pytest.mark.slow

TIMES = 20


def test_the_app_without_a_name_is_that_of_the_environment(skylogin_server: SkyloginServer) -> None:
    """With its address and its secret."""
    app = RunningServer(skylogin_server.url).app()

    assert app.name == "myapp"
    assert app.url == f"{skylogin_server.url}/"
    assert app.secret == skylogin_server.custom_token_secret


def test_a_server_takes_settings_and_none_of_the_process() -> None:
    """Its own are given as environment variables."""
    with SkyloginServer({"SKYLOGIN_ISSUER": "shop", "MASTER_KEY": "master"}) as server:
        app = server.app()
        app.login("alice", iss="shop")
        with pytest.raises(LoginRefusedError, match="issuer_wrong"):
            app.login("alice")
        with pytest.raises(AdminError, match="401"):
            RunningServer(server.url).app()
        url = server.url

    for ask in (app.clock.now, lambda: app.login("alice")):
        with pytest.raises(ConnectionRefusedError, match=f"no server at {url}"):
            ask()


# --- starting and stopping -----------------------------------------------------------


@pytest.fixture
def no_thread_left() -> Iterator[None]:
    """Check that the test leaves no thread."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) - before == set()


@pytest.mark.usefixtures("no_thread_left")
def test_a_stopped_server_leaves_no_thread() -> None:
    """It runs only during its block."""
    server = SkyloginServer()
    with pytest.raises(RuntimeError, match="not running"):
        server.app()
    with server:
        server.app().login("alice")
        assert requests.get(f"{server.url}/readyz", timeout=10).status_code == HTTPStatus.OK
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


@pytest.mark.usefixtures("no_thread_left")
def test_a_server_that_cannot_start_leaves_no_thread() -> None:
    """The test gets its error."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = SkyloginServer({"HOST": f"127.0.0.1:{port}"})
        with pytest.raises(ConfigurationError, match=f"127.0.0.1:{port}"), server:
            raise AssertionError("it must not start")
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.url


@pytest.mark.usefixtures("no_thread_left")
def test_a_server_that_never_gets_ready_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its start is cancelled after a while, here because its database does not answer."""
    monkeypatch.setattr(servers, "START_SECONDS_MAX", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://user@127.0.0.1:{silent.getsockname()[1]}/database"
        with pytest.raises(TimeoutError), SkyloginServer(database=url):
            raise AssertionError("it must not start")


def test_an_error_of_the_test_stops_the_server() -> None:
    """The error is passed on."""
    server = SkyloginServer()
    urls = []

    def use() -> None:
        with server:
            urls.append(server.url)
            raise KeyError("of the test")

    with pytest.raises(KeyError, match="of the test"):
        use()
    with pytest.raises(requests.ConnectionError):
        requests.get(urls[0], timeout=10)


# --- requests ------------------------------------------------------------------------

REQUESTS: dict[str, tuple[int, Callable[[SkyloginApp], object]]] = {
    "reset": (1, lambda app: app.reset()),
    "mint": (1, lambda app: app.mint("alice")),
    "login": (2, lambda app: app.login("alice")),
    "call": (1, lambda app: app.call("_status:healthz")),
    "one user": (1, lambda app: app.users["alice"]),
    "all users": (1, lambda app: set(app.users)),
    "add a user": (2, lambda app: app.users.add("bob")),
    "attempts": (1, lambda app: app.logins.last),
    "clock": (1, lambda app: app.clock.advance(hours=1)),
    "fault": (1, lambda app: app.faults.drop()),
    "seed": (1, lambda app: app.seed({"users": [{"sub": "bob"}]})),
}


@pytest.mark.parametrize(("number", "use"), REQUESTS.values(), ids=REQUESTS)
def test_few_requests_are_sent(
    number: int,
    use: Callable[[SkyloginApp], object],
    skylogin: SkyloginApp,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One for most things: a test's time is spent in them."""
    skylogin.login("alice")
    sent = []
    send = Connections.send

    def count(connections: Connections, *arguments: Any) -> Any:
        sent.append(arguments)
        return send(connections, *arguments)

    monkeypatch.setattr(Connections, "send", count)
    use(skylogin)

    assert len(sent) == number


REFUSED: dict[str, Callable[[SkyloginApp], object]] = {
    "roles": lambda app: app.users.add("alice", roles="editor"),
    "seconds": lambda app: app.clock.advance(1e13),
    "fault": lambda app: app.faults.latency(-1),
    "snapshot": lambda app: app.restore("nowhere"),
    "name": lambda app: app.snapshot("no name"),
    "user": lambda app: app.users.add("bert").delete() or app.users["bert"],
    "surrogate": lambda app: app.users.add("\ud800"),
    "nan": lambda app: app.users.add("alice", {"number": float("nan")}),
    "algorithm": lambda app: app.mint("alice", algorithm="none"),
}


@pytest.mark.parametrize("refused", REFUSED.values(), ids=REFUSED)
def test_a_running_server_refuses_the_same(
    refused: Callable[[SkyloginApp], object],
    skylogin_server: SkyloginServer,
    skylogin: SkyloginApp,
) -> None:
    """As the server in this process, in the same words."""
    errors = []
    for app in (skylogin, RunningServer(skylogin_server.url).app(skylogin.name)):
        with pytest.raises((AdminError, KeyError, ValueError)) as error:
            refused(app)
        errors.append((type(error.value), str(error.value)))
    assert errors[0] == errors[1]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost",
        "localhost:3000",
        "http://localhost/apps/x/",
        "http://localhost:x",
        "http://localhost:99999",
        "http://localhost:0",
    ],
)
def test_an_invalid_url_is_refused_at_once(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match=f"{url} .*URL"):
        RunningServer(url)


# --- connections -----------------------------------------------------------------------


def test_a_connection_that_the_server_closed_is_not_used(skylogin: SkyloginApp) -> None:
    """The next call opens a new connection, and is sent once."""
    for _ in range(TIMES):
        skylogin.faults.drop(after=True)
        with pytest.raises(ConnectionError):
            skylogin.login("alice")

    assert len(skylogin.logins) == TIMES


def test_threads_share_an_app(skylogin: SkyloginApp) -> None:
    """Each has its own connection."""
    with ThreadPoolExecutor(8) as threads:
        names = [f"user{number}" for number in range(40)]
        ids = [login.user_id for login in threads.map(skylogin.login, names)]

    assert [skylogin.users[name].id for name in names] == ids


@pytest.mark.skipif(not hasattr(os, "fork"), reason="fork is not available")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_its_own_connection(skylogin: SkyloginApp) -> None:
    """On a shared one, parent and child would read each other's answers."""
    skylogin.login("alice")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(TIMES):
                skylogin.login("bob")
            code = 0
        finally:
            os._exit(code)
    for _ in range(TIMES):
        assert skylogin.login("alice").user_id == skylogin.users["alice"].id

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(skylogin.logins) == 1 + 2 * TIMES
