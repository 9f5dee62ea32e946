"""What clients of websockets send and receive."""

import asyncio
import json
import struct

import pytest
from aiohttp import WSCloseCode
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pubsub.websockets import (
    CLOSE_FRAME_WITHOUT_A_CODE,
    CLOSED,
    KEY,
    MESSAGE_BYTES_MAX,
    PATHS,
    SECONDS_MAX,
    UPGRADE,
    PubsubClient,
    frame,
    hear,
    pubsub_server,
    raw,
    say,
)


async def test_a_message_goes_to_all_subscribers(pubsub: PubsubClient) -> None:
    """Once, to the publisher too if it is subscribed, until they unsubscribe."""
    first, second = await pubsub.listen("room"), await pubsub.listen("room")
    await say(first, action="sub", channel="room")
    other = await pubsub.listen("other")

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


async def test_hubs_and_apps_are_separate(pubsub: PubsubClient) -> None:
    """A channel of another hub or app with the same name is another channel."""
    paths = [*PATHS, "/apps/shop/pubsub", "/apps/shop/_/pubsub", "/apps/bank/pubsub"]
    sockets = [await pubsub.listen("room", path) for path in paths]

    for ordinal, socket in enumerate(sockets):
        await say(socket, action="pub", channel="room", data=ordinal)

    heard = [await hear(socket) for socket in sockets]
    assert heard == [f'{{"channel":"room","data":{number}}}' for number in range(len(paths))]
    for socket in sockets:
        await socket.send_str('{"channel":"x"}')
        assert await hear(socket) == "Unknow action"


async def test_an_app_is_found_by_its_host_name() -> None:
    """Like for every other call."""
    async with pubsub_server(SKYLOGIN_DOMAIN="sky.test") as pubsub:
        shop = await pubsub.listen("room", "/apps/shop/pubsub")
        by_host = await pubsub.connect(headers={"Host": "shop.sky.test"})
        await say(by_host, action="pub", channel="room", data=1)

        assert await hear(shop) == '{"channel":"room","data":1}'


async def test_an_invalid_name_of_an_app_is_refused(pubsub: PubsubClient) -> None:
    """Like for every other call."""
    head, _ = await raw(pubsub, "GET", f"/apps/No%20Name/pubsub?api_key={KEY}", UPGRADE)

    assert head.startswith(b"HTTP/1.1 404 ")
    assert b"X-Skylogin-Reason: app_unknown: there is no app called No Name" in head


PASSED_ON = {
    "order and numbers": ('{"b" : 1.50, "a":\t[1e5,-0, 12345678901234567890]}',
                          '{"b":1.50,"a":[1e5,-0,12345678901234567890]}'),
    "HTML": ('"<b> & </b>"', r'"\u003cb\u003e \u0026 \u003c/b\u003e"'),
    "line separators": ('"\u2028\u2029"', r'"\u2028\u2029"'),
    "blanks in a string": ('" a  b\\n"', '" a  b\\n"'),
    "escapes": (r'"\u0041\"\\ \ud83d"', r'"\u0041\"\\ \ud83d"'),
    "a repeated name": ('{"a":1,"a":2}', '{"a":1,"a":2}'),
    "false": ("false", "false"),
    "text": ('"é"', '"é"'),
    "null inside": ("[null]", "[null]"),
}  # fmt: skip


@pytest.mark.parametrize(("data", "sent"), PASSED_ON.values(), ids=PASSED_ON)
@pytest.mark.parametrize("binary", [False, True])
async def test_data_is_passed_on_as_it_was_written(
    pubsub: PubsubClient, data: str, sent: str, binary: bool
) -> None:
    """Except for blanks, and for characters that matter in HTML."""
    socket = await pubsub.listen("é<")
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
    "not JSON": (
        "hello",
        "Error: the message is not JSON: unexpected 'h' in line 1, column 1 \nClosing Connection",
    ),
    "half a message": (
        '{"action":"sub"',
        "Error: the message is not JSON: unexpected end in line 1, column 16 \nClosing Connection",
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
async def test_an_invalid_message_ends_the_connection(
    pubsub: PubsubClient, message: str, answer: str
) -> None:
    """With a text, and with a close frame without a code."""
    _, (reader, writer) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    writer.write(frame(message.encode()))
    last = await asyncio.wait_for(reader.read(), SECONDS_MAX)

    assert last[:1] == b"\x81"
    assert last.endswith(answer.encode() + CLOSE_FRAME_WITHOUT_A_CODE)


@pytest.mark.parametrize("message", NOT_JSON)
async def test_a_message_that_is_not_json_ends_the_connection(
    pubsub: PubsubClient, message: str
) -> None:
    """The text contains the message of the JSON parser."""
    socket = await pubsub.listen("room")

    await socket.send_str(message)

    text = await hear(socket)
    assert text.startswith("Error: ")
    assert text.endswith(" \nClosing Connection")
    assert (await socket.receive(SECONDS_MAX)).type in CLOSED


async def test_a_ping_is_answered(pubsub: PubsubClient) -> None:
    """With the data of the ping."""
    _, (reader, writer) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    writer.write(frame(b"are you there", opcode=9))

    assert await reader.readexactly(15) == b"\x8a\x0dare you there"


async def test_the_size_of_a_message_is_limited(pubsub: PubsubClient) -> None:
    """A larger one ends the connection with code 1009 before it is read."""
    listener, publisher = await pubsub.listen("c"), await pubsub.connect()
    rest = len('{"action":"pub","channel":"c","data":""}')
    filling = "x" * (MESSAGE_BYTES_MAX - rest)
    _, (reader, writer) = await raw(pubsub, "GET", f"/pubsub?api_key={KEY}", UPGRADE)

    await publisher.send_str(f'{{"action":"pub","channel":"c","data":"{filling}"}}')
    head = frame(bytes(MESSAGE_BYTES_MAX + 1))[:-MESSAGE_BYTES_MAX]
    writer.write(head)

    assert len(await hear(listener)) == len(filling) + len('{"channel":"c","data":""}')
    last = await asyncio.wait_for(reader.read(), SECONDS_MAX)
    assert last[:1] == b"\x88"
    assert struct.unpack("!H", last[2:4]) == (WSCloseCode.MESSAGE_TOO_BIG,)


async def test_the_number_of_channels_of_a_connection_is_limited(pubsub: PubsubClient) -> None:
    """Subscribing to more than a thousand ends it with a text."""
    socket = await pubsub.listen("0")
    for number in range(1, 1001):
        await say(socket, action="sub", channel=str(number))

    text = await hear(socket)

    assert text == "Error: no more than 1000 channels for one connection. Closing Connection"


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
    """Each is carried out or answered, or it ends its connection with a text."""

    async def play() -> None:
        async with pubsub_server() as pubsub:
            for data in messages:
                socket = await pubsub.listen("c")
                await socket.send_bytes(data)
                await socket.send_bytes(b"no json")
                async with asyncio.timeout(SECONDS_MAX):
                    texts = [message.data async for message in socket]
                assert texts
                assert texts[-1].endswith("Closing Connection")
                for text in texts[:-1]:
                    assert text == "Unknow action" or json.loads(text)["channel"] == "c"

    asyncio.run(play())
