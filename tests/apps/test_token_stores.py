"""The stores of access tokens: common behaviour, and that of each kind."""

import asyncio
import json
import logging
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin import config
from skylogin.apps.token_stores import TokenStore, TokenStores
from skylogin.config import ConfigurationError
from skylogin.errors import ACCESS_TOKEN_NOT_ACCEPTED, UNEXPECTED_ERROR, SkygearError
from skylogin.ids import IdMaker
from skylogin.tokens import stored_tokens
from skylogin.tokens.file_store import UNFINISHED, FileTokens
from skylogin.tokens.redis_store import RedisTokens
from skylogin.tokens.stored_tokens import StoredToken, StoredTokens

from tests.applications import Client, MakeClient
from tests.clocks import Clock
from tests.factories import HOUR, NOW
from tests.local_services import REDIS_PASSWORD, RedisServer

APP, OTHER_APP = "main", "other"
KEYS = {APP: b"the key of the main app", OTHER_APP: b"the key of the other app"}
TOKEN = "0281e299-4698-45c8-b982-cac2935d944d"
# The file that the original wrote for this token (custom-token-login, section 9).
ORIGINAL_FILE = (
    f'{{"accessToken":"{TOKEN}","expiredAt":1795442157842762669,'
    '"appName":"main","authInfoID":"alice"}\n'
)
LONG_AFTER = NOW + timedelta(days=365 * 100)
# One Redis server for all, which some tests stop.
pytestmark = pytest.mark.xdist_group("redis")


@pytest.fixture(params=["jwt", "fs", pytest.param("redis", marks=pytest.mark.slow)])
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of store: each test runs once per kind."""
    return str(request.param)


@pytest.fixture
def environment(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of the store."""
    path = str(tmp_path / "token")
    if kind == "redis":
        path = request.getfixturevalue("redis_server").url
    return {"TOKEN_STORE": kind, "TOKEN_STORE_PATH": path, "APP_NAME": APP}


@dataclass
class Opened:
    """Opens token stores with the settings of a server."""

    environment: dict[str, str]
    stores: list[TokenStores] = field(default_factory=list)

    async def __call__(self, app: str = APP, **more: str) -> TokenStore:
        """Open the store of *app*, with the settings *more* in addition."""
        settings = config.read({**self.environment, **more}, config.DEV)
        self.stores.append(TokenStores(settings, IdMaker()))
        await self.stores[-1].open()
        return self.stores[-1].open_token_store(app, KEYS[app])


@asynccontextmanager
async def opening(environment: dict[str, str]) -> AsyncIterator[Opened]:
    """Open stores, and close them at the end."""
    opened = Opened(environment)
    yield opened
    for stores in opened.stores:
        await stores.close()


@pytest.fixture
async def open_store(environment: dict[str, str]) -> AsyncIterator[Opened]:
    """Open the token stores of apps."""
    async with opening(environment) as opened:
        yield opened


async def refused(store: TokenStore, token: str, now: datetime = NOW) -> bool:
    """Return whether *token* is refused like any bad token."""
    try:
        await store.find(token, now)
    except SkygearError as error:
        if error.kind is ACCESS_TOKEN_NOT_ACCEPTED:
            return True
        raise
    return False


async def test_an_issued_token_is_found(open_store: Opened) -> None:
    """With its user, its app and its time of issue."""
    store = await open_store()
    found = await store.find(await store.issue("alice", NOW, APP), NOW)

    assert (found.user_id, found.issuer, found.issued_at) == ("alice", APP, NOW)


async def test_a_token_survives_the_server(open_store: Opened) -> None:
    """Another server with the same settings accepts it."""
    token = await (await open_store()).issue("é\u2028 <&>", NOW, APP)

    assert (await (await open_store()).find(token, NOW)).user_id == "é\u2028 <&>"


async def test_every_login_has_a_token_of_its_own(open_store: Opened) -> None:
    """It differs from the older ones, and they stay valid."""
    store = await open_store()
    tokens = [await store.issue("alice", NOW, APP) for _ in range(3)]

    assert len(set(tokens)) == len(tokens)
    assert [await refused(store, token) for token in tokens] == [False] * len(tokens)


async def test_a_token_expires(open_store: Opened) -> None:
    """It is valid in its last second, and not after it; without an expiry it never ends."""
    store = await open_store(TOKEN_STORE_EXPIRY=str(HOUR))
    token = await store.issue("alice", NOW, APP)
    endless = await (await open_store()).issue("alice", NOW, APP)
    end = NOW + timedelta(seconds=HOUR)

    assert not await refused(store, token, end)
    assert await refused(store, token, end + timedelta(seconds=1))
    assert not await refused(store, endless, LONG_AFTER)


