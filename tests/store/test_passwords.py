"""Passwords and roles through the actions, on each database."""

import asyncio
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import bcrypt
import pytest
from skylogin.actions.services import Services

from tests.stores import Ask, Clock, MakeServices

# Hashing a password is slow by design.
pytestmark = pytest.mark.slow

PASSWORD = "secret-1"
MASTER = "secret"


async def sign_up(ask: Ask, services: Services, name: str = "su", **more: Any) -> dict[str, Any]:
    """Return the answer to a sign-up with a password."""
    fields = {"auth_data": {"username": name}, "password": PASSWORD, **more}
    answer = await ask(services, "auth:signup", **fields)
    assert answer.status == HTTPStatus.OK, answer.body
    result: dict[str, Any] = answer.body["result"]
    return result


def reason_of(answer: Any) -> str:
    """Return the reason why a password is refused."""
    return str(answer.body["error"]["info"]["reason"])


async def log_in(ask: Ask, services: Services, password: str, name: str = "su") -> int:
    """Return the status of a login with *password*."""
    auth_data = {"username": name}
    answer = await ask(services, "auth:login", auth_data=auth_data, password=password)
    return int(answer.status)


async def test_a_password_is_kept_as_the_original_keeps_it(
    make_services: MakeServices, ask: Ask, query: Any
) -> None:
    """As a bcrypt hash of its first 72 bytes; a hash from the original works too."""
    services = await make_services()
    long = "p" * 72
    await sign_up(ask, services, password=long + " and more")

    [(hashed,)] = await query("SELECT password_hash FROM users")

    assert hashed.startswith("$2a$10$")
    assert bcrypt.checkpw(long.encode(), hashed.encode())
    assert await log_in(ask, services, long) == HTTPStatus.OK
    assert await log_in(ask, services, long[:-1]) == HTTPStatus.UNAUTHORIZED


async def test_a_new_password_ends_older_tokens(
    make_services: MakeServices, ask: Ask, clock: Clock
) -> None:
    """Whether the user or the operator changes it; the token in the answer is valid."""
    services = await make_services()
    first = await sign_up(ask, services)
    clock.moment += timedelta(seconds=10)

    changed = await ask(
        services,
        "auth:password",
        access_token=first["access_token"],
        old_password=PASSWORD,
        password="secret-2",
    )
    second = changed.body["result"]["access_token"]

    assert (
        await ask(services, "me", access_token=first["access_token"])
    ).status == HTTPStatus.UNAUTHORIZED
    assert (await ask(services, "me", access_token=second)).status == HTTPStatus.OK
    assert (
        await ask(services, "auth:logout", access_token=first["access_token"])
    ).status == HTTPStatus.OK
    clock.moment += timedelta(seconds=10)
    reset = await ask(
        services,
        "auth:reset_password",
        key=MASTER,
        auth_id=first["user_id"],
        password="secret-3",
    )
    third = reset.body["result"]["access_token"]
    assert (await ask(services, "me", access_token=second)).status == HTTPStatus.UNAUTHORIZED
    assert (await ask(services, "me", access_token=third)).status == HTTPStatus.OK
    assert await log_in(ask, services, "secret-3") == HTTPStatus.OK


async def test_of_two_changes_at_once_one_succeeds(make_services: MakeServices, ask: Ask) -> None:
    """The other one no longer has the right old password."""
    services = await make_services()
    token = (await sign_up(ask, services))["access_token"]

    answers = await asyncio.gather(
        *(
            ask(services, "auth:password", access_token=token, old_password=PASSWORD, password=new)
            for new in ("one", "two", "three")
        )
    )

    assert sorted(answer.status for answer in answers) == [200, 401, 401]


