"""Opening a websocket."""

import json
from typing import Any

import pytest

from tests.pubsub.websockets import BELOW_AN_APP, KEY, MASTER_KEY, PATHS, UPGRADE, PubsubClient, raw


@pytest.mark.parametrize("path", [*PATHS, BELOW_AN_APP])
@pytest.mark.parametrize("key", [KEY, MASTER_KEY])
async def test_an_api_key_in_the_header_or_the_query_opens_a_websocket(
    pubsub: PubsubClient, path: str, key: str
) -> None:
    """The answer has only the headers of the protocol."""
    header, _ = await raw(pubsub, "GET", path, {**UPGRADE, "X-Skygear-API-Key": key})
    address, _ = await raw(
        pubsub,
        "GET",
        f"{path}?api_key={key}&access_token=any",
        {**UPGRADE, "X-Skygear-API-Key": ""},
    )

    for head in (header, address):
        status, *lines = head.decode().strip().split("\r\n")
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert {line.split(":")[0].lower() for line in lines} == {
            "upgrade",
            "connection",
            "sec-websocket-accept",
        }
        assert "s3pplmbitxaq9kygzzhzrbk+xoo=" in head.decode().lower()


REFUSED = {
    "no key": ("GET", "", UPGRADE, 401, 101, "Api key is empty"),
    "a wrong key": ("GET", "?api_key=x", UPGRADE, 401, 103, "Cannot verify api key: `x`"),
    "a wrong key in the header": (
        "GET",
        f"?api_key={KEY}",
        {**UPGRADE, "X-Skygear-API-Key": "x"},
        401,
        103,
        "Cannot verify api key: `x`",
    ),
    "a wrong key and no upgrade": ("GET", "?api_key=x", {}, 401, 103, "Cannot verify api key: `x`"),
    "another method": ("POST", f"?api_key={KEY}", UPGRADE, 404, 117, "route unmatched"),
    "HEAD, which has no body": ("HEAD", f"?api_key={KEY}", UPGRADE, 404, 117, None),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
async def test_a_handshake_is_refused(
    pubsub: PubsubClient, path: str, row: tuple[Any, ...]
) -> None:
    """With an error in wire form, and with the standard headers."""
    method, query, headers, status, code, message = row
    head, (reader, _) = await raw(pubsub, method, path + query, headers)

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Access-Control-Allow-Origin: *" in head
    assert b"Server: Skygear Server/1.7.3" in head
    if message is not None:
        error = json.loads(await reader.readuntil(b"\n"))["error"]
        assert (error["code"], error["message"]) == (code, message)


NO_HANDSHAKE = {
    "a plain request": {},
    "no key of the handshake": {**UPGRADE, "Sec-WebSocket-Key": ""},
    "another protocol": {**UPGRADE, "Upgrade": "h2c"},
    "an unknown version": {**UPGRADE, "Sec-WebSocket-Version": "99"},
}


@pytest.mark.parametrize("headers", NO_HANDSHAKE.values(), ids=NO_HANDSHAKE)
async def test_a_request_without_a_handshake_is_refused(
    pubsub: PubsubClient, headers: dict[str, str]
) -> None:
    """This is the only answer in plain text."""
    head, (reader, _) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", headers)

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    assert await reader.readexactly(11) == b"Bad Request"


async def test_every_origin_may_connect_and_nothing_is_negotiated(pubsub: PubsubClient) -> None:
    """Neither a subprotocol nor compression."""
    socket = await pubsub.connect(origin="http://evil.example", protocols=["a"], compress=15)

    assert (socket.protocol, socket.compress) == (None, 0)


async def test_a_trailing_slash_is_another_path(pubsub: PubsubClient) -> None:
    """It is answered by the home action, as in the original."""
    head, (reader, _) = await raw(pubsub, "GET", f"/pubsub/?api_key={KEY}", UPGRADE)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(await reader.readuntil(b"\n")) == {"result": {"status": "OK"}}
