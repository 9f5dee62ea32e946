"""How much a caller may send, and that it keeps no other caller waiting."""

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.actions import wire
from skylogin.encoding import json_text
from skylogin.http import bodies
from skylogin.web.keys import BODIES

from tests.applications import Client, MakeClient
from tests.factories import NOW, SECRET, make_token
from tests.waiting import wait_until_async

LOG_IN = "/sso/custom_token/login"
KEY = {"X-Skygear-API-Key": "changeme"}
MASTER_KEY = {"X-Skygear-API-Key": "secret"}
STRANGERS_MAX, MASTERS_MAX = 2 * 2**20, 16 * 2**20
TOO_LARGE = {"name": "BadRequest", "code": 107, "message": "request body too large"}
VALUES_MAX = 20_000


def body_of(size: int, **members: object) -> bytes:
    """Return a body of *size* bytes."""
    plain = json.dumps({**members, "filling": ""}).encode()
    return plain.replace(b'"filling": ""', b'"filling": "' + b"x" * (size - len(plain)) + b'"')


async def in_chunks(data: bytes) -> AsyncIterator[bytes]:
    """Send *data* without its length."""
    for begin in range(0, len(data), 100_000):
        yield data[begin : begin + 100_000]


# --- sizes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "size"),
    [({}, STRANGERS_MAX), (KEY, STRANGERS_MAX), (MASTER_KEY, MASTERS_MAX)],
    ids=["no key", "API key", "master key"],
)
@pytest.mark.parametrize("has_length", [True, False])
async def test_the_size_of_a_body_is_limited(
    client: Client, headers: dict[str, str], size: int, has_length: bool
) -> None:
    """Whether the client gives its length or not."""
    for extra, is_good in ((0, True), (1, False)):
        data = body_of(size + extra, action="me")
        answer = await client.post(
            "/", data=io.BytesIO(data) if has_length else in_chunks(data), headers=headers
        )
        error = (await answer.json()).get("error", {})
        is_refused = answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and error == TOO_LARGE
        assert is_refused != is_good, answer.status


async def test_a_master_key_in_a_body_does_not_make_the_body_larger(client: Client) -> None:
    """It is not known before the body is read."""
    answer = await client.post("/", data=io.BytesIO(body_of(STRANGERS_MAX + 1, api_key="secret")))

    assert answer.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


@pytest.mark.parametrize(
    "values",
    [[1] * VALUES_MAX, [{}] * VALUES_MAX, dict.fromkeys(map(str, range(VALUES_MAX)), ",")],
    ids=["numbers", "objects", "members"],
)
async def test_the_number_of_values_in_a_body_is_limited(client: Client, values: Any) -> None:
    """Those of the operator's own servers do not."""
    data = json.dumps({"action": "", "values": values}).encode()

    assert (await client.post("/", data=data, headers=KEY)).status == (
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    )
    assert (await client.post("/", data=data, headers=MASTER_KEY)).status == HTTPStatus.OK


VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text('a",[{\\\\/é', max_size=5),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('a",[{\\\\', max_size=3), inner),
)


def count(value: Any) -> int:
    """Return the number of lists, objects and commas that JSON of *value* has."""
    if not isinstance(value, list | dict):
        return 0
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(len(value) - 1, 0) + sum(map(count, inner))


@given(value=VALUES, spare=st.integers(-2, 2))
def test_values_are_counted_outside_of_strings(value: Any, spare: int) -> None:
    """Commas and brackets in strings are text."""
    data = json.dumps(value).encode()

    assert json_text.has_more_values(data, max(count(value) + spare, 0)) == (
        count(value) > max(count(value) + spare, 0)
    )


# --- others ---------------------------------------------------------------------------


