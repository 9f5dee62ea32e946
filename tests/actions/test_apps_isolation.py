"""No call of an action for one app reads or changes data of another app.

The shop is called with names from the bank. The bank's rows must not change, and the shop must
answer and write the same as without a bank.
"""

import asyncio
import functools
import json
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from skylogin.actions.batches import (
    LastSeen,
    LoggedAttempt,
    Lookup,
    find_many,
    log_in_many,
    see_many,
)
from skylogin.actions.preprocessors import authenticate
from skylogin.actions.services import Services
from skylogin.actions.stubbed import NOT_EMULATED
from skylogin.actions.table import ACTIONS
from skylogin.apps.registry import App
from skylogin.database import Store, Transaction
from skylogin.domain.login_attempt import Origin
from skylogin.ids import UUID_BYTES, IdMaker
from skylogin.store import login_attempts as stored_attempts

from tests.factories import NOW, make_attempt, make_token
from tests.store.two_apps import (
    APPS,
    ASKED,
    BANK,
    BOTH,
    NAMED,
    NUMBERS,
    OTHER_PASSWORD,
    PASSWORD,
    PRIVATE,
    SALT,
    SHOP,
    Dump,
    UndoneError,
    changed,
    dump,
    dump_now,
    empty,
    fill,
    fill_both,
    marked,
    meet_bank,
    secret_of,
)
from tests.stores import Ask, MakeServices


