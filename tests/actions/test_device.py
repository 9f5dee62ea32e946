"""Registering and unregistering devices, by the rules of the original's handlers and tables."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.actions.services import Services
from skylogin.operations import users
from skylogin.operations.operator import Operator

from tests.factories import NOW, make_token
from tests.stores import Ask, Clock, MakeServices, Query

SECRET = "a secret"
Refused = tuple[str, dict[str, Any], int, dict[str, Any]]
COLUMNS = "SELECT id, user_id, type, token, topic FROM devices ORDER BY token"


class Users:
    """Users who log in and register devices."""

    def __init__(self, services: Services, ask: Ask) -> None:
        self.services = services
        self.ask = ask
        self.ids: dict[str, str] = {}
        self.access_tokens: dict[str, str] = {}

    async def log_in(self, *names: str) -> None:
        """Log users in with custom tokens."""
        for name in names:
            token = make_token(sub=name, secret=SECRET)
            answer = await self.ask(self.services, "sso:custom_token:login", token=token)
            self.ids[name] = answer.body["result"]["user_id"]
            self.access_tokens[name] = answer.body["result"]["access_token"]

    async def call(self, name: str, action: str, **payload: Any) -> Any:
        """Return the answer to a call of a user."""
        token = self.access_tokens[name]
        return await self.ask(self.services, f"device:{action}", access_token=token, **payload)

    async def register(self, name: str, **payload: Any) -> str:
        """Register a device of a user, and return its id."""
        answer = await self.call(name, "register", **payload)
        assert answer.status == HTTPStatus.OK, answer.body
        result: dict[str, str] = answer.body["result"]
        assert set(result) == {"id"}
        return result["id"]


@pytest.fixture
async def people(make_services: MakeServices, ask: Ask) -> Users:
    """Alice and Bert, who are logged in."""
    people = Users(await make_services(), ask)
    await people.log_in("alice", "bert")
    return people


async def test_a_device_is_registered(people: Users, query: Query) -> None:
    """With what the call says; an empty token or topic is null."""
    first = await people.register("alice", type="ios", device_token="a", topic="com.example")
    second = await people.register("alice", type="android", device_token="", topic=None)
    spelled = {"type": "ios", "Type": "baidu-android", "Device_To\u212aen": "c", "TOPIC": ""}
    third = await people.register("bert", **spelled)

    alice, bert = people.ids["alice"], people.ids["bert"]
    assert sorted(await query(COLUMNS), key=lambda row: str(row[2:])) == [
        (second, alice, "android", None, None),
        (third, bert, "baidu-android", "c", None),
        (first, alice, "ios", "a", "com.example"),
    ]


async def test_a_device_is_registered_again(
    people: Users, query: Query, clock: Clock, operator: Operator
) -> None:
    """By its id: type, user and time change, token and topic only if they are given."""
    device = await people.register("alice", type="ios", device_token="a", topic="com.example")
    clock.moment = NOW + timedelta(minutes=1)
    await people.log_in("bert")

    assert await people.register("bert", id=device, type="android") == device
    bert = people.ids["bert"]
    assert await query(COLUMNS) == [(device, bert, "android", "a", "com.example")]
    [shown] = (await users.get(operator, "myapp", bert)).devices
    assert shown.last_registered_at == clock.moment

    assert await people.register("bert", id=device, type="ios", device_token="b") == device
    assert await query(COLUMNS) == [(device, bert, "ios", "b", "com.example")]

    # The original first deletes whatever has the token, so also the device itself.
    assert await people.register("bert", id=device, type="ios", device_token="b") == device
    assert await query(COLUMNS) == [(device, bert, "ios", "b", None)]


async def test_a_token_has_one_device(people: Users, query: Query) -> None:
    """The one that was registered last, whoever used it before."""
    await people.register("alice", type="ios", device_token="a", topic="com.example")
    await people.register("alice", type="ios")
    other = await people.register("bert", type="ios", device_token="b")

    device = await people.register("bert", type="ios", device_token="a")

    assert [row for row in await query(COLUMNS) if row[3] is not None] == [
        (device, people.ids["bert"], "ios", "a", None),
        (other, people.ids["bert"], "ios", "b", None),
    ]
    assert len(await query(COLUMNS)) == 3  # noqa: PLR2004


async def test_a_device_is_unregistered(
    people: Users, query: Query, clock: Clock, operator: Operator
) -> None:
    """It stays, with its token and time, but without a user."""
    device = await people.register("alice", type="ios", device_token="a", topic="com.example")
    without_token = await people.register("alice", type="ios")
    clock.moment = NOW + timedelta(minutes=1)
    await people.log_in("alice", "bert")

    for one, who in ((device, "alice"), (without_token, "alice"), (device, "bert")):
        answer = await people.call(who, "unregister", id=one)
        assert (answer.status, answer.body["result"]) == (HTTPStatus.OK, {"id": one})

    found = {row[0]: row[1:] for row in await query(COLUMNS)}
    assert found == {
        device: (None, "ios", "a", "com.example"),
        without_token: (None, "ios", None, None),
    }
    assert (await users.get(operator, "myapp", people.ids["alice"])).devices == []
    times = await query("SELECT DISTINCT last_registered_at FROM devices")
    assert len(times) == 1
    assert str(times[0][0]).replace(" ", "T").startswith("2026-01-02T03:04:05")


def argument(message: str, name: str) -> dict[str, Any]:
    """Return an InvalidArgument about the argument *name*."""
    info = {"arguments": [name]}
    return {"name": "InvalidArgument", "code": 108, "message": message, "info": info}


UNDECODABLE = {
    "name": "BadRequest", "code": 107, "message": "fails to decode the request payload",
}  # fmt: skip
NOT_FOUND = {"name": "ResourceNotFound", "code": 110, "message": "Device not found"}
NUL = {
    "name": "InvalidArgument", "code": 108,
    "message": 'invalid byte sequence for encoding "UTF8": 0x00',
}  # fmt: skip
REFUSED: dict[str, Refused] = {
    "no type": ("register", {}, 400, argument("empty device type", "type")),
    "an empty type": ("register", {"type": ""}, 400, argument("empty device type", "type")),
    "an unknown type": (
        "register", {"type": "iOS"}, 400, argument("unknown device type = iOS", "type"),
    ),
    "the type comes first": (
        "register", {"type": "tv", "id": "nothing", "topic": "a\0b"}, 400,
        argument("unknown device type = tv", "type"),
    ),
    "a type that is a number": ("register", {"type": 1}, 400, UNDECODABLE),
    "a token that is a list": ("register", {"type": "ios", "device_token": []}, 400, UNDECODABLE),
    "a topic that is true": ("register", {"type": "", "topic": True}, 400, UNDECODABLE),
    "an id that is a number": ("register", {"type": "ios", "id": 7}, 400, UNDECODABLE),
    "an unknown device": ("register", {"type": "ios", "id": "nothing"}, 404, NOT_FOUND),
    "a long id": ("register", {"type": "ios", "id": "x" * 5000}, 404, NOT_FOUND),
    "a null character": ("register", {"type": "ios", "device_token": "a\0b"}, 400, NUL),
    "a long token": (
        "register", {"type": "ios", "device_token": "ä" * 1251}, 400,
        argument("device token is longer than 2500 bytes", "device_token"),
    ),
    "no id": ("unregister", {}, 400, argument("Missing device id", "id")),
    "an id that is null": ("unregister", {"id": None}, 400, argument("Missing device id", "id")),
    "an id that is an object": ("unregister", {"id": {}}, 400, UNDECODABLE),
    "a device that is gone": ("unregister", {"id": "nothing"}, 404, NOT_FOUND),
    "an id with a null character": ("unregister", {"id": "a\0b"}, 400, NUL),
    "a private database that is another's": (
        "register", {"type": "ios", "database_id": "other"}, 403,
        {
            "name": "PermissionDenied", "code": 102,
            "message": "The selected DB cannot be accessed because permission is denied",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
async def test_a_call_is_refused(people: Users, query: Query, case: Refused) -> None:
    """In the original's words, and no device changes."""
    action, payload, status, error = case
    await people.register("alice", type="ios", device_token="a")
    before = await query(COLUMNS)

    answer = await people.call("bert", action, **payload)

    assert (answer.status, answer.body["error"]) == (status, error)
    assert await query(COLUMNS) == before