async def test_a_long_body_is_read_in_a_thread(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that other calls are answered meanwhile. A short one is not worth it."""
    threads: list[int] = []
    read = wire.read_body

    def note(data: bytes, values_max: int | None) -> dict[str, object]:
        threads.append(threading.get_ident())
        return read(data, values_max)

    monkeypatch.setattr(wire, "read_body", note)
    for size in (bodies.SHORT_BYTES_MAX, bodies.SHORT_BYTES_MAX + 1):
        assert (await client.post("/", data=body_of(size), headers=KEY)).ok

    assert threads[0] == threading.get_ident() != threads[1]


async def test_the_size_of_all_bodies_together_is_limited(client: Client) -> None:
    """Beyond it long ones are refused for a while, and short ones are not."""
    client.app[BODIES].all_bytes_max = 150_000
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        data = body_of(120_000, action="")
        yield data[:100_000]
        arrived.set()
        await go_on.wait()
        yield data[100_000:]

    slow = asyncio.create_task(client.post("/", data=slowly(), headers=KEY))
    await arrived.wait()
    await wait_until_async(lambda: client.app[BODIES].held > 0)
    refused = await client.post("/", data=body_of(100_000), headers=KEY)
    short = await client.post("/", data=body_of(1000, action=""), headers=KEY)
    go_on.set()

    assert (await slow).status == short.status == HTTPStatus.OK
    assert refused.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert refused.headers["Retry-After"] == "1"
    assert (await refused.json())["error"]["message"] == "the server is busy"
    assert (await client.post("/", data=body_of(120_000, action=""), headers=KEY)).ok


async def test_a_client_that_leaves_gives_its_memory_back(client: Client) -> None:
    """Before its body has arrived."""

    async def half() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        await asyncio.Event().wait()

    call = asyncio.create_task(client.post("/", data=half(), headers=KEY))
    await wait_until_async(lambda: client.app[BODIES].held > 0)
    call.cancel()
    await wait_until_async(lambda: client.app[BODIES].held == 0)


# --- tokens ---------------------------------------------------------------------------


async def test_the_size_of_a_token_is_limited(make_client: MakeClient) -> None:
    """And so has its header. The reason is in the login log."""
    client = await make_client(now=lambda: NOW, CUSTOM_TOKEN_SECRET=SECRET)

    async def log_in(token: str) -> tuple[int, str]:
        answer = await client.post(LOG_IN, json={"api_key": "changeme", "token": token})
        return answer.status, answer.headers.get("X-Skylogin-Reason", "").partition(":")[0]

    profile = {"text": "x" * 100_000}
    assert await log_in(make_token(skyprofile=profile)) == (200, "")
    assert await log_in("x" * 262_145) == (400, "token_too_long")
    header = make_token().partition(".")[2]
    assert await log_in(f"{'x' * 8193}.{header}") == (400, "token_too_long")
    assert await log_in(f"{'x' * 8192}.{header}") == (400, "header_malformed")


async def test_a_token_of_a_million_dots_is_only_counted(client: Client) -> None:
    """It is refused like any other that is not a token."""
    answer = await client.post(LOG_IN, json={"api_key": "changeme", "token": "." * 200_000})

    assert "this has 200001" in answer.headers["X-Skylogin-Reason"]


# --- queries --------------------------------------------------------------------------

NAME = {"$type": "keypath", "$val": "username"}


@pytest.mark.parametrize(
    "predicate",
    [["like", NAME, "a" * 1000], ["ilike", NAME, "_" * 1000], ["in", NAME, ["a"] * 1000]],
    ids=["like", "ilike", "in"],
)
async def test_the_size_of_a_predicate_is_limited(client: Client, predicate: list[Any]) -> None:
    """One more is refused, in words that say how many may be."""
    call = {"record_type": "user", "predicate": predicate}
    operator, name, value = predicate

    allowed = await client.post("/record/query", json=call, headers=MASTER_KEY)
    call["predicate"] = [operator, name, value + value[:1]]
    refused = await client.post("/record/query", json=call, headers=MASTER_KEY)

    assert allowed.status == HTTPStatus.OK, await allowed.text()
    assert (await refused.json())["error"]["name"] == "NotSupported"
