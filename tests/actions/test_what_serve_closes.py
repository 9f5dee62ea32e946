"""Under `skylogin serve` less is open than in the original, unless a setting says otherwise."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.actions.dispatch import Answer
from skylogin.actions.services import Services
from skylogin.actions.table import ACTIONS
from skylogin.config import DEV, SERVE
from skylogin.domain import schema
from skylogin.domain.stored_names import CUSTOM_TOKEN

from tests.factories import make_token
from tests.stores import Ask, MakeServices

ORIGINAL = {"SKYLOGIN_CONTRACT": "original"}
DEV_MODES = ("", "yes", "no")
CLIENT, MASTER = "the API key", "the master key"


class Server:
    """The services of a server, and calls of it."""

    def __init__(self, services: Services, ask: Ask) -> None:
        self.services = services
        self._ask = ask

    async def call(self, action: str, *, key: str = CLIENT, **how: Any) -> Answer:
        """Return the answer to a call with a key, with an access token if one is given."""
        settings = self.services.settings
        keys = {CLIENT: settings.api_key, MASTER: settings.master_key}
        answer: Answer = await self._ask(self.services, action, key=keys.get(key, key), **how)
        return answer

    async def log_in(self, subject: str = "al", **profile: Any) -> Answer:
        """Return the answer to a login with a custom token."""
        secret = self.services.settings.custom_token_secret
        token = make_token(sub=subject, secret=secret, skyprofile=profile)
        return await self.call("sso:custom_token:login", token=token)

    async def token_of(self, subject: str = "al", **profile: Any) -> str:
        """Return an access token of a user."""
        return str((await self.log_in(subject, **profile)).body["result"]["access_token"])


Serve = Callable[..., Awaitable[Server]]


@pytest.fixture
def start(make_services: MakeServices, ask: Ask) -> Serve:
    """Start a server."""

    async def start(mode: str = SERVE, **environment: str) -> Server:
        return Server(await make_services(mode=mode, **environment), ask)

    return start


def outcome(answer: Answer) -> str:
    """Return the name of the error of a call, or of its first record, empty if there is none."""
    result = answer.body.get("error") or answer.body["result"]
    first = result[0] if isinstance(result, list) and result else result
    return str(first["name"]) if isinstance(first, dict) and "code" in first else ""


# Command, settings, and who adds fields and types while DEV_MODE is unset.
SCHEMA_CHANGES = {
    "serve": (SERVE, {}, "signed"),
    "serve, signed": (SERVE, {"SKYLOGIN_SCHEMA_CHANGES": "signed"}, "signed"),
    "serve, original": (SERVE, {"SKYLOGIN_SCHEMA_CHANGES": "original"}, "original"),
    "serve, the contract original": (SERVE, ORIGINAL, "original"),
    "serve, the contract original, signed": (
        SERVE,
        {**ORIGINAL, "SKYLOGIN_SCHEMA_CHANGES": "signed"},
        "signed",
    ),
    "dev": (DEV, {}, "original"),
    "dev, signed": (DEV, {"SKYLOGIN_SCHEMA_CHANGES": "signed"}, "signed"),
    "dev, the contract original": (DEV, ORIGINAL, "original"),
}


@pytest.mark.parametrize("dev_mode", DEV_MODES)
@pytest.mark.parametrize(
    ("mode", "environment", "value"), SCHEMA_CHANGES.values(), ids=SCHEMA_CHANGES
)
async def test_who_adds_fields_and_types(
    start: Serve, mode: str, environment: dict[str, str], value: str, dev_mode: str
) -> None:
    """DEV_MODE, if it is set, decides instead, as in the original."""
    server = await start(mode, **environment, DEV_MODE=dev_mode, SKYLOGIN_LOGINS="all")
    refused = "IncompatibleSchema"
    logins = refused if dev_mode == "no" else ""
    clients = {"": "" if value == "original" else refused, "yes": "", "no": refused}[dev_mode]
    token = await server.token_of()
    note = [{"_id": "note/1", "a": 1}]
    field = [{"_id": "old/1", "b": 2}]
    made = await server.call("record:save", key=MASTER, records=[{"_id": "old/1", "a": 1}])
    sign_up = {"auth_data": {"username": "su"}, "password": "123456"}

    assert outcome(made) == ""
    assert outcome(await server.log_in(name="A")) == logins
    assert outcome(await server.call("record:save", access_token=token, records=note)) == clients
    assert outcome(await server.call("record:save", access_token=token, records=field)) == clients
    signed_up = await server.call("auth:signup", **sign_up, profile={"nick": 5})
    assert outcome(signed_up) == clients
    assert outcome(await server.call("record:save", key=MASTER, records=note)) == ""
    # The type is that of the first real login, whatever others tried before.
    assert outcome(await server.log_in(nick=5)) == logins


async def test_a_stranger_does_not_choose_the_type_of_a_profile_field(start: Serve) -> None:
    """Otherwise every login with another type would be refused for good."""
    server = await start(SKYLOGIN_LOGINS="all")
    profile = {"name": {"first": "x"}}

    anonymous = await server.call("auth:signup", profile=profile)
    token = await server.token_of("eve")
    own = [{"_id": "user/eve", **profile}]
    saved = await server.call("record:save", access_token=token, records=own)

    assert outcome(anonymous) == outcome(saved) == "IncompatibleSchema"
    assert (await server.log_in(name="Al")).status == HTTPStatus.OK


OTHER_LOGINS = [name for name, action in ACTIONS.items() if action.login not in ("", CUSTOM_TOKEN)]
# Command, settings, and whether sign-up, passwords, anonymous users and OAuth are on.
LOGINS = {
    "serve": (SERVE, {}, False),
    "serve, custom_token": (SERVE, {"SKYLOGIN_LOGINS": "custom_token"}, False),
    "serve, all": (SERVE, {"SKYLOGIN_LOGINS": "all"}, True),
    "serve, DEV_MODE": (SERVE, {"DEV_MODE": "yes"}, False),
    "serve, the contract original": (SERVE, ORIGINAL, True),
    "dev": (DEV, {}, True),
    "dev, custom_token": (DEV, {"SKYLOGIN_LOGINS": "custom_token"}, False),
    "dev, the contract original": (DEV, ORIGINAL, True),
}


def test_the_logins_besides_custom_tokens_are_known() -> None:
    """Everything that makes, finds or changes a user's password or OAuth link."""
    assert OTHER_LOGINS == [
        "auth:signup",
        "auth:login",
        "auth:password",
        "auth:reset_password",
        "sso:oauth:login",
        "sso:oauth:signup",
        "sso:oauth:link",
        "sso:oauth:unlink",
    ]


