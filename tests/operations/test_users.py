"""Finding and changing users."""

import asyncio
import base64
import contextlib
import functools
import json
from collections.abc import Sequence
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


async def found_each(operator: Operator, name: str, values: Sequence[str]) -> list[list[str]]:
    """Return the user names that a search for each value of a field finds."""
    return [await found(operator, field=name, value=value) for value in values]


@pytest.fixture
async def user_ids(make_services: MakeServices, clock: Clock, log_in: LogIn) -> dict[str, str]:
    """The ids of four users by name, who logged in one after the other."""
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
    "all, newest first": ({}, ["zoë", "Bert", "ann", "Anna"]),
    "oldest first": ({"sort": "created_at"}, ["Anna", "ann", "Bert", "zoë"]),
    "last seen first": (
        {"sort": "-last_seen_at", "limit": 1},
        ["zoë", "Bert", "ann", "Anna"],
    ),
    "a page at a time": ({"limit": 2}, ["zoë", "Bert", "ann", "Anna"]),
    "a user name": ({"text": "ANNA"}, ["Anna"]),
    "a user name in another case": ({"text": "ZOË"}, ["zoë"]),
    "its beginning": ({"text": "an"}, ["ann", "Anna"]),
    "an e-mail": ({"text": "zoë@example.com"}, ["zoë"]),
    "a principal": ({"text": "sub-Bert"}, ["Bert"]),
    "principals": ({"text": "sub-", "limit": 3}, ["zoë", "Bert", "ann", "Anna"]),
    "no match": ({"text": "sub_"}, []),
    "a subject": ({"subject": "sub-Bert"}, ["Bert"]),
    "half a subject": ({"subject": "sub-"}, []),
    "a subject in another case": ({"subject": "sub-bert"}, []),
    "a field that is text": ({"field": "username", "value": "Bert"}, ["Bert"]),
    "a field that is a number": ({"field": "age", "value": "2"}, ["Bert"]),
    "a number in another spelling": ({"field": "age", "value": "2.0"}, ["Bert"]),
    "a number with an exponent": ({"field": "age", "value": "20e-1"}, ["Bert"]),
    "a number that is too large": ({"field": "age", "value": "1e400"}, []),
    "brackets nested deeply": ({"field": "age", "value": "[" * 5000}, []),
    "an unknown field": ({"field": 'a"b', "value": "2"}, []),
    "the disabled": ({"disabled": True}, []),
    "the others": ({"disabled": False, "text": "b"}, ["Bert"]),
}


@pytest.mark.parametrize(("search", "names"), SEARCHES.values(), ids=SEARCHES)
async def test_users_are_found_by_a_search(
    search: dict[str, Any], names: list[str], user_ids: dict[str, str], operator: Operator
) -> None:
    """By unique values, or by fields of their profiles."""
    assert await found(operator, **search) == names


ODD_NAMES = [
    'a"b',
    "a\\b",
    'a\\"b',
    '"',
    "a[0]",
    "$",
    "a'b",
    "a\nb",
    "\x7f",
    "\u2028",
    "größe",
    "a%b",
]


@pytest.mark.parametrize("name", ODD_NAMES)
async def test_users_are_found_by_a_field_with_any_name(
    name: str, make_services: MakeServices, operator: Operator, log_in: LogIn
) -> None:
    """Whether its value is text or a number."""
    services = await make_services()
    await log_in(services, "one", username="Anna", **{name: "x", f"{name}1": 2})
    await log_in(services, "other", username="Bert", **{name: "y", f"{name}1": 3})

    assert await found(operator, field=name, value="x") == ["Anna"]
    assert await found(operator, field=f"{name}1", value="3") == ["Bert"]


NUMBERS = ["0", "-1.5", "0.30000000000000004", "1e-07", "1e+21", "1234.5678901234567", "5e-324"]


@pytest.mark.parametrize("name", ["ratio", 'a"b'])
async def test_users_are_found_by_any_number(
    name: str, make_services: MakeServices, operator: Operator, log_in: LogIn
) -> None:
    services = await make_services()
    for number in NUMBERS:
        await log_in(services, number, username=number, **{name: json.loads(number)})

    assert await found_each(operator, name, NUMBERS) == [[one] for one in NUMBERS]


NOT_NUMBERS = ["1" + "0" * 400, "1e400", "-1e400", "NaN", "Infinity", "[1]", '{"a":1}', "null"]


