"""The websockets, with a real server and real sockets."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSCloseCode, WSMsgType
from hypothesis import given, settings
from hypothesis import strategies as st
from skylogin import config
from skylogin.pubsub import websocket
from skylogin.pubsub.hub import Hub
from skylogin.testing import SkyloginServer
from skylogin.web import server

KEY = "an-api-key"
MASTER_KEY = "a-master-key"
MESSAGE_BYTES_MAX = 100_000
ENVIRONMENT = {
    "API_KEY": KEY,
    "MASTER_KEY": MASTER_KEY,
    "CUSTOM_TOKEN_SECRET": "a secret",
    "SKYLOGIN_PUBSUB_MESSAGE_BYTES_MAX": str(MESSAGE_BYTES_MAX),
    "PORT": "0",
}
PATHS = ("/pubsub", "/_/pubsub")
BELOW_AN_APP = "/apps/shop/pubsub"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
CLOSED = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)
SECONDS_MAX = 20
CLOSE_FRAME_WITHOUT_A_CODE = b"\x88\x00"


@dataclass(frozen=True, slots=True)
class Site:
    """A running server, and a client of it."""

    port: int
    session: ClientSession
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def connect(self, path: str = "/pubsub", **options: Any) -> ClientWebSocketResponse:
        """Open a websocket with the API key in the address."""
        url = f"http://127.0.0.1:{self.port}{path}?api_key={KEY}"
        return await self.session.ws_connect(url, **options)

    async def listen(self, channel: str, path: str = "/pubsub") -> ClientWebSocketResponse:
        """Open a websocket that hears *channel*, for sure."""
        socket = await self.connect(path)
        await say(socket, action="sub", channel=channel)
        await socket.send_str('{"action":"what","channel":"?"}')
        assert await hear(socket) == "Unknow action"
        return socket


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Site]:
    """Give a client of a server for the block; then all of its connections are gone."""
    async with ClientSession() as session:
        site = Site(port, session)
        yield site
    for writer in site.writers:
        writer.transport.abort()
    # The event loop closes their sockets in its next round.
    await asyncio.sleep(0)


@asynccontextmanager
async def running_site(**environment: str) -> AsyncIterator[Site]:
    """Run a server in this event loop for the block."""
    settings = config.read({**ENVIRONMENT, **environment}, config.DEV)
    async with server.running(settings, ephemeral=True) as running, client_of(running.port) as site:
        yield site


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a server for all tests that leave nothing behind."""
    url = f"sqlite:///{tmp_path_factory.mktemp('pubsub') / 'pubsub.db'}"
    with SkyloginServer(ENVIRONMENT, url) as running:
        yield urlsplit(running.url).port or 0


@pytest.fixture
async def site(port: int) -> AsyncIterator[Site]:
    """A client of this test's own."""
    async with client_of(port) as site:
        yield site


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub of the server that this test starts."""
    hub = Hub()
    monkeypatch.setattr(websocket, "Hub", lambda: hub)
    return hub


async def say(socket: ClientWebSocketResponse, **message: Any) -> None:
    """Send a message."""
    await socket.send_str(json.dumps(message))


async def hear(socket: ClientWebSocketResponse) -> str:
    """Return the next text."""
    message = await socket.receive(SECONDS_MAX)
    assert message.type is WSMsgType.TEXT, message
    return str(message.data)


async def raw(site: Site, method: str, target: str, headers: dict[str, str]) -> tuple[bytes, Any]:
    """Send a request by hand and return the head of the answer, and the open connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    site.writers.append(writer)
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS_MAX)
    return head, (reader, writer)


def frame(data: bytes, opcode: int = 1) -> bytes:
    """Return a frame as a client sends it, with a mask that changes nothing."""
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | min(len(data), 127))
    if len(data) > 125:  # noqa: PLR2004
        head = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, len(data))
    return head + bytes(4) + data


# --- the handshake ----------------------------------------------------------------