@pytest.mark.parametrize(("mode", "environment", "are_on"), LOGINS.values(), ids=LOGINS)
async def test_which_logins_there_are(
    start: Serve, mode: str, environment: dict[str, str], are_on: bool
) -> None:
    """A login that is switched off is so for every caller; custom tokens always log in."""
    server = await start(mode, **environment)
    token = await server.token_of()

    for name in OTHER_LOGINS:
        for how in ({}, {"key": MASTER}, {"access_token": token}, {"key": "wrong"}, {"key": ""}):
            answer = await server.call(name, **how)
            message = answer.body.get("error", {}).get("message")
            assert (message == f"{name} is switched off (SKYLOGIN_LOGINS)") is not are_on
            if not are_on:
                assert answer.status == HTTPStatus.NOT_FOUND
                assert answer.body["error"]["code"] == 117  # noqa: PLR2004
    anonymous = await server.call("auth:signup")
    assert (anonymous.status == HTTPStatus.OK) is are_on
    assert (await server.call("me", access_token=token)).status == HTTPStatus.OK
    assert (await server.call("auth:logout", access_token=token)).status == HTTPStatus.OK


async def test_a_login_that_is_switched_off_is_logged_without_a_name(
    start: Serve, query: Any
) -> None:
    """Nobody checked the caller's key."""
    server = await start()

    await server.call("auth:login", auth_data={"username": "al"}, password="x")
    await server.services.app.login_log.flush()

    assert await query("SELECT reason, subject FROM journal") == [("switched_off", "")]