@pytest.mark.parametrize("name", ["note", 'a"b'])
async def test_what_is_not_a_number_is_found_as_text(
    name: str, make_services: MakeServices, operator: Operator, log_in: LogIn
) -> None:
    """A list or an object is not found by its JSON, nor a missing value by a number."""
    services = await make_services()
    for text in NOT_NUMBERS:
        await log_in(services, text, username=text, **{name: text})
    await log_in(services, "other", username="other", list=[1], object={"a": 1}, none=None)

    assert await found_each(operator, name, NOT_NUMBERS) == [[one] for one in NOT_NUMBERS]
    for other in ("list", "object", "none"):
        assert await found_each(operator, other, NOT_NUMBERS) == [[] for _ in NOT_NUMBERS]


@pytest.mark.parametrize("name", ["member", 'a"b'])
async def test_a_boolean_is_not_found_as_a_number(
    name: str, make_services: MakeServices, operator: Operator, log_in: LogIn
) -> None:
    services = await make_services()
    await log_in(services, "one", username="Anna", **{name: True})
    await log_in(services, "other", username="Bert", **{name: False})

    assert await found(operator, field=name, value="true") == ["Anna"]
    assert await found(operator, field=name, value="1") == []


MANY = {
    "all of many": ({"text": "sub-"}, ["zoë", "ann", "Anna", "Bert"]),
    "by a field too": ({"text": "sub-", "field": "age", "value": "0"}, ["Anna"]),
    "by a field alone": ({"field": "username", "value": "Anna"}, ["Anna"]),
    "the disabled": ({"text": "sub-", "disabled": True}, ["Anna", "Bert"]),
    "the others": ({"text": "sub-", "disabled": False}, ["zoë", "ann"]),
    "nobody": ({"text": "sub-", "disabled": True, "field": "age", "value": "3"}, []),
}


