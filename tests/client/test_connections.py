"""Connections of a client: one per thread, kept between requests."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from skylogin.client.connections import Connections, HttpAnswer, read_path

from tests.waiting import wait_until

THREADS = 3


class CountingServer(ThreadingHTTPServer):
    """Answers any request, and counts the connections."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = self.closed = 0

    def process_request(self, *arguments: object) -> None:
        self.connections += 1
        super().process_request(*arguments)  # type: ignore[arg-type]

    def shutdown_request(self, *arguments: object) -> None:
        super().shutdown_request(*arguments)  # type: ignore[arg-type]
        self.closed += 1


class Handler(BaseHTTPRequestHandler):
    """Keeps the connection, but for requests of /close."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "2")
        self.send_header("X-Name", "value")
        self.end_headers()
        self.wfile.write(b"ok")
        # Without telling the client, as a server does whose time-out has passed.
        self.close_connection = self.path == "/close"

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[CountingServer]:
    """The server that the connections are to."""
    with CountingServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def connections(server: CountingServer) -> Iterator[Connections]:
    """Connections to the server."""
    connections = Connections(f"http://127.0.0.1:{server.server_port}")
    yield connections
    connections.close()


def get(connections: Connections, path: str = "/") -> HttpAnswer:
    """Send a request."""
    return connections.send("GET", path, {})


def test_a_thread_keeps_its_connection(server: CountingServer, connections: Connections) -> None:
    """Requests follow each other on it."""
    answers = [get(connections) for _ in range(3)]

    assert {(one.status, one.headers["x-name"], one.body) for one in answers} == {
        (HTTPStatus.OK, "value", b"ok")
    }
    assert server.connections == 1


def test_each_thread_has_its_own_connection(
    server: CountingServer, connections: Connections
) -> None:
    """So that their answers are never mixed up."""
    together = threading.Barrier(THREADS)

    def work(_: int) -> None:
        together.wait()
        get(connections)
        get(connections)

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(work, range(THREADS)))

    assert server.connections == THREADS


def test_a_connection_that_the_server_closed_is_replaced(
    server: CountingServer, connections: Connections
) -> None:
    """Before the next request, which is therefore sent once."""
    get(connections, "/close")
    wait_until(lambda: server.closed)
    assert get(connections).body == b"ok"

    assert server.connections == 2  # noqa: PLR2004


def test_closed_connections_are_opened_again(
    server: CountingServer, connections: Connections
) -> None:
    """By the next request."""
    get(connections)
    connections.close()
    get(connections)

    assert server.connections == 2  # noqa: PLR2004


PATHS = {
    "": ("", ""),
    "/": ("", ""),
    "/apps/shop": ("", "shop"),
    "/apps/shop/": ("", "shop"),
    "/login/": ("/login", ""),
    "/a/b/apps/shop/": ("/a/b", "shop"),
    "/login": None,
    "//": None,
    "/apps/shop/x": None,
}


@pytest.mark.parametrize(("path", "named"), PATHS.items(), ids=[path or "none" for path in PATHS])
def test_a_path_names_where_a_server_is_and_an_app(
    path: str, named: tuple[str, str] | None
) -> None:
    """What is below another path ends with a slash, or names an app."""
    assert read_path(path) == named