@pytest.mark.parametrize("path", [*PATHS, BELOW_AN_APP])
@pytest.mark.parametrize("key", [KEY, MASTER_KEY])
async def test_a_key_in_the_header_or_in_the_address_opens(site: Site, path: str, key: str) -> None:
    """The answer has only the headers of a websocket."""
    header, _ = await raw(site, "GET", path, {**UPGRADE, "X-Skygear-API-Key": key})
    address, _ = await raw(
        site, "GET", f"{path}?api_key={key}&access_token=any", {**UPGRADE, "X-Skygear-API-Key": ""}
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
    "one without a body": ("HEAD", f"?api_key={KEY}", UPGRADE, 404, 117, None),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("row", REFUSED.values(), ids=REFUSED)
async def test_a_handshake_is_refused(site: Site, path: str, row: tuple[Any, ...]) -> None:
    """With an error of the wire, and its headers."""
    method, query, headers, status, code, message = row
    head, (reader, _) = await raw(site, method, path + query, headers)

    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Access-Control-Allow-Origin: *" in head
    assert b"Server: Skygear Server/1.7.3" in head
    if message is not None:
        error = json.loads(await reader.readuntil(b"\n"))["error"]
        assert (error["code"], error["message"]) == (code, message)


NO_UPGRADE = {
    "a plain request": {},
    "no key of the handshake": {**UPGRADE, "Sec-WebSocket-Key": ""},
    "another protocol": {**UPGRADE, "Upgrade": "h2c"},
    "an unknown version": {**UPGRADE, "Sec-WebSocket-Version": "99"},
}


@pytest.mark.parametrize("headers", NO_UPGRADE.values(), ids=NO_UPGRADE)
async def test_a_request_that_upgrades_nothing_is_bad(site: Site, headers: dict[str, str]) -> None:
    """The one answer of the wire that is plain text."""
    head, (reader, _) = await raw(site, "GET", f"/pubsub?api_key={KEY}", headers)

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Type: text/plain; charset=utf-8" in head
    assert await reader.readexactly(11) == b"Bad Request"


async def test_any_origin_may_connect_and_nothing_is_negotiated(site: Site) -> None:
    """No subprotocol, no compression."""
    socket = await site.connect(origin="http://evil.example", protocols=["a"], compress=15)

    assert (socket.protocol, socket.compress) == (None, 0)


@pytest.mark.parametrize("waits", [False, True], ids=["before the answer", "after it"])
@pytest.mark.parametrize("rest", [b"", frame(b"", 9) * 2000], ids=["nothing more", "pings"])
async def test_a_client_may_vanish_at_any_time(
    waits: bool, rest: bytes, caplog: pytest.LogCaptureFixture, hub: Hub
) -> None:
    """A page that is left while it connects is no fault of the server, and not logged as one."""
    lines = [f"GET /pubsub?api_key={KEY} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in UPGRADE.items()]
    async with running_site() as site:
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            writer.write("\r\n".join([*lines, "", ""]).encode())
            if waits:
                await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), SECONDS_MAX)
            writer.write(rest)
            writer.transport.abort()
        async with site.session.get(f"http://127.0.0.1:{site.port}/") as answer:
            assert answer.ok
    assert not [record.getMessage() for record in caplog.records if record.exc_info]
    assert hub.count_channels() == 0


async def test_a_trailing_slash_is_another_path(site: Site) -> None:
    """It goes to the actions, as the original has it, and is answered as home."""
    head, (reader, _) = await raw(site, "GET", f"/pubsub/?api_key={KEY}", UPGRADE)

    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(await reader.readuntil(b"\n")) == {"result": {"status": "OK"}}


# --- messages -----------------------------------------------------------------------


async def test_what_is_published_goes_to_all_who_listen(site: Site) -> None:
    """To the publisher too where it listens, once, until somebody unsubscribes."""
    first, second = await site.listen("room"), await site.listen("room")
    await say(first, action="sub", channel="room")
    other = await site.listen("other")

    await say(first, action="pub", channel="room", data={"ordinal": 1})
    for socket in (first, second):
        assert await hear(socket) == '{"channel":"room","data":{"ordinal":1}}'
    await say(second, action="unsub", channel="room")
    await say(second, action="pub", channel="room", data=2)
    await say(second, action="pub", channel="other", data="over")

    assert await hear(first) == '{"channel":"room","data":2}'
    assert await hear(other) == '{"channel":"other","data":"over"}'
    await second.send_str('{"action":"","channel":"x"}')
    assert await hear(second) == "Unknow action"


async def test_hubs_and_apps_are_apart(site: Site) -> None:
    """The same channel of another hub or of another app is another channel."""
    paths = [*PATHS, "/apps/shop/pubsub", "/apps/shop/_/pubsub", "/apps/bank/pubsub"]
    sockets = [await site.listen("room", path) for path in paths]

    for ordinal, socket in enumerate(sockets):
        await say(socket, action="pub", channel="room", data=ordinal)

    heard = [await hear(socket) for socket in sockets]
    assert heard == [f'{{"channel":"room","data":{number}}}' for number in range(len(paths))]
    for socket in sockets:
        await socket.send_str('{"channel":"x"}')
        assert await hear(socket) == "Unknow action"


async def test_an_app_has_its_host_name() -> None:
    """As for every other call."""
    async with running_site(SKYLOGIN_DOMAIN="sky.test") as site:
        shop = await site.listen("room", "/apps/shop/pubsub")
        by_host = await site.connect(headers={"Host": "shop.sky.test"})
        await say(by_host, action="pub", channel="room", data=1)

        assert await hear(shop) == '{"channel":"room","data":1}'