@dataclass(frozen=True, slots=True)
class Signed:
    """Stands for a custom token signed with an app's secret."""

    by: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A call of an action. `OF` in a payload stands for the beginning of names.

    If *status* is given, every answer has it.
    """

    who: str
    payload: Mapping[str, Any]
    status: int | None = None


def reference(record_id: str) -> dict[str, str]:
    """Return a reference to a record."""
    return {"$type": "ref", "$id": record_id}


def key_path(name: str) -> dict[str, str]:
    """Return a key path, as in queries."""
    return {"$type": "keypath", "$val": name}


PRINCIPAL: Mapping[str, Any] = {"provider": "google", "principal_id": "OF-principal"}
LOGGING_IN: Mapping[str, Any] = {"auth_data": {"username": "OF-name"}, "password": PASSWORD}
RULE = {
    "record_type": "note", "record_field": "OF_field", "user_role": "_any_user",
    "writable": True, "readable": True, "comparable": True, "discoverable": True,
}  # fmt: skip

# At least one call of each action succeeds.
ASKED_FOR: dict[str, list[Asked]] = {
    "": [Asked("nobody", {})],
    "_status:healthz": [Asked("nobody", {})],
    "sso:custom_token:login": [
        Asked("client", {"token": Signed(SHOP)}),
        Asked("client", {"token": Signed(BANK)}, 400),
    ],
    "me": [Asked("user", {}), Asked("master", {"_user_id": "OF-user"})],
    "auth:signup": [
        Asked("client", LOGGING_IN),
        Asked("client", {**LOGGING_IN, "profile": {"friend": reference("user/OF-user")}}),
    ],
    "auth:login": [Asked("client", LOGGING_IN)],
    "auth:password": [
        Asked("user", {"old_password": PASSWORD, "password": OTHER_PASSWORD}),
        Asked(
            "master",
            {"_user_id": "OF-user", "old_password": PASSWORD, "password": OTHER_PASSWORD},
        ),
    ],
    "auth:reset_password": [Asked("master", {"auth_id": "OF-user", "password": OTHER_PASSWORD})],
    "sso:oauth:login": [
        Asked("master", {**PRINCIPAL, "token_response": {"new": 1}, "provider_profile": {}}),
        Asked("master", {**PRINCIPAL, "principal_id": "both-stray"}),
    ],
    "sso:oauth:signup": [
        Asked("master", {**PRINCIPAL, "profile": {"email": "OF-email", "motto": "new"}})
    ],
    "sso:oauth:link": [
        Asked("master", {**PRINCIPAL, "user_id": "OF-user"}),
        Asked("master", {**PRINCIPAL, "provider": "other", "user_id": "OF-user"}),
        Asked("master", {**PRINCIPAL, "provider": "other", "user_id": "shop-user"}),
    ],
    "sso:oauth:unlink": [Asked("master", {"provider": "google", "user_id": "OF-user"})],
    "role:default": [Asked("client", {"roles": ["OF-role"]})],
    "role:admin": [Asked("client", {"roles": ["OF-role"]})],
    "role:assign": [Asked("user", {"roles": ["OF-role", "new"], "users": ["OF-user"]})],
    "role:revoke": [Asked("user", {"roles": ["OF-role"], "users": ["OF-user"]})],
    "role:get": [Asked("user", {"users": ["OF-user"]})],
    "auth:logout": [Asked("user", {})],
    "auth:disable:set": [
        Asked("user", {"auth_id": "OF-user", "disabled": True, "message": "new"}),
        Asked("user", {"auth_id": "OF-user"}),
    ],
    "record:fetch": [
        Asked("user", {"ids": ["note/OF-note", "user/OF-user"]}),
        Asked("user", {"ids": ["note/OF-private"], "database_id": "_private"}),
        Asked("master", {"ids": ["note/OF-note", "note/OF-private"], "database_id": "_union"}),
        Asked("master", {"ids": ["note/OF-private"], "database_id": "OF-user"}),
    ],
    "record:query": [
        Asked("user", {"record_type": "note", "count": True, "limit": 1}),
        Asked("master", {"record_type": "user", "database_id": "_union", "count": True}),
        Asked("master", {"record_type": "note", "database_id": "_union"}),
        Asked("client", ASKED),
        Asked(
            "user",
            {"record_type": "note", "predicate": ["eq", key_path("title"), "OF-title"]},
        ),
    ],
    "record:save": [
        Asked("user", {"records": [{"_id": "note/OF-note", "text": "new", "more": 1}]}),
        Asked("user", {"records": [{"_id": "note/new", "number": NUMBERS[BANK]}]}),
        Asked("user", {"records": [{"_id": "reply/new", "about": reference("note/OF-note")}]}),
        Asked("user", {"records": [{"_id": "user/OF-user", "email": "new"}]}),
        Asked("user", {"records": [{"_id": "user/both-user", "email": "OF-email"}]}),
        Asked(
            "master",
            {"database_id": "OF-user", "records": [{"_id": "note/OF-private"}], "atomic": True},
        ),
        Asked("user", {"records": [{"_id": "OF-type/new", "text": "new"}]}),
    ],
    "record:delete": [
        Asked("user", {"ids": ["reply/OF-reply"]}),
        Asked("user", {"ids": ["note/OF-note"]}),
        Asked("master", {"ids": ["note/OF-private"], "database_id": PRIVATE, "atomic": True}),
    ],
    "schema:fetch": [Asked("client", {})],
    "schema:create": [
        Asked(
            "client",
            {
                "record_types": {
                    "OF-type": {"fields": [{"name": "text", "type": "string"}]},
                    "note": {"fields": [{"name": "more", "type": "sequence"}]},
                }
            },
        )
    ],
    "schema:rename": [
        Asked("client", {"record_type": "note", "item_name": "text", "new_name": "new"}),
        Asked("client", {"record_type": "note", "item_name": "OF_field", "new_name": "new"}),
        Asked("client", {"record_type": "user", "item_name": "email", "new_name": "new"}),
    ],
    "schema:delete": [
        Asked("client", {"record_type": "note", "item_name": "text"}),
        Asked("client", {"record_type": "note", "item_name": "OF_field"}),
        Asked("client", {"record_type": "user", "item_name": "email"}),
    ],
    "schema:access": [Asked("client", {"type": "OF-type", "create_roles": ["OF-role"]})],
    "schema:default_access": [
        Asked(
            "client",
            {"type": "OF-type", "default_access": [{"role": "OF-role", "level": "read"}]},
        )
    ],
    "schema:field_access:get": [Asked("user", {})],
    "schema:field_access:update": [Asked("user", {"access": [RULE]})],
    "device:register": [
        Asked("user", {"id": "OF-device", "type": "ios"}),
        Asked("user", {"type": "android", "device_token": "OF-token", "topic": "new"}),
        Asked("master", {"_user_id": "OF-user", "type": "ios", "device_token": "OF-token"}),
    ],
    "device:unregister": [Asked("user", {"id": "OF-device"})],
}
ASKED_IN_VAIN: dict[str, dict[str, Any]] = {
    "asset:put": {"filename": "OF-asset"},
    "push:device": {"device_ids": ["OF-device"], "notification": {}},
    "push:user": {"user_ids": ["OF-user"], "notification": {}},
    "relation:add": {"name": "friend", "targets": ["OF-user"]},
    "relation:query": {"name": "friend", "direction": "outward"},
    "relation:remove": {"name": "friend", "targets": ["OF-user"]},
    "subscription:delete": {"device_id": "OF-device", "ids": ["OF-subscription"]},
    "subscription:fetch": {"device_id": "OF-device", "ids": ["OF-subscription"]},
    "subscription:fetch_all": {"device_id": "OF-device"},
    "subscription:save": {"device_id": "OF-device", "subscriptions": []},
}
REFUSED = {
    name: [Asked(who, {**payload, "_user_id": "OF-user"}, 404) for who in ("user", "master")]
    for name, payload in ASKED_IN_VAIN.items()
}


def test_every_action_is_asked_for() -> None:
    """A new action needs a row above."""
    assert set(ASKED_FOR) == set(ACTIONS)
    assert set(REFUSED) == NOT_EMULATED


# Ids of the access tokens that exist from the start.
MADE_BEFORE = 1000


class CountedIds(IdMaker):
    """Makes reproducible ids."""

    def __init__(self) -> None:
        super().__init__()
        self.made = 0

    def begin(self, made: int) -> None:
        """Continue as after this many ids."""
        self.made = made
        self._last_prefix = ""

    def _random(self) -> bytes:
        self.made += 1
        return self.made.to_bytes(UUID_BYTES, "big")


@dataclass(frozen=True, slots=True)
class Server:
    """A server with both apps, and helpers for calls."""

    services: Services
    apps: Mapping[str, App]
    tokens: Mapping[str, str]
    first: Mapping[str, Dump]
    ask: Ask

    async def reset(self) -> Dump:
        """Restore both apps, and return the shop's rows.

        The cache then has only the fields of the bank.
        """

        async def work(tx: Transaction) -> Dump:
            found = await dump(tx, SHOP)
            await fill(tx, SHOP, changed(self.first[SHOP], found))
            tx.on_commit.append(tx.fields.forget)
            return found

        for app in self.apps.values():
            app.access_rules.forget()
        assert isinstance(self.services.ids, CountedIds)
        self.services.ids.begin(MADE_BEFORE)
        found = await self.services.store.run(work)
        await self.services.store.run(meet_bank, write=False)
        return found

    async def play(self, action: str, asked: Asked, of: str) -> tuple[int, str]:
        """Return the status and the text of the shop's answer."""
        credentials: dict[str, dict[str, str]] = {
            "nobody": {},
            "client": {"key": f"{SHOP}-key"},
            "master": {"key": f"{SHOP}-master"},
            "user": {"access_token": self.tokens[SHOP]},
        }
        return await self.send(SHOP, action, asked.payload, of, **credentials[asked.who])

    async def send(  # noqa: PLR0913
        self,
        app: str,
        action: str,
        payload: Mapping[str, Any],
        of: str,
        *,
        key: str = "",
        access_token: str = "",
    ) -> tuple[int, str]:
        """Return the status and the text of an answer, after everything is written."""
        who = {"app": self.apps[app], "key": key, "access_token": access_token}
        answer = await self.ask(self.services, action, **who, **resolved(payload, of))
        for one in self.apps.values():
            await one.login_log.flush()
        return answer.status, json.dumps(answer.body, sort_keys=True)


