"""What an operator does to users."""

import asyncio
import contextlib
import functools
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.operations import users
from skylogin.operations.operator import ConflictError, MissingError, Operator, RefusedError
from skylogin.store import audit_log, principals, user_search
from skylogin.store.principals import Link
from skylogin.store.user_search import SORTS, Search

from tests.factories import NOW, make_token
from tests.stores import Ask, Clock, LogIn, MakeOperator, MakeServices

pytestmark = pytest.mark.slow

APP = "myapp"
LOG_IN = "sso:custom_token:login"
SECRET = "a secret"


async def found(operator: Operator, **search: Any) -> list[str]:
    """Return the user names that a search finds, page by page."""
    names: list[str] = []
    cursor = ""
    while True:
        page = await users.find(operator, APP, Search(cursor=cursor, **search))
        names += [str(one.record.data.get("username")) for one in page.users if one.record]
        if not page.next_cursor:
            return names
        cursor = page.next_cursor


@pytest.fixture
async def people(make_services: MakeServices, clock: Clock, log_in: LogIn) -> dict[str, str]:
    """Users who came one after the other, with their ids by their names."""
    services = await make_services()
    ids = {}
    for number, name in enumerate(("Anna", "ann", "Bert", "zoë")):
        clock.moment = NOW + timedelta(minutes=number)
        login = await log_in(
            services, f"sub-{name}", username=name, email=f"{name}@example.com", age=number
        )
        ids[name] = login.user.id
    return ids


SEARCHES = {
    "all, the newest first": ({}, ["zoë", "Bert", "ann", "Anna"]),
    "the oldest first": ({"sort": "created_at"}, ["Anna", "ann", "Bert", "zoë"]),
    "who was there last": ({"sort": "-last_seen_at", "limit": 1}, ["zoë", "Bert", "ann", "Anna"]),
    "a page at a time": ({"limit": 2}, ["zoë", "Bert", "ann", "Anna"]),
    "a user name": ({"text": "ANNA"}, ["Anna"]),
    "its beginning": ({"text": "an"}, ["ann", "Anna"]),
    "an e-mail": ({"text": "zoë@example.com"}, ["zoë"]),
    "a principal": ({"text": "sub-Bert"}, ["Bert"]),
    "principals": ({"text": "sub-", "limit": 3}, ["zoë", "Bert", "ann", "Anna"]),
    "nobody": ({"text": "sub_"}, []),
    "a subject": ({"subject": "sub-Bert"}, ["Bert"]),
    "half of one": ({"subject": "sub-"}, []),
    "another case of one": ({"subject": "sub-bert"}, []),
    "a field that is text": ({"field": "username", "value": "Bert"}, ["Bert"]),
    "a field that is a number": ({"field": "age", "value": "2"}, ["Bert"]),
    "a field that nobody has": ({"field": 'a"b', "value": "2"}, []),
    "the disabled": ({"disabled": True}, []),
    "the others": ({"disabled": False, "text": "b"}, ["Bert"]),
}


@pytest.mark.parametrize(("search", "names"), SEARCHES.values(), ids=SEARCHES)
async def test_users_are_found(
    search: dict[str, Any], names: list[str], people: dict[str, str], operator: Operator
) -> None:
    """By what is unique of them, or in their profiles."""
    assert await found(operator, **search) == names


MANY = {
    "all of many": ({"text": "sub-"}, ["zoë", "ann", "Anna", "Bert"]),
    "by a field too": ({"text": "sub-", "field": "age", "value": "0"}, ["Anna"]),
    "by a field alone": ({"field": "username", "value": "Anna"}, ["Anna"]),
    "the disabled": ({"text": "sub-", "disabled": True}, ["Anna", "Bert"]),
    "the others": ({"text": "sub-", "disabled": False}, ["zoë", "ann"]),
    "nobody": ({"text": "sub-", "disabled": True, "field": "age", "value": "3"}, []),
}