async def test_an_app_that_cannot_be_has_no_hub(site: Site) -> None:
    """It is answered as for every other call."""
    head, _ = await raw(site, "GET", f"/apps/No%20Name/pubsub?api_key={KEY}", UPGRADE)

    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"X-Skylogin-Reason: app_unknown: there is no app called No Name" in head


PASSED_ON = {
    "order and numbers": ('{"b" : 1.50, "a":\t[1e5,-0, 12345678901234567890]}',
                          '{"b":1.50,"a":[1e5,-0,12345678901234567890]}'),
    "marks of HTML": ('"<b> & </b>"', r'"\u003cb\u003e \u0026 \u003c/b\u003e"'),
    "separators of lines": ('"\u2028\u2029"', r'"\u2028\u2029"'),
    "blanks in text": ('" a  b\\n"', '" a  b\\n"'),
    "escapes": (r'"\u0041\"\\ \ud83d"', r'"\u0041\"\\ \ud83d"'),
    "a repeated name": ('{"a":1,"a":2}', '{"a":1,"a":2}'),
    "false": ("false", "false"),
    "text": ('"é"', '"é"'),
    "null inside": ("[null]", "[null]"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "sent"), PASSED_ON.values(), ids=PASSED_ON)
@pytest.mark.parametrize("binary", [False, True])
async def test_data_is_passed_on_as_it_is_written(
    site: Site, data: str, sent: str, binary: bool
) -> None:
    """But for blanks, and for what would be dangerous in a page."""
    socket = await site.listen("é<")
    text = f'{{"Data":{data} , "CHANNEL":"é<","action":"pub"}}'

    await (socket.send_bytes(text.encode()) if binary else socket.send_str(text))

    assert await hear(socket) == f'{{"channel":"é\\u003c","data":{sent}}}'


WORDS = {
    "no channel": ('{"action":"sub"}', "Error: channel should not be empty. Closing Connection"),
    "an empty one": (
        '{"action":"x","channel":""}',
        "Error: channel should not be empty. Closing Connection",
    ),
    "null": ("null", "Error: channel should not be empty. Closing Connection"),
    "no data": (
        '{"action":"pub","channel":"c"}',
        "Error: missing data to publish. Closing Connection",
    ),
    "data null": (
        '{"action":"pub","channel":"c","data":null}',
        "Error: missing data to publish. Closing Connection",
    ),
    "no JSON": (
        "hello",
        "Error: the message is not JSON: Expecting value: line 1 column 1 (char 0) \n"
        "Closing Connection",
    ),
    "half of it": (
        '{"action":"sub"',
        "Error: the message is not JSON: Expecting ',': line 1 column 16 (char 15) \n"
        "Closing Connection",
    ),
    "a list": (
        "[1]",
        "Error: json: cannot unmarshal array into Go value of type pubsub.wsPayload \n"
        "Closing Connection",
    ),
    "a number for a channel": (
        '{"action":"sub","channel":1.5}',
        "Error: json: cannot unmarshal number into Go struct field wsPayload.channel of type "
        "string \nClosing Connection",
    ),
}
NOT_JSON = [
    "",
    "hello",
    '{"action":"sub","channel":"c"',
    '{"channel":"c"} x',
    "{'a':1}",
    "[" * 9999,
]


@pytest.mark.parametrize(("message", "answer"), WORDS.values(), ids=WORDS)
async def test_a_message_that_makes_no_sense_ends_the_connection(
    site: Site, message: str, answer: str
) -> None:
    """With a text, and with a close frame that has no code."""
    _, (reader, writer) = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    writer.write(frame(message.encode()))
    last = await asyncio.wait_for(reader.read(), SECONDS_MAX)

    assert last[:1] == b"\x81"
    assert last.endswith(answer.encode() + CLOSE_FRAME_WITHOUT_A_CODE)


@pytest.mark.parametrize("message", NOT_JSON)
async def test_what_is_no_json_ends_the_connection(site: Site, message: str) -> None:
    """The words between are the parser's."""
    socket = await site.listen("room")

    await socket.send_str(message)

    text = await hear(socket)
    assert text.startswith("Error: ")
    assert text.endswith(" \nClosing Connection")
    assert (await socket.receive(SECONDS_MAX)).type in CLOSED


async def test_a_ping_is_answered(site: Site) -> None:
    """With its own data."""
    _, (reader, writer) = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    writer.write(frame(b"are you there", opcode=9))

    assert await reader.readexactly(15) == b"\x8a\x0dare you there"


