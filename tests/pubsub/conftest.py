"""The fixtures of tests of websockets."""

from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
from skylogin.pubsub import websocket
from skylogin.pubsub.hub import Hub
from skylogin.testing import SkyloginServer

from tests.pubsub.websockets import ENVIRONMENT, PubsubClient, client_of


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server that tests of a module share."""
    url = f"sqlite:///{tmp_path_factory.mktemp('pubsub') / 'pubsub.db'}"
    with SkyloginServer(ENVIRONMENT, url) as running:
        yield urlsplit(running.url).port or 0


@pytest.fixture
async def pubsub(port: int) -> AsyncIterator[PubsubClient]:
    """A client of the shared server."""
    async with client_of(port) as pubsub:
        yield pubsub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub of the server that the test starts."""
    hub = Hub()
    monkeypatch.setattr(websocket, "Hub", lambda: hub)
    return hub