@pytest.mark.parametrize(("search", "names"), MANY.values(), ids=MANY)
async def test_many_are_found_as_few_are(
    search: dict[str, Any],
    names: list[str],
    people: dict[str, str],
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where a page of them is not near, in the same order."""
    for name in ("Anna", "Bert"):
        await users.disable(operator, APP, people[name])
    few = [await found(operator, sort=sort, limit=1, **search) for sort in SORTS]
    monkeypatch.setattr(user_search, "LOOKED_UP_MAX", 0)
    monkeypatch.setattr(user_search, "LOOKED_AT", 1)

    assert [await found(operator, sort=sort, limit=1, **search) for sort in SORTS] == few
    assert [set(one) for one in few] == [set(names)] * len(SORTS)


async def test_a_user_is_found_by_their_id(people: dict[str, str], operator: Operator) -> None:
    """And shown with the principals."""
    assert await found(operator, text=people["Bert"]) == ["Bert"]
    details = await users.get(operator, APP, people["Bert"])
    assert [(one.kind, one.id) for one in details.principals] == [("custom_token", "sub-Bert")]
    with pytest.raises(MissingError):
        await users.get(operator, APP, "nobody")


async def test_users_come_with_their_subjects(
    make_services: MakeServices, ask: Ask, people: dict[str, str], operator: Operator
) -> None:
    """Those who have one: a password has none, and an account elsewhere is none."""
    dora = {"auth_data": {"username": "dora"}, "password": "a password"}
    signed_up = (await ask(await make_services(), "auth:signup", **dora)).body["result"]["user_id"]
    for user_id in (signed_up, people["Bert"]):
        link = Link("google", f"google-{user_id}", user_id, NOW, None, None)
        await operator.store.run(functools.partial(principals.add, app=APP, link=link))

    page = await users.find(operator, APP, Search())

    assert {user.id for user in page.users} == {*people.values(), signed_up}
    assert page.subjects == {user_id: f"sub-{name}" for name, user_id in people.items()}
    for user in page.users:
        details = await users.get(operator, APP, user.id)
        assert details.subject == page.subjects.get(user.id)


@pytest.mark.parametrize("cursor", ["x", "W10=", "WzEsMl0=", "é"])
async def test_what_is_no_cursor_is_refused(cursor: str, operator: Operator) -> None:
    """With a sentence."""
    with pytest.raises(RefusedError):
        await users.find(operator, APP, Search(cursor=cursor))


async def test_a_profile_is_edited(people: dict[str, str], operator: Operator) -> None:
    """Fields are changed, added and removed; times of logins stay."""
    before = (await users.get(operator, APP, people["Bert"])).user
    changes = {
        "username": "Robert",
        "email": None,
        "since": {"$type": "date", "$date": "2024-01-02T03:04:05Z"},
    }

    after = (await users.edit_profile(operator, APP, people["Bert"], changes)).user

    assert before.record is not None
    assert after.record is not None
    assert after.record.data["username"] == "Robert"
    assert "email" not in after.record.data or after.record.data["email"] is None
    assert after.record.data["since"] == "2024-01-02T03:04:05.000000Z"
    assert after.record.data["last_login_at"] == before.record.data["last_login_at"]
    assert after.last_seen_at == before.last_seen_at
    assert await found(operator, text="robert") == ["Robert"]
    assert await found(operator, text="bert@example.com") == []


REFUSED = {
    "a name that is taken": ({"username": "ANNA"}, ConflictError),
    "another type": ({"age": "two"}, ConflictError),
    "no value": ({"at": {"$type": "date", "$date": "yesterday"}}, RefusedError),
    "a field of ours": ({"_id": "user/x"}, RefusedError),
    "no name": ({"": 1}, RefusedError),
    "U+0000": ({"a": "\0"}, RefusedError),
}


@pytest.mark.parametrize(("changes", "error"), REFUSED.values(), ids=REFUSED)
async def test_an_edit_is_refused(
    changes: dict[str, Any], error: type[Exception], people: dict[str, str], operator: Operator
) -> None:
    """Whole, and it is in no list."""
    with pytest.raises(error):
        await users.edit_profile(operator, APP, people["Bert"], {"fresh": 1, **changes})
    assert await found(operator, text="bert") == ["Bert"]
    assert await operator.store.run(lambda tx: audit_log.load_latest(tx, APP, "", 9)) == []


async def test_a_disabled_user_cannot_log_in(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """Until they are enabled, or the period is over."""
    services = await make_services()
    token = make_token(secret=SECRET)
    user_id = (await ask(services, LOG_IN, token=token)).body["result"]["user_id"]
    until = NOW + timedelta(minutes=1)

    await users.disable(operator, APP, user_id, "Call us", until)
    refused = await ask(services, LOG_IN, token=token)
    assert refused.body["error"]["info"]["message"] == "Call us"
    assert (await users.find(operator, APP, Search(disabled=True))).users[0].id == user_id
    await users.enable(operator, APP, user_id)
    assert (await ask(services, LOG_IN, token=token)).status == HTTPStatus.OK

    await users.disable(operator, APP, user_id, until=until)
    clock.moment = until
    assert (await ask(services, LOG_IN, token=token)).status == HTTPStatus.OK


async def test_roles_are_set(people: dict[str, str], operator: Operator) -> None:
    """Those and no others."""
    for names in (["writer", "Admin"], ["writer", "reader"], []):
        await users.set_roles(operator, APP, people["Bert"], names)
        user = (await users.get(operator, APP, people["Bert"])).user
        assert list(user.roles) == sorted(names)
    with pytest.raises(RefusedError):
        await users.set_roles(operator, APP, people["Bert"], ["x" * 801])


async def test_a_user_is_signed_out_everywhere(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """Every token of until now is no good, that of this second included; new ones are."""
    services = await make_services()
    clock.moment = NOW + timedelta(seconds=0.9)

    async def log_in() -> str:
        answer = await ask(services, LOG_IN, token=make_token(secret=SECRET))
        return str(answer.body["result"]["access_token"])

    old = await log_in()
    assert (await ask(services, "me", access_token=old)).status == HTTPStatus.OK
    [user] = (await users.find(operator, APP, Search())).users

    await users.sign_out(operator, APP, user.id)

    assert (await ask(services, "me", access_token=old)).status == HTTPStatus.UNAUTHORIZED
    clock.moment = NOW + timedelta(seconds=1)
    new = await log_in()
    assert (await ask(services, "me", access_token=new)).status == HTTPStatus.OK


async def test_a_deleted_user_is_gone(
    make_services: MakeServices, ask: Ask, operator: Operator
) -> None:
    """With the keys, so that the name is free; the next login makes another."""
    services = await make_services()
    token = make_token(secret=SECRET, skyprofile={"username": "anna"})
    first = (await ask(services, LOG_IN, token=token)).body["result"]
    await users.set_roles(operator, APP, first["user_id"], ["writer"])
    other = make_token(secret=SECRET, sub="other", skyprofile={"username": "anna"})
    assert (await ask(services, LOG_IN, token=other)).status == HTTPStatus.CONFLICT

    await users.delete(operator, APP, first["user_id"])

    for act in (users.delete, users.sign_out, users.enable):
        with pytest.raises(MissingError):
            await act(operator, APP, first["user_id"])
    assert (await ask(services, "me", access_token=first["access_token"])).status != HTTPStatus.OK
    again = (await ask(services, LOG_IN, token=token)).body["result"]
    assert again["user_id"] != first["user_id"]
    assert "roles" not in again
    assert (await ask(services, LOG_IN, token=other)).status == HTTPStatus.CONFLICT


async def test_a_user_who_is_referred_to_stays(
    make_services: MakeServices, ask: Ask, people: dict[str, str], operator: Operator
) -> None:
    """As with any record."""
    services = await make_services()
    reference = {"$type": "ref", "$id": f"user/{people['Bert']}"}
    record = {"_id": "note/1", "about": reference}
    saved = await ask(
        services, "record:save", key="secret", records=[record], database_id="_public"
    )
    assert saved.status == HTTPStatus.OK, saved.body

    with pytest.raises(ConflictError, match="records refer to this user: note/1"):
        await users.delete(operator, APP, people["Bert"])
    assert await found(operator, text="bert") == ["Bert"]


async def test_users_are_deleted_while_they_log_in(
    make_services: MakeServices, make_operator: MakeOperator, log_in: LogIn, query: Any
) -> None:
    """Nobody is left by half: each principal has a user, each user a record, a key and a name."""
    services = await make_services()
    operator = make_operator()

    async def come_and_go(number: int) -> None:
        for _ in range(60):
            name = f"user{number % 3}"
            login = await log_in(services, name, username=name)
            with contextlib.suppress(MissingError):
                await users.delete(operator, APP, login.user.id)

    await asyncio.gather(*(come_and_go(number) for number in range(6)))

    ids = {row[0] for row in await query("SELECT id FROM users")}
    for table in ("principals", "auth_keys"):
        assert {row[0] for row in await query(f"SELECT user_id FROM {table}")} == ids
    assert {row[0] for row in await query("SELECT id FROM records WHERE type = 'user'")} == ids


async def test_each_act_is_in_the_audit_list(people: dict[str, str], operator: Operator) -> None:
    """With who, what and where, and no value of a profile."""
    user_id = people["Bert"]
    await users.edit_profile(operator, APP, user_id, {"username": "very-private"})
    await users.disable(operator, APP, user_id)
    await users.enable(operator, APP, user_id)
    await users.set_roles(operator, APP, user_id, ["a"])
    await users.sign_out(replace(operator, address="198.51.100.7"), APP, user_id)
    await users.delete(operator, APP, user_id)

    acts = await operator.store.run(lambda tx: audit_log.load_latest(tx, APP, "", 99))
    names = [
        "user.edit",
        "user.disable",
        "user.enable",
        "user.set_roles",
        "user.sign_out",
        "user.delete",
    ]
    assert {act.name for act in acts} == set(names)
    assert len(acts) == len(names)
    assert {act.target for act in acts} == {user_id}
    assert {act.address for act in acts} == {"192.0.2.9", "198.51.100.7"}
    assert "very-private" not in repr(acts)
