"""Auth servers for the tests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from auth_server import USERS, AuthServer

StartAuthServer = Callable[..., AuthServer]


@pytest.fixture
def start_auth_server() -> Iterator[StartAuthServer]:
    """Start auth servers with the users of users.json. They stop when the test ends."""
    users = json.loads(USERS.read_text(encoding="utf-8"))
    with ExitStack() as started:

        def start(secret: str, **options: Callable[[], float]) -> AuthServer:
            return started.enter_context(running(AuthServer(users, secret, **options)))

        yield start


@contextmanager
def running(server: AuthServer) -> Iterator[AuthServer]:
    """Run *server* during the block."""
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