async def test_remembered_passwords_cannot_be_used_again(
    make_services: MakeServices, ask: Ask, clock: Clock, query: Any
) -> None:
    """The last two; an older one can."""
    services = await make_services(USER_AUDIT_PW_HISTORY_SIZE="2")
    user_id = (await sign_up(ask, services))["user_id"]

    async def reset(password: str) -> Any:
        clock.moment += timedelta(seconds=1)
        return await ask(
            services, "auth:reset_password", key=MASTER, auth_id=user_id, password=password
        )

    assert reason_of(await reset(PASSWORD)) == "PasswordReused"
    assert (await reset("two")).status == HTTPStatus.OK
    assert reason_of(await reset(PASSWORD)) == "PasswordReused"
    assert (await reset("three")).status == HTTPStatus.OK
    assert (await reset(PASSWORD)).status == HTTPStatus.OK
    assert await query("SELECT count(*) FROM password_history") == [(2,)]


async def test_passwords_of_the_last_days_cannot_be_used_again(
    make_services: MakeServices, ask: Ask, clock: Clock
) -> None:
    """However many; after these days they can."""
    services = await make_services(USER_AUDIT_PW_HISTORY_DAYS="2", USER_AUDIT_PW_HISTORY_SIZE="1")
    user_id = (await sign_up(ask, services))["user_id"]

    async def reset(password: str) -> int:
        answer = await ask(
            services, "auth:reset_password", key=MASTER, auth_id=user_id, password=password
        )
        return int(answer.status)

    clock.moment += timedelta(days=1)
    assert await reset("two") == HTTPStatus.OK
    clock.moment += timedelta(days=1)
    assert await reset("three") == HTTPStatus.OK
    assert await reset(PASSWORD) == HTTPStatus.INTERNAL_SERVER_ERROR
    clock.moment += timedelta(days=1)
    assert await reset(PASSWORD) == HTTPStatus.OK


async def test_an_expired_password_has_to_be_changed_first(
    make_services: MakeServices, ask: Ask, clock: Clock
) -> None:
    """The user can still log in, and change it; users without one never have to."""
    services = await make_services(USER_AUDIT_PW_EXPIRY_DAYS="30")
    await sign_up(ask, services)
    anonymous = (await ask(services, "auth:signup")).body["result"]["access_token"]
    clock.moment += timedelta(days=31)

    entered = await ask(services, "auth:login", auth_data={"username": "su"}, password=PASSWORD)
    token = entered.body["result"]["access_token"]
    refused = await ask(services, "me", access_token=token)

    assert (refused.status, reason_of(refused)) == (401, "PasswordExpired")
    assert (await ask(services, "me", access_token=anonymous)).status == HTTPStatus.OK
    changed = await ask(
        services, "auth:password", access_token=token, old_password=PASSWORD, password="secret-2"
    )
    assert changed.status == HTTPStatus.OK
    token = changed.body["result"]["access_token"]
    assert (await ask(services, "me", access_token=token)).status == HTTPStatus.OK


async def test_users_cannot_mark_themselves_as_verified(
    make_services: MakeServices, ask: Ask
) -> None:
    """A call with the master key can mark any user."""
    services = await make_services(VERIFY_REQUIRED="yes")
    profile = {"is_verified": True}

    token = (await sign_up(ask, services, profile=profile))["access_token"]
    vouched = await ask(services, "auth:signup", key=MASTER, profile=profile)

    assert (await ask(services, "me", access_token=token)).status == HTTPStatus.FORBIDDEN
    token = vouched.body["result"]["access_token"]
    assert (await ask(services, "me", access_token=token)).status == HTTPStatus.OK