def resolved(value: Any, of: str) -> Any:
    """Return a payload with its names and tokens filled in."""
    match value:
        case str():
            return value.replace("OF", of)
        case Signed(app):
            return make_signed(app, f"{of}-principal", username=f"{of}-name")
        case Mapping():
            return {name: resolved(inner, of) for name, inner in value.items()}
        case list():
            return [resolved(inner, of) for inner in value]
    return value


def make_signed(app: str, subject: str, **profile: Any) -> str:
    """Return a custom token of an app."""
    return make_token(sub=subject, secret=secret_of(app), skyprofile={"motto": "new", **profile})


# The bank is the default app, which a mistake is most likely to reach.
ENVIRONMENT = {
    "APP_NAME": BANK,
    "API_KEY": f"{BANK}-key",
    "MASTER_KEY": f"{BANK}-master",
    "CUSTOM_TOKEN_SECRET": secret_of(BANK),
    "RESPONSE_TIMEOUT": "0",
    "USER_AUDIT_PW_HISTORY_SIZE": "1",
}
Serve = Callable[..., Coroutine[Any, Any, Server]]


@pytest.fixture
def serve(
    make_services: MakeServices, store: Store, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> Serve:
    """Open a server with both apps filled."""
    # Nothing is random, so that answers and rows can be compared.
    monkeypatch.setattr(bcrypt, "gensalt", lambda *_, **__: SALT)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0))
    monkeypatch.setattr("skylogin.actions.services.IdMaker", CountedIds)

    async def serve(**environment: str) -> Server:
        await store.run(fill_both)
        services = await make_services(**ENVIRONMENT, **environment)
        opened = {}
        for name in APPS:
            app = await services.apps.find(name)
            assert app is not None
            opened[name] = app
        tokens = {
            name: await app.tokens.issue(f"{BOTH}-user", NOW, name) for name, app in opened.items()
        }
        await store.run(fill_both)
        first = {app: await dump_now(store, app) for app in APPS}
        server = Server(services, opened, tokens, first, ask)
        await server.reset()
        return server

    return serve