# Command, settings, and who sees the records of users.
DIRECTORIES = {
    "serve": (SERVE, {}, "users"),
    "serve, everybody": (SERVE, {"SKYLOGIN_USER_DIRECTORY": "everybody"}, "everybody"),
    "serve, users": (SERVE, {"SKYLOGIN_USER_DIRECTORY": "users"}, "users"),
    "serve, owner": (SERVE, {"SKYLOGIN_USER_DIRECTORY": "owner"}, "owner"),
    "serve, DEV_MODE": (SERVE, {"DEV_MODE": "yes"}, "users"),
    "serve, the contract original": (SERVE, ORIGINAL, "everybody"),
    "serve, the contract original, owner": (
        SERVE,
        {**ORIGINAL, "SKYLOGIN_USER_DIRECTORY": "owner"},
        "owner",
    ),
    "dev": (DEV, {}, "everybody"),
    "dev, users": (DEV, {"SKYLOGIN_USER_DIRECTORY": "users"}, "users"),
    "dev, owner": (DEV, {"SKYLOGIN_USER_DIRECTORY": "owner"}, "owner"),
    "dev, the contract original": (DEV, ORIGINAL, "everybody"),
}
NOT_AUTHENTICATED, NOT_FOUND = "NotAuthenticated", "ResourceNotFound"


def note_of(note_id: str, user_id: str) -> dict[str, Any]:
    """Return a note whose author is a user."""
    return {"_id": note_id, "author": {"$type": "ref", "$id": f"user/{user_id}"}}