@pytest.mark.parametrize(
    "fields",
    [
        {"auth_data": {"username": "su\0"}, "password": PASSWORD},
        {"auth_data": {"username": "su"}, "password": PASSWORD, "profile": {"a": ["\0"]}},
    ],
)
async def test_text_that_cannot_be_stored_makes_no_user(
    make_services: MakeServices, ask: Ask, query: Any, fields: dict[str, Any]
) -> None:
    """The refusal is the same on both databases."""
    answer = await ask(await make_services(), "auth:signup", **fields)

    assert (answer.status, answer.body["error"]["code"]) == (400, 108)
    assert await query("SELECT count(*) FROM users") == [(0,)]


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("auth:reset_password", {"auth_id": "a\0", "password": "x"}),
        ("auth:disable:set", {"auth_id": "a\0", "disabled": True}),
        ("role:assign", {"roles": ["\0"], "users": ["a"]}),
        ("role:revoke", {"roles": ["r"], "users": ["\0"]}),
        ("role:get", {"users": ["\0"]}),
        ("role:default", {"roles": ["\0"]}),
        ("sso:oauth:login", {"provider": "p", "principal_id": "\0"}),
        ("sso:oauth:signup", {"provider": "p", "principal_id": "a", "token_response": {"\0": 1}}),
        ("sso:oauth:link", {"provider": "p\0", "principal_id": "a", "user_id": "u"}),
        ("sso:oauth:unlink", {"provider": "p", "user_id": "u\0"}),
        ("me", {"_user_id": "u\0"}),
    ],
)
async def test_text_that_no_database_stores_is_refused(
    make_services: MakeServices, ask: Ask, action: str, fields: dict[str, Any]
) -> None:
    """By every action that would look for it."""
    answer = await ask(await make_services(), action, key=MASTER, **fields)

    assert (answer.status, answer.body["error"]["code"]) == (400, 108)


async def test_an_emptied_list_of_roles_takes_none(make_services: MakeServices, ask: Ask) -> None:
    """The original has an SQL error here."""
    services = await make_services()
    user_id = (await sign_up(ask, services))["user_id"]
    both = {"roles": ["r", "r"], "users": [user_id, user_id, "nobody"]}

    for action in ("role:assign", "role:revoke"):
        for fields in ({**both, "roles": []}, {**both, "users": []}):
            answer = await ask(services, action, key=MASTER, **fields)
            assert answer.body == {"result": "OK"}
    await ask(services, "role:assign", key=MASTER, **both)

    answer = await ask(services, "role:get", key=MASTER, users=[user_id, "nobody"])
    assert answer.body == {"result": {user_id: ["r"], "nobody": []}}


async def test_a_role_is_not_lost_to_a_login(make_services: MakeServices, ask: Ask) -> None:
    """A login writes only what changed."""
    services = await make_services()
    user_id = (await sign_up(ask, services))["user_id"]

    await asyncio.gather(
        *(
            work
            for number in range(5)
            for work in (
                log_in(ask, services, PASSWORD),
                ask(services, "role:assign", key=MASTER, roles=[f"r{number}"], users=[user_id]),
            )
        )
    )

    answer = await ask(services, "role:get", key=MASTER, users=[user_id])
    assert answer.body == {"result": {user_id: [f"r{number}" for number in range(5)]}}


async def test_of_many_sign_ups_with_one_name_one_succeeds(
    make_services: MakeServices, make_store: Any, ask: Ask, query: Any
) -> None:
    """On any server; the others leave nothing behind."""
    servers = [await make_services(), await make_services(await make_store())]

    answers = await asyncio.gather(
        *(
            ask(servers[number % 2], "auth:signup", auth_data={"username": "su"}, password="p")
            for number in range(6)
        )
    )

    assert sorted(answer.status for answer in answers) == [200] + [409] * 5
    for table in ("users", "records", "auth_keys"):
        assert await query(f"SELECT count(*) FROM {table}") == [(1,)]


async def test_of_many_sign_ups_of_one_oauth_principal_one_succeeds(
    make_services: MakeServices, make_store: Any, ask: Ask, query: Any
) -> None:
    """Later logins with it succeed."""
    servers = [await make_services(), await make_services(await make_store())]
    who = {"provider": "example", "principal_id": "p"}

    answers = await asyncio.gather(
        *(ask(servers[number % 2], "sso:oauth:signup", key=MASTER, **who) for number in range(6))
    )

    assert sorted(answer.status for answer in answers) == [200] + [400] * 5
    assert await query("SELECT count(*) FROM users") == [(1,)]
    entered = await ask(servers[1], "sso:oauth:login", key=MASTER, **who, token_response={"a": 1})
    assert entered.status == HTTPStatus.OK
    assert await query("SELECT token_response IS NOT NULL, profile IS NULL FROM principals") == [
        (True, True)
    ]