@pytest.mark.parametrize(("search", "names"), MANY.values(), ids=MANY)
async def test_a_search_among_many_users_finds_the_same(
    search: dict[str, Any],
    names: list[str],
    user_ids: dict[str, str],
    operator: Operator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the same order, if it has to scan for a page of matches."""
    for name in ("Anna", "Bert"):
        await users.disable(operator, APP, user_ids[name])
    few = [await found(operator, sort=sort, limit=1, **search) for sort in SORTS]
    monkeypatch.setattr(user_search, "LOOKED_UP_MAX", 0)
    monkeypatch.setattr(user_search, "LOOKED_AT", 1)

    assert [await found(operator, sort=sort, limit=1, **search) for sort in SORTS] == few
    assert [set(one) for one in few] == [set(names)] * len(SORTS)


async def test_a_user_is_found_by_id(user_ids: dict[str, str], operator: Operator) -> None:
    """And is shown with the principals."""
    assert await found(operator, text=user_ids["Bert"]) == ["Bert"]
    details = await users.get(operator, APP, user_ids["Bert"])
    assert [(one.kind, one.id) for one in details.principals] == [("custom_token", "sub-Bert")]
    with pytest.raises(MissingError):
        await users.get(operator, APP, "nobody")


async def test_found_users_have_their_subjects(
    make_services: MakeServices, ask: Ask, user_ids: dict[str, str], operator: Operator
) -> None:
    """Only custom tokens have one, not passwords and OAuth accounts."""
    dora = {"auth_data": {"username": "dora"}, "password": "a password"}
    signed_up = (await ask(await make_services(), "auth:signup", **dora)).body["result"]["user_id"]
    for user_id in (signed_up, user_ids["Bert"]):
        link = Link("google", f"google-{user_id}", user_id, NOW, None, None)
        await operator.store.run(functools.partial(principals.add, app=APP, link=link))

    page = await users.find(operator, APP, Search())

    assert {user.id for user in page.users} == {*user_ids.values(), signed_up}
    assert page.subjects == {user_id: f"sub-{name}" for name, user_id in user_ids.items()}
    for user in page.users:
        details = await users.get(operator, APP, user.id)
        assert details.subject == page.subjects.get(user.id)


NOT_CURSORS: dict[str, str | object] = {
    "not base64": "x",
    "not ASCII": "é",
    "no values": [],
    "numbers": [1, 2],
    "deep": "W" + "1tb" * 30_000,
    "a time that no year has": ["0001-01-01T00:00:00+23:59", "x"],
    "a time without a zone": ["2026-01-01T00:00:00", "x"],
    "a date": ["2026-01-01", "x"],
    "U+0000": ["2026-01-01T00:00:00.000000Z", "\0"],
    "half a character": ["2026-01-01T00:00:00.000000Z", "\ud800"],
}


@pytest.mark.parametrize("cursor", NOT_CURSORS.values(), ids=NOT_CURSORS)
async def test_an_invalid_cursor_is_refused(cursor: str | object, operator: Operator) -> None:
    """It is not a crash, on any database."""
    if not isinstance(cursor, str):
        cursor = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
    with pytest.raises(RefusedError, match="this is not a cursor of this list"):
        await users.find(operator, APP, Search(cursor=cursor))


@pytest.mark.parametrize("value", ["\0", "\ud800"])
async def test_an_invalid_cursor_by_id_is_refused(value: str, operator: Operator) -> None:
    """Its id is text that a database can hold."""
    cursor = base64.urlsafe_b64encode(json.dumps([value, "x"]).encode()).decode()
    with pytest.raises(RefusedError, match="this is not a cursor of this list"):
        await users.find(operator, APP, Search(cursor=cursor, sort="id"))


@pytest.mark.core
async def test_an_edit_changes_adds_and_removes_fields(
    user_ids: dict[str, str], operator: Operator
) -> None:
    """Login times stay."""
    before = (await users.get(operator, APP, user_ids["Bert"])).user
    changes = {
        "username": "Robert",
        "email": None,
        "since": {"$type": "date", "$date": "2024-01-02T03:04:05Z"},
    }

    after = (await users.edit_profile(operator, APP, user_ids["Bert"], changes)).user

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
    "an invalid value": ({"at": {"$type": "date", "$date": "yesterday"}}, RefusedError),
    "a reserved field": ({"_id": "user/x"}, RefusedError),
    "an empty name": ({"": 1}, RefusedError),
    "U+0000": ({"a": "\0"}, RefusedError),
}


@pytest.mark.parametrize(("changes", "error"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_edit_changes_nothing(
    changes: dict[str, Any], error: type[Exception], user_ids: dict[str, str], operator: Operator
) -> None:
    """It is not in the audit list."""
    with pytest.raises(error):
        await users.edit_profile(operator, APP, user_ids["Bert"], {"fresh": 1, **changes})
    assert await found(operator, text="bert") == ["Bert"]
    assert await operator.store.run(lambda tx: audit_log.load_latest(tx, APP, "", 9)) == []


async def test_a_disabled_user_cannot_log_in(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """Until an operator enables the user, or the time is over."""
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


async def test_setting_roles_removes_others(user_ids: dict[str, str], operator: Operator) -> None:
    """A name that is too long is refused."""
    for names in (["writer", "Admin"], ["writer", "reader"], []):
        await users.set_roles(operator, APP, user_ids["Bert"], names)
        user = (await users.get(operator, APP, user_ids["Bert"])).user
        assert list(user.roles) == sorted(names)
    with pytest.raises(RefusedError):
        await users.set_roles(operator, APP, user_ids["Bert"], ["x" * 801])


async def test_signing_a_user_out_revokes_all_access_tokens(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """Those of the current second too; new ones are valid."""
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


async def test_a_deleted_user_frees_the_user_name(
    make_services: MakeServices, ask: Ask, operator: Operator
) -> None:
    """The next login of the principal creates another user."""
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


async def test_a_user_whom_records_refer_to_is_not_deleted(
    make_services: MakeServices, ask: Ask, user_ids: dict[str, str], operator: Operator
) -> None:
    """Like any record."""
    services = await make_services()
    reference = {"$type": "ref", "$id": f"user/{user_ids['Bert']}"}
    record = {"_id": "note/1", "about": reference}
    saved = await ask(
        services, "record:save", key="secret", records=[record], database_id="_public"
    )
    assert saved.status == HTTPStatus.OK, saved.body

    with pytest.raises(ConflictError, match="records refer to this user: note/1"):
        await users.delete(operator, APP, user_ids["Bert"])
    assert await found(operator, text="bert") == ["Bert"]


async def test_deleting_users_while_they_log_in_leaves_none_incomplete(
    make_services: MakeServices, make_operator: MakeOperator, log_in: LogIn, query: Any
) -> None:
    """Each principal has a user, each user a record and a unique key."""
    services = await make_services()
    operator = make_operator()

    async def log_in_and_delete(number: int) -> None:
        for _ in range(60):
            name = f"user{number % 3}"
            login = await log_in(services, name, username=name)
            with contextlib.suppress(MissingError):
                await users.delete(operator, APP, login.user.id)

    await asyncio.gather(*(log_in_and_delete(number) for number in range(6)))

    ids = {row[0] for row in await query("SELECT id FROM users")}
    for table in ("principals", "auth_keys"):
        assert {row[0] for row in await query(f"SELECT user_id FROM {table}")} == ids
    assert {row[0] for row in await query("SELECT id FROM records WHERE type = 'user'")} == ids


async def test_the_audit_list_has_every_act_on_a_user(
    user_ids: dict[str, str], operator: Operator
) -> None:
    """With its target and address, but no value of a profile."""
    user_id = user_ids["Bert"]
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