class Directory:
    """A server with the users al and bo, and two notes of al's that refer to al."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.ids: dict[str, str] = {}
        self.callers: dict[str, dict[str, str]] = {"nobody": {}, "god": {"key": MASTER}}

    async def fill(self) -> None:
        """Log the users in, and save the note."""
        for name in ("al", "bo"):
            result = (await self.server.log_in(name, nick=name)).body["result"]
            self.ids[name] = result["user_id"]
            self.callers[name] = {"access_token": result["access_token"]}
        notes = [note_of(note_id, self.ids["al"]) for note_id in ("note/1", "note/2")]
        as_al = {"key": MASTER, "_user_id": self.ids["al"]}
        assert outcome(await self.server.call("record:save", records=notes, **as_al)) == ""

    async def ask(self, who: str, action: str, **payload: Any) -> Answer:
        """Return the answer to a call of somebody."""
        return await self.server.call(action, **self.callers[who], **payload)

    async def fetched(self, who: str, *ids: str) -> list[str]:
        """Return what fetching records gives, the error of each or of the call."""
        answer = await self.ask(who, "record:fetch", ids=list(ids))
        if "error" in answer.body:
            assert answer.status == HTTPStatus.UNAUTHORIZED
            return [answer.body["error"]["name"]]
        return [one.get("name", "") if "code" in one else "" for one in answer.body["result"]]

    async def found(self, who: str, record_type: str, **query: Any) -> Any:
        """Return the records that a query finds, or the name of its error."""
        answer = await self.ask(who, "record:query", record_type=record_type, count=True, **query)
        if "error" in answer.body:
            assert answer.status == HTTPStatus.UNAUTHORIZED
            return answer.body["error"]["name"]
        assert answer.body["info"]["count"] == len(answer.body["result"])
        return answer.body["result"]


@pytest.fixture
def open_directory(start: Serve) -> Callable[..., Awaitable[Directory]]:
    """Start a server with users."""

    async def open_directory(mode: str, **environment: str) -> Directory:
        directory = Directory(await start(mode, **environment))
        await directory.fill()
        return directory

    return open_directory


OpenDirectory = Callable[..., Awaitable[Directory]]


def path(name: str) -> dict[str, str]:
    """Return a key path of a predicate."""
    return {"$type": "keypath", "$val": name}


@pytest.mark.parametrize(("mode", "environment", "value"), DIRECTORIES.values(), ids=DIRECTORIES)
async def test_who_sees_the_records_of_users(
    open_directory: OpenDirectory, mode: str, environment: dict[str, str], value: str
) -> None:
    """Fetched, queried, counted; the master key and the owner always see them."""
    directory = await open_directory(mode, **environment)
    al, bo = f"user/{directory.ids['al']}", f"user/{directory.ids['bo']}"
    strangers = {
        "everybody": ["", NOT_FOUND, ""],
        "users": [NOT_AUTHENTICATED],
        "owner": [NOT_FOUND, NOT_FOUND, ""],
    }[value]
    others = [NOT_FOUND if value == "owner" else "", NOT_FOUND, ""]

    assert await directory.fetched("nobody", al, "user/none", "note/1") == strangers
    assert await directory.fetched("bo", al, "user/none", "note/1") == others
    assert await directory.fetched("al", al) == [""]
    assert await directory.fetched("god", al, bo) == ["", ""]
    assert await directory.fetched("nobody", "note/1") == [""]

    names = {"everybody": ["al", "bo"], "users": NOT_AUTHENTICATED, "owner": []}
    by_strangers = await directory.found("nobody", "user")
    by_bo = await directory.found("bo", "user")
    if isinstance(by_strangers, list):
        by_strangers = sorted(one["nick"] for one in by_strangers)
    assert by_strangers == names[value]
    assert sorted(one["nick"] for one in by_bo) == (["bo"] if value == "owner" else ["al", "bo"])
    assert len(await directory.found("god", "user")) >= 2  # noqa: PLR2004


REFERRED = [
    {"predicate": ["eq", path("author.nick"), "al"]},
    {"predicate": ["like", path("author.nick"), "a%"]},
    {"include": {"author": path("author")}},
    {"include": {"author": path("_owner_id")}},
    {"include": {"author": path("_created_by")}},
]


@pytest.mark.parametrize("value", ["everybody", "users", "owner"])
async def test_nobody_sees_a_user_through_another_record(
    open_directory: OpenDirectory, value: str
) -> None:
    """Neither by a path, nor included; without a user such a query fails if users may."""
    directory = await open_directory(SERVE, SKYLOGIN_USER_DIRECTORY=value)

    for query in REFERRED:
        found = {who: await directory.found(who, "note", **query) for who in ("nobody", "al", "bo")}
        if value == "users":
            assert found["nobody"] == NOT_AUTHENTICATED
        if value == "owner":
            assert "nick" not in str([found["nobody"], found["bo"]])
            if "predicate" in query:
                assert found["nobody"] == found["bo"] == []
        if "predicate" in query:
            assert len(found["al"]) == 2  # noqa: PLR2004
    assert isinstance(await directory.found("nobody", "note"), list)


async def test_another_user_looks_like_a_missing_one(open_directory: OpenDirectory) -> None:
    """Neither when its record is saved or deleted, nor when something is to refer to it."""
    directory = await open_directory(SERVE, SKYLOGIN_USER_DIRECTORY="owner")
    entries = []
    for user_id in (directory.ids["al"], "none"):
        for action, payload in (
            ("record:save", {"records": [{"_id": f"user/{user_id}", "username": "x"}]}),
            ("record:delete", {"ids": [f"user/{user_id}"]}),
            ("record:save", {"records": [note_of("note/3", user_id)]}),
        ):
            answer = await directory.ask("bo", action, **payload)
            entries.append(str(answer.body["result"]).replace(user_id, "?"))
    half = len(entries) // 2

    assert entries[:half] == entries[half:]
    # What refers to another user already can be saved as it is.
    for note in (note_of("note/1", directory.ids["al"]), note_of("note/4", directory.ids["bo"])):
        assert outcome(await directory.ask("bo", "record:save", records=[note])) == ""


READS = {
    "record:fetch": {"ids": ["note/1"]},
    "record:query": {"record_type": "note"},
    "role:get": {"users": ["al"]},
    "me": {},
    "record:save": {"records": [{"_id": "note/1"}]},
}
READERS = {
    "serve": (SERVE, {}, False),
    "serve, the contract original": (SERVE, ORIGINAL, True),
    "dev": (DEV, {}, True),
    "dev, the contract original": (DEV, ORIGINAL, True),
}


@pytest.mark.parametrize(("mode", "environment", "reads"), READERS.values(), ids=READERS)
async def test_a_token_of_a_disabled_user_reads_nothing(
    open_directory: OpenDirectory, mode: str, environment: dict[str, str], reads: bool
) -> None:
    """Where the original is followed, it reads what everybody reads."""
    directory = await open_directory(mode, **environment)
    disabling = {"auth_id": directory.ids["bo"], "disabled": True, "message": "Call us"}
    assert outcome(await directory.ask("god", "auth:disable:set", **disabling)) == ""

    for action, payload in READS.items():
        answer = await directory.ask("bo", action, **payload)
        if reads and action in ("record:fetch", "record:query"):
            assert answer.status == HTTPStatus.OK
        elif reads and action == "role:get":
            assert outcome(answer) == NOT_AUTHENTICATED
        else:
            assert (answer.status, outcome(answer)) == (HTTPStatus.FORBIDDEN, "UserDisabled")
            assert answer.body["error"]["info"] == {"message": "Call us"}
        assert outcome(await directory.ask("nobody", "record:fetch", ids=["note/1"])) == ""
        # The master key acts for anybody.
        as_bo = {"key": MASTER, "_user_id": directory.ids["bo"], "ids": ["note/1"]}
        assert outcome(await directory.server.call("record:fetch", **as_bo)) == ""


@pytest.mark.parametrize("contract", ["documented", "original"])
@pytest.mark.parametrize("mode", [DEV, SERVE])
async def test_the_master_key_verifies_users(start: Serve, mode: str, contract: str) -> None:
    """By the documented contract; in the original it needs a verified user itself."""
    server = await start(mode, VERIFY_REQUIRED="yes", SKYLOGIN_CONTRACT=contract)
    made = (await server.log_in()).body["result"]
    al, refused = f"user/{made['user_id']}", "VerificationRequired"
    as_al = {"access_token": made["access_token"]}
    by_master = "" if contract == "documented" else refused
    verified = [{"_id": al, "is_verified": True}]

    for how in (as_al, {"key": MASTER}, {"key": MASTER, "_user_id": made["user_id"]}):
        expected = refused if how is as_al else by_master
        assert outcome(await server.call("record:fetch", ids=[al], **how)) == expected
        assert outcome(await server.call("me", **how)) == expected
    assert outcome(await server.call("record:save", records=verified, **as_al)) == refused
    assert outcome(await server.call("record:save", records=verified, key=MASTER)) == by_master
    assert outcome(await server.call("record:fetch", ids=[al], **as_al)) == by_master


async def test_an_app_has_a_limited_number_of_types(
    start: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made by records, on purpose or by rules; existing ones can get fields."""
    monkeypatch.setattr(schema, "TYPES_MAX", 5)
    server = await start(DEV)

    async def save(*types: str, **fields: Any) -> str:
        records = [{"_id": f"{one}/1", **fields} for one in types]
        return outcome(await server.call("record:save", key=MASTER, records=records))

    assert await save("a", "b", "c") == ""
    assert await save("d", "e") == "IncompatibleSchema"
    assert await save("d") == ""
    wanted = {"e": {"fields": []}}
    assert outcome(await server.call("schema:create", record_types=wanted)) == "IncompatibleSchema"
    rule = {"type": "e", "create_roles": ["x"]}
    assert outcome(await server.call("schema:access", **rule)) == "IncompatibleSchema"
    assert await save("a", "d", more=1) == ""
    assert (await server.log_in(new="x")).status == HTTPStatus.OK