async def test_a_message_may_be_large_but_not_larger(site: Site) -> None:
    """Beyond the limit the connection ends with code 1009, before the message is read."""
    listener, publisher = await site.listen("c"), await site.connect()
    rest = len('{"action":"pub","channel":"c","data":""}')
    filling = "x" * (MESSAGE_BYTES_MAX - rest)
    _, (reader, writer) = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    await publisher.send_str(f'{{"action":"pub","channel":"c","data":"{filling}"}}')
    head = frame(bytes(MESSAGE_BYTES_MAX + 1))[:-MESSAGE_BYTES_MAX]
    writer.write(head)

    assert len(await hear(listener)) == len(filling) + len('{"channel":"c","data":""}')
    last = await asyncio.wait_for(reader.read(), SECONDS_MAX)
    assert last[:1] == b"\x88"
    assert struct.unpack("!H", last[2:4]) == (WSCloseCode.MESSAGE_TOO_BIG,)


async def test_one_connection_hears_a_limited_number_of_channels(site: Site) -> None:
    """One that wants more than a thousand is told so and let go."""
    socket = await site.listen("0")
    for number in range(1, 1001):
        await say(socket, action="sub", channel=str(number))

    text = await hear(socket)

    assert text == "Error: no more than 1000 channels for one connection. Closing Connection"


# --- clients that are slow, and clients that are gone ---------------------------------


@pytest.mark.slow
async def test_a_client_that_does_not_read_keeps_nobody_waiting(site: Site) -> None:
    """The others hear everything; what waits for it has its limit, and it is served again."""
    _, (slow_reader, slow_writer) = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
    slow_writer.transport.pause_reading()
    slow_writer.write(frame(b'{"action":"sub","channel":"c"}'))
    quick, publisher = await site.listen("c"), await site.connect()
    filling = "x" * 90_000
    many = 200

    for number in range(many):
        await say(publisher, action="pub", channel="c", data=[number, filling])
        assert json.loads(await hear(quick))["data"][0] == number

    slow_writer.transport.resume_reading()
    await asyncio.sleep(1.2)
    await say(publisher, action="pub", channel="c", data="after")
    received = bytearray()
    while not received.endswith(b'"data":"after"}'):
        received += await asyncio.wait_for(slow_reader.read(1 << 20), SECONDS_MAX)
    assert len(received) < many * len(filling)


async def test_subscriptions_end_with_their_connection(hub: Hub) -> None:
    """However it ends."""
    async with running_site() as site:
        polite, wrong = await site.listen("a"), await site.listen("b")
        _, (_, rude) = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
        rude.write(frame(b'{"action":"sub","channel":"c"}'))
        await until(lambda: hub.count_channels() == 3)  # noqa: PLR2004

        await polite.close()
        await wrong.send_str("no json")
        rude.transport.abort()

        await until(lambda: hub.count_channels() == 0)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(SECONDS_MAX):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_server_that_stops_says_so() -> None:
    """With code 1001, and without waiting for clients that do not answer."""
    async with asyncio.timeout(SECONDS_MAX), ClientSession() as session:
        async with running_site() as site:
            url = f"http://127.0.0.1:{site.port}/pubsub?api_key={KEY}"
            socket = await session.ws_connect(url)
            silent, _ = await raw(site, "GET", f"/pubsub?api_key={KEY}", UPGRADE)
            hearing = asyncio.create_task(socket.receive())
            await asyncio.sleep(0)
        message = await hearing

    assert message.type is WSMsgType.CLOSE
    assert message.data == WSCloseCode.GOING_AWAY
    assert silent.startswith(b"HTTP/1.1 101 ")


def test_many_messages_are_delivered_in_order() -> None:
    """Nothing is lost where everybody reads."""
    many = 2000

    async def publish() -> list[int]:
        async with running_site() as site:
            listener, publisher = await site.listen("c"), await site.connect()
            for number in range(many):
                await say(publisher, action="pub", channel="c", data=number)
            return [json.loads(await hear(listener))["data"] for _ in range(many)]

    assert asyncio.run(publish()) == list(range(many))


# --- anything ---------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["action", "Channel", "data", "x"])
MEMBERS = st.sampled_from(["sub", "unsub", "pub", "c", ""]) | JSON
MESSAGES = (
    st.binary()
    | st.dictionaries(NAMES, MEMBERS).map(lambda value: json.dumps(value).encode())
    | JSON.map(lambda value: json.dumps(value).encode())
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(st.lists(MESSAGES, min_size=5, max_size=20))
def test_no_message_breaks_the_server(messages: list[bytes]) -> None:
    """Each is done, answered, or ends its connection with a text; the next is served."""

    async def play() -> None:
        async with running_site() as site:
            for data in messages:
                socket = await site.listen("c")
                await socket.send_bytes(data)
                await socket.send_bytes(b"no json")
                async with asyncio.timeout(SECONDS_MAX):
                    texts = [message.data async for message in socket]
                assert texts
                assert texts[-1].endswith("Closing Connection")
                for text in texts[:-1]:
                    assert text == "Unknow action" or json.loads(text)["channel"] == "c"

    asyncio.run(play())
