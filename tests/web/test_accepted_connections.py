"""A server that stops while clients connect."""

import asyncio
import contextlib
import shutil
import socket
from pathlib import Path

import pytest
from skylogin import config
from skylogin.web import server

SECONDS_MAX = 10


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_accepted_as_a_server_stops_is_closed(
    turns: int, file_with_tables: Path, tmp_path: Path
) -> None:
    """asyncio accepts it in one *turn* of the event loop and makes its transport in the next.

    A connection that nobody closes would hold its client, and a file descriptor, forever.
    """
    path = shutil.copyfile(file_with_tables, tmp_path / "skylogin.db")
    settings = config.read({"DATABASE_URL": f"sqlite:///{path}", "PORT": "0"}, config.DEV)
    async with server.running(settings) as running:
        client = socket.create_connection(("127.0.0.1", running.port), SECONDS_MAX)
        for _ in range(turns):
            await asyncio.sleep(0)

    with client, contextlib.suppress(ConnectionResetError):
        assert client.recv(1) == b""