async def test_an_expiry_may_be_of_any_length(open_store: Opened, kind: str) -> None:
    """More years than a date can have mean that the token never ends."""
    store = await open_store(TOKEN_STORE_EXPIRY=str(10**12))
    token = await store.issue("alice", NOW, APP)

    assert not await refused(store, token, LONG_AFTER)


async def test_an_ended_token_is_refused(open_store: Opened, kind: str) -> None:
    """Stored tokens end at once, each alone; ending one twice is not an error."""
    store = await open_store()
    token, other = [await store.issue("alice", NOW, APP) for _ in range(2)]
    await store.forget(token)
    await store.forget(token)

    assert await refused(store, token) is (kind != "jwt")
    assert not await refused(store, other)


@pytest.mark.parametrize("prefix", ["", "prefix"])
async def test_a_token_of_another_app_is_refused(open_store: Opened, prefix: str) -> None:
    """Whichever issuer it names."""
    ours = await open_store(TOKEN_STORE_PREFIX=prefix)
    theirs = await open_store(OTHER_APP, TOKEN_STORE_PREFIX=prefix)
    our_token = await ours.issue("alice", NOW, OTHER_APP)
    their_token = await theirs.issue("alice", NOW, APP)
    await theirs.forget(our_token)

    assert not await refused(ours, our_token)
    assert not await refused(theirs, their_token)
    assert await refused(theirs, our_token)
    assert await refused(ours, their_token)


GARBAGE = st.one_of(
    st.text(),
    st.text("./\\\0~-%", max_size=20),
    st.uuids().map(str),
    st.uuids().map(lambda value: f"../{value}"),
    st.uuids().map(lambda value: f"{value}\n"),
    st.uuids().map(lambda value: str(value).upper()),
    st.integers(0, 5000).map(lambda length: "../" * length),
    st.integers(0, 5000).map(lambda length: "a" * length),
)


