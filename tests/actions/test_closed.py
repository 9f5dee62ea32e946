"""Under `skylogin serve` less is open than in the original, unless a setting says otherwise."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.actions.dispatch import Answer
from skylogin.actions.services import Services
from skylogin.actions.table import ACTIONS
from skylogin.config import DEV, SERVE
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
    # The type is that of the first real login, whoever tried before.
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


def test_the_other_logins() -> None:
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