@pytest.mark.parametrize("action", ["device:register", "device:unregister"])
async def test_devices_need_a_user(make_services: MakeServices, ask: Ask, action: str) -> None:
    """Who is logged in and enabled; with the master key it is `_god`, or the one it names."""
    services = await make_services()

    anonymous = await ask(services, action, type="ios")
    nothing = await ask(services, action, key="", type="ios")

    assert (anonymous.status, anonymous.body["error"]["code"]) == (401, 101)
    assert (nothing.status, nothing.body["error"]["code"]) == (401, 101)
    made = await ask(services, "device:register", key="secret", type="ios")
    assert made.status == HTTPStatus.OK
    device = made.body["result"]["id"]
    asked = {"key": "secret", "_user_id": "chosen", "id": device, "type": "ios"}
    assert (await ask(services, action, **asked)).body == {"result": {"id": device}}


async def test_devices_are_deleted_with_their_user(
    people: Users, query: Query, operator: Operator
) -> None:
    """Those of others stay, and those of nobody."""
    await people.register("alice", type="ios", device_token="a")
    kept = await people.register("bert", type="ios", device_token="b")
    free = await people.register("alice", type="ios", device_token="c")
    await people.call("alice", "unregister", id=free)

    await users.delete(operator, "myapp", people.ids["alice"])

    assert [row[0] for row in await query(COLUMNS)] == [kept, free]