@given(garbage=GARBAGE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_anything_but_a_token_is_refused(environment: dict[str, str], garbage: str) -> None:
    """Any other text is refused like a bad token, and can be ended."""
    async with opening(environment) as open_one:
        store = await open_one()
        await store.forget(garbage)

        assert await refused(store, garbage)


async def test_a_cancelled_search_does_not_mix_up_answers(
    open_store: Opened,
) -> None:
    """The searches after it get their own answers."""
    store = await open_store()
    tokens = {f"user-{n}": await store.issue(f"user-{n}", NOW, APP) for n in range(20)}
    for turn in range(30):
        searches = [
            asyncio.create_task(store.find(token, NOW)) for token in list(tokens.values()) * 2
        ]
        for _ in range(turn % 10):
            await asyncio.sleep(0)
        for search in searches[::2]:
            search.cancel()
        await asyncio.gather(*searches, return_exceptions=True)

    assert [(await store.find(token, NOW)).user_id for token in tokens.values()] == list(tokens)


# --- files ---------------------------------------------------------------------


@pytest.fixture
async def open_files(tmp_path: Path) -> AsyncIterator[Opened]:
    """Open stores of files in the directory `token`."""
    path = str(tmp_path / "token")
    async with opening({"TOKEN_STORE": "fs", "TOKEN_STORE_PATH": path, "APP_NAME": APP}) as opened:
        yield opened


async def test_a_file_is_as_the_original_writes_it(open_files: Opened, tmp_path: Path) -> None:
    """One line of its JSON; the time of issue is in a member that it ignores."""
    store = await open_files(TOKEN_STORE_EXPIRY=str(HOUR))
    token = await store.issue("alice", NOW, APP)
    seconds = int(NOW.timestamp())

    assert (tmp_path / "token" / token).read_text() == (
        f'{{"accessToken":"{token}","expiredAt":{seconds + HOUR}000000000,'
        f'"appName":"main","authInfoID":"alice","issuedAt":{seconds}000000000}}\n'
    )


async def test_a_file_of_the_original_is_read(open_files: Opened, tmp_path: Path) -> None:
    """Its tokens stay valid; they have no time of issue."""
    store = await open_files()
    (tmp_path / "token" / TOKEN).write_text(ORIGINAL_FILE)
    found = await store.find(TOKEN, NOW)

    assert (found.user_id, found.issued_at) == ("alice", None)


BROKEN = {
    "nothing": "",
    "half": ORIGINAL_FILE[:60],
    "no object": "[]",
    "null": "null",
    "no JSON": "\x00\xff",
    "no user": '{"accessToken":"' + TOKEN + '","expiredAt":0,"appName":"main"}',
    "no end": '{"accessToken":"' + TOKEN + '","appName":"main","authInfoID":"alice"}',
    "an end that is not an integer": ORIGINAL_FILE.replace("1795442157842762669", "1e3"),
    "an end beyond all": ORIGINAL_FILE.replace("1795442157842762669", "9" * 30),
    "an end that is a boolean": ORIGINAL_FILE.replace("1795442157842762669", "true"),
    "another token's": ORIGINAL_FILE.replace(TOKEN, TOKEN.replace("0", "1")),
    "another app's": ORIGINAL_FILE.replace("main", "other"),
    "without end": "[" * 100_000,
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
async def test_a_broken_file_is_not_a_token(open_files: Opened, tmp_path: Path, text: str) -> None:
    """It is refused like any bad token."""
    store = await open_files()
    (tmp_path / "token" / TOKEN).write_text(text)

    assert await refused(store, TOKEN)


async def test_a_folder_in_place_of_a_file_is_not_a_token(
    open_files: Opened, tmp_path: Path
) -> None:
    """And it is left alone."""
    store = await open_files()
    (tmp_path / "token" / TOKEN).mkdir()

    assert await refused(store, TOKEN)


async def test_an_expired_file_is_removed_when_it_is_used(
    open_files: Opened, tmp_path: Path
) -> None:
    """As in the original."""
    store = await open_files(TOKEN_STORE_EXPIRY="1")
    token = await store.issue("alice", NOW, APP)
    await refused(store, token, NOW + timedelta(seconds=2))

    assert not (tmp_path / "token" / token).exists()


async def test_only_the_servers_user_may_read_the_files(open_files: Opened, tmp_path: Path) -> None:
    """Its files and directories, and those of other apps."""
    for app in (APP, OTHER_APP):
        await (await open_files(app)).issue("alice", NOW, app)
    modes = {
        stat.S_IMODE(path.stat().st_mode): path.is_dir()
        for path in [tmp_path / "token", *(tmp_path / "token").rglob("*")]
    }

    assert modes == {0o600: False, 0o700: True}


@given(name=GARBAGE)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
async def test_no_token_leads_to_another_file(tmp_path: Path, name: str) -> None:
    """A file outside the directory, or in it under another name, is neither read nor removed."""
    folder = tmp_path / "token"
    folder.mkdir(exist_ok=True)
    outside = [tmp_path / TOKEN, folder / "secret", tmp_path / "secret"]
    for path in outside:
        path.write_text(ORIGINAL_FILE)
    store = StoredTokens(FileTokens(folder), APP, 0, IdMaker())
    for token in (name, f"../{TOKEN}", "secret", "../secret", str(tmp_path / "secret")):
        assert await refused(store, token)
        await store.forget(token)

    assert all(path.exists() for path in outside)


async def test_files_that_a_crash_left_are_removed(open_files: Opened, tmp_path: Path) -> None:
    """Unfinished files are removed when the next token is issued."""
    store = await open_files()
    left = tmp_path / "token" / f"{UNFINISHED}left"
    left.write_text(ORIGINAL_FILE)
    await store.issue("alice", NOW, APP)

    assert not left.exists()


async def test_servers_that_start_together_do_not_remove_each_others_files(
    open_files: Opened,
) -> None:
    """Each removes old files while the others write, and all tokens stay."""
    stores = [await open_files() for _ in range(20)]
    tokens = await asyncio.gather(
        *(store.issue("alice", NOW, APP) for store in stores for _ in range(5))
    )

    assert not any([await refused(stores[0], token) for token in tokens])


async def test_a_folder_that_cannot_be_made_stops_the_start(
    open_files: Opened, tmp_path: Path
) -> None:
    """The error says which directory, and why."""
    (tmp_path / "token").write_text("")

    with pytest.raises(ConfigurationError, match=r"TOKEN_STORE_PATH .*token: File exists"):
        await open_files()


async def test_a_disk_that_fails_shows_no_token(open_files: Opened, tmp_path: Path) -> None:
    """The refusal has the system's message, without names or paths."""
    store = await open_files()
    (tmp_path / "token" / TOKEN).symlink_to(TOKEN)
    with pytest.raises(SkygearError) as refusal:
        await store.find(TOKEN, NOW)

    assert (refusal.value.kind, refusal.value.status) == (UNEXPECTED_ERROR, 401)
    assert refusal.value.__cause__ is None
    assert "Too many levels of symbolic links" in refusal.value.explanation
    assert TOKEN not in refusal.value.message + refusal.value.explanation


# --- Redis ---------------------------------------------------------------------


@pytest.fixture
async def open_redis(redis_server: RedisServer) -> AsyncIterator[Opened]:
    """Open stores in Redis."""
    url = redis_server.url
    async with opening(
        {"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": url, "APP_NAME": APP}
    ) as opened:
        yield opened


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Any]:
    """A client of Redis, to read the database directly."""
    from redis.asyncio import Redis  # noqa: PLC0415

    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.mark.slow
@pytest.mark.parametrize("prefix", ["", "prefix"])
async def test_a_hash_is_as_the_original_writes_it(
    open_redis: Opened, redis: Any, prefix: str
) -> None:
    """With the same fields and key; unlike in the original, a key with a prefix expires."""
    store = await open_redis(TOKEN_STORE_PREFIX=prefix, TOKEN_STORE_EXPIRY=str(HOUR))
    token = await store.issue("alice", NOW, APP)
    seconds = int(NOW.timestamp())
    key = f"{prefix}:{token}" if prefix else token

    assert await redis.keys() == [key]
    assert 0 < await redis.ttl(key) <= HOUR
    assert await redis.hgetall(key) == {
        "accessToken": token,
        "expiredAt": f"{seconds + HOUR}000000000",
        "issuedAt": f"{seconds}000000000",
        "appName": "main",
        "authInfoID": "alice",
    }


@pytest.mark.slow
async def test_a_key_without_an_end_stays(open_redis: Opened, redis: Any) -> None:
    """Redis keeps a token without an expiry until it is ended."""
    token = await (await open_redis()).issue("alice", NOW, APP)

    assert await redis.ttl(token) == -1


BROKEN_HASHES = {
    "no field": {"other": "x"},
    "no user": {"accessToken": TOKEN, "expiredAt": "0", "appName": APP},
    "an end that is not an integer": {"expiredAt": "soon"},
    "an end that is nearly one": {"expiredAt": "1_000"},
    "an end beyond all": {"expiredAt": "9" * 19},
    "another token's": {"accessToken": "x"},
    "another app's": {"appName": "other"},
}


@pytest.mark.slow
@pytest.mark.parametrize("fields", BROKEN_HASHES.values(), ids=BROKEN_HASHES)
async def test_a_broken_hash_is_not_a_token(
    open_redis: Opened, redis: Any, fields: dict[str, str]
) -> None:
    """It is refused like an unknown token."""
    whole = {"accessToken": TOKEN, "expiredAt": "0", "appName": APP, "authInfoID": "alice"}
    await redis.hset(TOKEN, mapping={**whole, **fields} if len(fields) == 1 else fields)
    if "other" in fields:
        await redis.hdel(TOKEN, *whole)

    assert await refused(await open_redis(), TOKEN)


@pytest.mark.slow
async def test_a_key_of_another_type_is_not_a_token(open_redis: Opened, redis: Any) -> None:
    """Another program may have written it."""
    await redis.set(TOKEN, "something else")

    assert await refused(await open_redis(), TOKEN)


@pytest.mark.slow
async def test_calls_are_refused_while_redis_is_down(
    open_redis: Opened, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a password or a token in the error; later calls succeed."""
    caplog.set_level(logging.DEBUG)
    store = await open_redis()
    token = await store.issue("alice", NOW, APP)
    redis_server.stop()
    with pytest.raises(SkygearError) as refusal:
        await store.find(token, NOW)
    redis_server.start()
    new_token = await store.issue("alice", NOW, APP)

    assert (refusal.value.kind, refusal.value.status) == (UNEXPECTED_ERROR, 401)
    assert refusal.value.message == "the access token store does not work"
    seen = caplog.text + refusal.value.message + refusal.value.explanation
    assert REDIS_PASSWORD not in seen
    assert token not in seen
    assert not await refused(store, new_token)
    # This Redis does not save to disk.
    assert await refused(store, token)


class Deaf:
    """A client of Redis that gets no answer, and does not end when it is cancelled."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()

    async def hgetall(self, key: str) -> dict[bytes, bytes]:
        """Wait for an answer."""
        while not self.may_end.is_set():
            with suppress(asyncio.CancelledError):
                await self.may_end.wait()
        self.ended.set()
        raise ConnectionError


@pytest.mark.slow
async def test_a_call_does_not_wait_for_a_client_that_goes_on() -> None:
    """Redis-py may swallow the end of its time, and begin its next try."""
    client: Any = Deaf()
    store = StoredTokens(RedisTokens(client, ""), APP, HOUR, IdMaker())

    with pytest.raises(SkygearError) as refusal:
        await store.find(TOKEN, NOW)

    assert refusal.value.explanation == "Redis does not answer in 1.5 s"
    assert not client.ended.is_set()
    client.may_end.set()
    await client.ended.wait()


@pytest.mark.slow
async def test_calls_are_refused_if_redis_refuses_the_password(
    open_redis: Opened, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The error does not show it either."""
    url = redis_server.url.replace(REDIS_PASSWORD, "quite-another")
    store = await open_redis(TOKEN_STORE_PATH=url)
    with pytest.raises(SkygearError) as refusal:
        await store.issue("alice", NOW, APP)

    assert (refusal.value.kind, refusal.value.status) == (UNEXPECTED_ERROR, 500)
    assert "quite-another" not in caplog.text + refusal.value.explanation


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1?no_such_parameter=1", "redis://127.0.0.1?socket_timeout=x"]
)
async def test_a_url_that_redis_does_not_understand_stops_the_start(url: str) -> None:
    """Instead of failing at the first login."""
    async with opening({"TOKEN_STORE": "redis", "TOKEN_STORE_PATH": url}) as open_one:
        with pytest.raises(ConfigurationError, match="TOKEN_STORE_PATH has unknown parameters"):
            await open_one()


# --- over the wire ---------------------------------------------------------------


async def send(client: Client, action: str, path: str = "/", **payload: Any) -> Any:
    """Make a call, and return its result, or its status and code."""
    body = {"action": action, "api_key": "changeme", **payload}
    response = await client.post(path, json=body)
    answer = await response.json()
    return answer["result"] if "result" in answer else (response.status, answer["error"]["code"])


@pytest.mark.heavy
async def test_a_stored_token_ends_with_a_logout_and_with_a_new_password(
    environment: dict[str, str], kind: str, make_client: MakeClient
) -> None:
    """But not when its server stops; files of the original survive a new password."""
    clock = Clock()
    client = await make_client(now=clock, **environment)
    named = {"auth_data": {"username": "alice"}, "password": "secret"}
    first = await send(client, "auth:signup", **named)
    token = first["access_token"]
    again = await send(client, "me", access_token=token)
    assert again["user_id"] == first["user_id"]

    logged_out = await send(client, "auth:logout", access_token=again["access_token"])
    assert logged_out == {"status": "OK"}
    after_logout = await send(client, "me", access_token=again["access_token"])
    assert (after_logout == (401, 104)) is (kind != "jwt")

    assert await send(client, "me", "/apps/elsewhere/", access_token=token) == (401, 104)
    clock.moment += timedelta(hours=1)
    change = {"old_password": "secret", "password": "another"}
    new = await send(client, "auth:password", access_token=token, **change)
    assert await send(client, "me", access_token=token) == (401, 104)
    me = await send(client, "me", access_token=new["access_token"])
    assert me["user_id"] == first["user_id"]


# --- pure ----------------------------------------------------------------------


MEMBERS = st.sampled_from(["accessToken", "expiredAt", "appName", "authInfoID", "issuedAt"])
VALUES = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none())


@given(st.binary() | st.dictionaries(MEMBERS, VALUES).map(json.dumps).map(str.encode))
def test_reading_a_file_never_crashes(data: bytes) -> None:
    """Any content is read as a token or refused."""
    stored = stored_tokens.from_json(data)

    assert stored is None or stored.has_expired(NOW) in (True, False)


# The range of 64 bits of nanoseconds.
YEARS = st.integers(-(2**53), 2**52).map(lambda part: NOW + timedelta(microseconds=part))


class InMemory:
    """Keeps the token that was saved last."""

    saved: StoredToken

    async def save(self, stored: StoredToken, now: datetime) -> None:
        """Keep it."""
        self.saved = stored

    async def load(self, token: str, now: datetime) -> StoredToken | None:
        """Return it."""
        return self.saved

    async def remove(self, token: str) -> None:
        """Do nothing."""


@given(user_id=st.text(), app=st.text(), now=YEARS, seconds=st.integers(-5, 2**70))
async def test_a_stored_token_is_read_as_it_was_written(
    user_id: str, app: str, now: datetime, seconds: int
) -> None:
    """From a file and from a hash."""
    backend = InMemory()
    await StoredTokens(backend, app, seconds, IdMaker()).issue(user_id, now, app)
    stored = backend.saved
    members = stored.members()

    assert stored_tokens.from_texts({k: str(v) for k, v in members.items()}) == stored
    assert stored_tokens.from_json(json.dumps(members).encode()) == stored