STEPS = [
    (action, asked, of)
    for action, rows in {**ASKED_FOR, **REFUSED}.items()
    for asked in rows
    for of in NAMED
]


@pytest.mark.slow
async def test_no_action_leaves_its_app(serve: Serve, store: Store) -> None:
    """It answers and writes the same as without a bank, and the bank's rows do not change."""
    server = await serve()
    together, succeeded = [], set()
    for step in STEPS:
        together.append((await server.play(*step), await server.reset()))
        assert changed(server.first[BANK], await dump_now(store, BANK)) == {}, step

    await store.run(lambda tx: empty(tx, BANK))
    for step, (answer, rows) in zip(STEPS, together, strict=True):
        assert answer == await server.play(*step), step
        assert changed(rows, await server.reset()) == {}, step
        action, asked, _ = step
        status, text = answer
        assert asked.status in (None, status), step
        assert marked(BANK) not in text, step
        if status == HTTPStatus.OK and '"_type": "error"' not in text:
            succeeded.add(action)
    assert succeeded == set(ACTIONS)


async def test_no_key_or_token_of_another_app_is_good(serve: Serve, store: Store) -> None:
    """No action accepts it, and only the login log changes."""
    server = await serve()
    token = {"access_token": server.tokens[BANK]}
    foreign: list[dict[str, str]] = [{"key": f"{BANK}-key"}, {"key": f"{BANK}-master"}, token]
    beside_a_key = [{"key": f"{SHOP}-{kind}", **token} for kind in ("key", "master")]
    for action, rows in ASKED_FOR.items():
        checks = ACTIONS[action].preprocessors
        # An action that needs only a key does not check the token.
        tried = [*foreign, *beside_a_key] if authenticate in checks else foreign
        for credentials in tried if checks else ():
            answer = await server.send(SHOP, action, rows[0].payload, BOTH, **credentials)
            assert answer[0] == HTTPStatus.UNAUTHORIZED, (action, credentials, answer)
            assert marked(BANK) not in answer[1]
    assert changed(server.first[BANK], await dump_now(store, BANK)) == {}
    assert set(changed(server.first[SHOP], await dump_now(store, SHOP))) == {
        "journal",
        "login_counts",
    }


