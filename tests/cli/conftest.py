"""Servers for the tests of commands, in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from skylogin.testing import SkyloginServer

from tests.cli.commands import dev_server
from tests.cli.operated_server import OperatedServer


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[SkyloginServer]:
    """A server on the database that `skylogin dev` keeps in the test's directory."""
    with dev_server(tmp_path) as server:
        yield server


@pytest.fixture(params=["database", "url"])
def operated(request: pytest.FixtureRequest, dev: SkyloginServer, tmp_path: Path) -> OperatedServer:
    """A running server, and commands that use its database or its URL."""
    return OperatedServer(dev, tmp_path, ("--url", dev.url) if request.param == "url" else ())