@pytest.mark.parametrize("kind", ["jwt", "fs", pytest.param("redis", marks=pytest.mark.slow)])
async def test_me_refuses_the_access_token_of_another_app(
    serve: Serve, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """With every token store; a logout through another app does nothing."""
    path = str(tmp_path / "token")
    if kind == "redis":
        path = request.getfixturevalue("redis_server").url
    server = await serve(TOKEN_STORE=kind, TOKEN_STORE_PATH=path)

    for app, other in zip(APPS, reversed(APPS), strict=True):
        token = server.tokens[other]
        refused = await server.send(app, "me", {}, BOTH, access_token=token)
        await server.send(app, "auth:logout", {}, BOTH, access_token=token)
        status, text = await server.send(other, "me", {}, BOTH, access_token=token)
        assert refused[0] == HTTPStatus.UNAUTHORIZED
        assert "AccessTokenNotAccepted" in refused[1]
        assert status == HTTPStatus.OK
        assert marked(other) in text
        assert marked(app) not in text


ATTEMPTS: list[tuple[str, Mapping[str, Any]]] = [
    ("sso:custom_token:login", {"token": Signed(BANK)}),
    ("sso:custom_token:login", {"token": Signed(SHOP)}),
    ("sso:custom_token:login", {"token": "none"}),
    ("auth:login", LOGGING_IN),
    ("auth:login", {**LOGGING_IN, "password": OTHER_PASSWORD}),
    ("auth:signup", {**LOGGING_IN, "auth_data": {"username": "new"}}),
    ("sso:oauth:login", PRINCIPAL),
    ("sso:oauth:signup", {**PRINCIPAL, "principal_id": "new"}),
    ("push:user", {}),
]


async def test_the_login_log_has_the_attempts_of_its_own_app(serve: Serve, store: Store) -> None:
    """Accepted and refused, with a key of the app and without."""
    server = await serve()
    for action, payload in ATTEMPTS:
        for key in (f"{BANK}-master", f"{SHOP}-master"):
            await server.send(BANK, action, payload, BOTH, key=key)

    assert changed(server.first[SHOP], await dump_now(store, SHOP)) == {}
    entries = await store.run(lambda tx: stored_attempts.load_latest(tx, BANK, 100), write=False)
    # Two existed already.
    assert len(entries) == 2 + 2 * len(ATTEMPTS)
    assert {entry.accepted for entry in entries} == {True, False}


def make_item(app: App) -> LoggedAttempt:
    """Return a login as its handler submits it."""
    attempt = make_attempt(f"{BOTH}-principal", motto="new")
    return LoggedAttempt(app, attempt, f"new-{app.name}", "", Origin("", ""))


DoBatch = Callable[[Transaction, Sequence[Any]], Coroutine[Any, Any, Sequence[Any]]]


async def do_batches(store: Store, do: DoBatch, *batches: Sequence[Any]) -> tuple[Any, list[Dump]]:
    """Return the outcomes of batches, and the rows of both apps after them."""
    outcomes: list[Any] = []
    dumps: list[Dump] = []

    async def work(tx: Transaction) -> None:
        for batch in batches:
            outcomes.extend(await do(tx, batch))
            await tx.finish()
        dumps.extend([await dump(tx, app) for app in APPS])
        raise UndoneError

    with pytest.raises(UndoneError):
        await store.run(work)
    return outcomes, dumps


async def test_a_batch_for_two_apps_does_what_two_batches_do(serve: Serve, store: Store) -> None:
    """For users and principals that both apps have, and for those of one app."""
    server = await serve()
    users = [(BANK, f"{BOTH}-user"), (SHOP, f"{BOTH}-user"), (SHOP, f"{BANK}-user")]
    # Only the first user's disabling has expired and is cleared.
    visits = [LastSeen(*user, NOW, enable=user == users[0]) for user in users]
    kinds: list[tuple[DoBatch, list[Any]]] = [
        (find_many, [Lookup(*user) for user in users]),
        (see_many, visits),
        (
            functools.partial(log_in_many, server.services.settings.auth_record_keys),
            [make_item(app) for app in server.apps.values()],
        ),
    ]
    for do, items in kinds:
        for batch in (items, items[::-1]):
            together = await do_batches(store, do, batch)
            assert together == await do_batches(store, do, *([item] for item in batch))
            is_reading = do is find_many
            assert is_reading == (together[1] == [server.first[app] for app in APPS])


@pytest.mark.slow
async def test_calls_of_two_apps_in_one_batch_are_kept_apart(serve: Serve, store: Store) -> None:
    """For users with the same id and principal who log in at the same time."""
    server = await serve()
    calls = [
        *(server.send(app, "me", {}, BOTH, access_token=server.tokens[app]) for app in APPS * 2),
        *(
            server.send(
                app, "sso:custom_token:login", {"token": Signed(app)}, BOTH, key=f"{app}-key"
            )
            for app in APPS * 2
        ),
    ]
    answers = await asyncio.gather(*calls)

    for app, (status, text) in zip(APPS * 4, answers, strict=True):
        assert status == HTTPStatus.OK, text
        [other] = {*APPS} - {app}
        assert marked(other) not in text
    for app in APPS:
        after = await dump_now(store, app)
        assert set(changed(server.first[app], after)) == {
            "users",
            "records",
            "journal",
            "login_counts",
            "secret_uses",
        }
        assert len(after["journal"]) == len(server.first[app]["journal"]) + 2
