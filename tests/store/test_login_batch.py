"""Logins in the database."""

import asyncio
from typing import Any

import pytest
from skylogin.database import Store, Transaction, tables
from skylogin.domain.login import Login
from skylogin.domain.user import FieldValue, User
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import SkygearError
from skylogin.store import login_batch, users
from sqlalchemy import Table, delete

from tests.factories import NOW
from tests.statement_counter import counted
from tests.stores import Blocked, Clock, LogIn, MakeServices
from tests.waiting import let_tasks_run

APP = "myapp"
EVERYTHING: dict[str, FieldValue | None] = {
    "text": FieldValue("string", 'quotes " and \\ and \n and é and 😀 and \u2028 and \ufffd'),
    "empty": FieldValue("string", ""),
    "looks like a number": FieldValue("string", "123"),
    "looks like null": FieldValue("string", "null"),
    "whole": FieldValue("number", 1),
    "fraction": FieldValue("number", 0.1),
    "tiny": FieldValue("number", 5e-324),
    "huge": FieldValue("number", 1.7976931348623157e308),
    "many digits": FieldValue("number", 12345678901234567000),
    "yes": FieldValue("boolean", True),
    "no": FieldValue("boolean", False),
    "json": FieldValue("json", {"a": [1, 0.5, None, "x", {"b": {}}], "": [], "é": "\x01"}),
    "list": FieldValue("json", []),
    "when": FieldValue("datetime", "2001-02-03T04:05:06.000001Z"),
    "where": FieldValue("location", [1.5, -2]),
    "shape": FieldValue("geometry", {"type": "Point", "coordinates": [1e300, 2]}),
    "next": FieldValue("sequence", None),
    "nothing": None,
    "a name 'with' \"quotes\" %s :x $1 é": FieldValue("string", "x"),
}


async def count(query: Any, table: str) -> int:
    """Return the number of rows of a table."""
    [(number,)] = await query(f"SELECT count(*) FROM {table}")
    return int(number)


def shown(login: Login) -> dict[str, JsonValue]:
    """Return the fields that an answer shows."""
    assert login.user.record is not None
    return dict(login.user.record.data)


async def test_many_first_logins_of_one_principal_make_one_user(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """All of them succeed, and one of them made the user."""
    services = await make_services()
    profile = {"username": "alice", "fresh": 1}

    logins = await asyncio.gather(*(log_in(services, "alice", **profile) for _ in range(50)))

    assert len({login.user.id for login in logins}) == 1
    assert [login.created for login in logins].count(True) == 1
    assert await query("SELECT principal, user_id FROM principals") == [
        ("alice", logins[0].user.id)
    ]
    for table in ("users", "records", "auth_keys"):
        assert await count(query, table) == 1
    assert await count(query, "journal") == len(logins)


async def test_many_first_logins_on_several_servers_make_one_user(
    make_store: Any, make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """Each with its own name, and with fields that all add at once."""
    servers = [await make_services(await make_store()) for _ in range(3)]
    subjects = [f"person {number % 10}" for number in range(60)]

    logins = await asyncio.gather(
        *(
            log_in(servers[number % 3], subject, username=subject, **{f"new {subject}": 1})
            for number, subject in enumerate(subjects)
        )
    )

    users_of = {(subject, login.user.id) for subject, login in zip(subjects, logins, strict=True)}
    assert len(users_of) == await count(query, "users") == len(set(subjects))


async def test_a_profile_comes_back_as_it_was_stored(
    make_services: MakeServices, log_in: LogIn
) -> None:
    """Values of every kind, and spellings that a database might change."""
    services = await make_services()
    first = await log_in(services, "alice", **EVERYTHING)

    second = await log_in(services, "alice")

    stored = {
        name: value.value
        for name, value in EVERYTHING.items()
        if value is not None and value.kind != "sequence"
    }
    assert shown(first) == stored
    assert shown(second) == {**stored, "last_login_at": rfc3339.stored(NOW)}
    assert {type(value) for value in shown(second).values()} >= {str, int, float, bool, dict, list}
    assert shown(second)["yes"] is True


async def test_times_come_back_to_the_microsecond(
    make_services: MakeServices, log_in: LogIn, clock: Clock
) -> None:
    """And in UTC."""
    services = await make_services()
    moments = [NOW.replace(microsecond=micro) for micro in (0, 1, 999_999)]
    logins = []
    for clock.moment in moments:
        logins.append(await log_in(services, "alice"))

    assert [login.user.last_seen_at for login in logins] == [None, *moments[:-1]]
    record = logins[-1].user.record
    assert record is not None
    assert (record.created_at, record.updated_at) == (moments[0], moments[-1])
    assert record.created_at.utcoffset() is not None


@pytest.mark.core
async def test_a_refused_login_in_a_batch_does_not_affect_the_others(
    make_services: MakeServices, log_in: LogIn, writes_blocked: Blocked, query: Any
) -> None:
    """A user name that is taken, or a value of another type, fails its own login only."""
    services = await make_services()
    await log_in(services, "alice", username="alice", age=1)
    async with writes_blocked():
        waiting = [asyncio.create_task(log_in(services, "first"))]
        await let_tasks_run()
        waiting += [
            asyncio.create_task(log_in(services, "thief", username="ALICE")),
            asyncio.create_task(log_in(services, "bob", age="text")),
            asyncio.create_task(log_in(services, "carol", age=2, username="carol")),
        ]
        await asyncio.sleep(0)

    outcomes = await asyncio.gather(*waiting, return_exceptions=True)

    kinds = [getattr(getattr(outcome, "kind", None), "name", "") for outcome in outcomes]
    assert kinds == ["", "Duplicated", "IncompatibleSchema", ""]
    assert {name for (name,) in await query("SELECT principal FROM principals")} == {
        *("alice", "first", "carol")
    }
    assert await count(query, "journal") == 3  # noqa: PLR2004


async def test_user_names_change_hands_within_a_batch(
    make_services: MakeServices, log_in: LogIn, writes_blocked: Blocked, query: Any
) -> None:
    """One login releases a name and the next takes it, in one transaction."""
    services = await make_services()
    alice = await log_in(services, "alice", username="name")
    async with writes_blocked():
        waiting = [asyncio.create_task(log_in(services, "first"))]
        await let_tasks_run()
        waiting += [
            asyncio.create_task(log_in(services, "alice", username="other")),
            asyncio.create_task(log_in(services, "bob", username="Name")),
        ]
        await asyncio.sleep(0)

    _, _, bob = await asyncio.gather(*waiting)

    owners = await query("SELECT folded, user_id FROM auth_keys ORDER BY folded")
    assert owners == [("name", bob.user.id), ("other", alice.user.id)]


async def test_a_disabling_is_never_lost_to_a_login(
    make_services: MakeServices, log_in: LogIn, store: Store
) -> None:
    """Logins write only the columns that they change."""
    services = await make_services()
    user_id = (await log_in(services, "alice")).user.id
    disabled = User(user_id, disabled=True, disabled_message="bad")
    stop = asyncio.Event()

    async def keep_logging_in() -> None:
        while not stop.is_set():
            try:
                await log_in(services, "alice", age=1)
            except SkygearError as error:
                assert error.message == "user is disabled"  # noqa: PT017

    clients = [asyncio.create_task(keep_logging_in()) for _ in range(8)]
    await let_tasks_run()
    await store.run(lambda tx: users.set_disabled(tx, APP, disabled))
    for _ in range(5):
        with pytest.raises(SkygearError, match="user is disabled"):
            await log_in(services, "alice")
    stop.set()
    await asyncio.gather(*clients)

    found = await store.run(lambda tx: users.load(tx, APP, [user_id]), write=False)
    assert (found[user_id].disabled, found[user_id].disabled_message) == (True, "bad")


# The deleted rows, and the name in the profile afterwards.
LOST: dict[str, tuple[tuple[Table, ...], str | None]] = {
    "user": ((tables.users,), "A"),
    "record": ((tables.records,), None),
    "both": ((tables.users, tables.records), None),
}


@pytest.mark.parametrize(("lost", "kept"), LOST.values(), ids=LOST)
async def test_deleted_rows_are_made_again_with_the_same_id(  # noqa: PLR0913, PLR0917
    lost: tuple[Table, ...],
    kept: str | None,
    make_services: MakeServices,
    log_in: LogIn,
    store: Store,
    query: Any,
) -> None:
    """The principal keeps its user id, and the rest of the profile stays."""
    services = await make_services()
    first = await log_in(services, "alice", name="A")

    async def forget(tx: Transaction) -> None:
        for table in lost:
            await tx.connection.execute(delete(table))

    await store.run(forget)
    second = await log_in(services, "alice", age=1)

    assert second.user.id == first.user.id
    assert shown(second).get("name") == kept
    assert await count(query, "users") == await count(query, "records") == 1
    assert await count(query, "principals") == 1


async def test_a_long_subject_is_a_subject(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """The longest one fits into every index."""
    services = await make_services()
    subjects = ["x" * 2500, "é" * 1250, " ", "'; DROP TABLE users; --", "%s", "a" * 2499 + "b"]

    for subject in subjects:
        first, second = await log_in(services, subject), await log_in(services, subject)
        assert first.user.id == second.user.id

    assert {name for (name,) in await query("SELECT principal FROM principals")} == set(subjects)


# --- costs ------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [{}, {"username": "new", "age": 2}], ids=["same", "changed"])
async def test_a_batch_costs_as_many_statements_as_one_login(
    profile: dict[str, Any],
    make_services: MakeServices,
    log_in: LogIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And one commit, however many logins it has."""
    # Otherwise the counts of the first logins may be written meanwhile.
    monkeypatch.setattr("skylogin.apps.login_log.FLUSH_SECONDS", 3600)
    # On a slow machine, what is known for a second would be read again.
    monkeypatch.setattr("skylogin.database.transaction.FIELDS_FRESH_SECONDS", 3600)
    monkeypatch.setattr("skylogin.apps.refreshed.KNOWN_SECONDS", 3600)
    services = await make_services()
    people = [f"person {number}" for number in range(50)]
    for _ in range(2):
        first = (log_in(services, name, username=name, age=1) for name in people)
        await asyncio.gather(*first)
    changes = {name: {**profile, "username": f"{name} {len(profile)}"} for name in people}
    if not profile:
        changes = {name: {"username": name, "age": 1} for name in people}

    with counted() as one:
        await log_in(services, people[0], **changes[people[0]])
    with counted() as many:
        await asyncio.gather(*(log_in(services, name, **changes[name]) for name in people[1:]))

    assert (one.commits, many.commits) == (1, 1)
    assert many.statements == one.statements


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_principals_that_another_server_makes_meanwhile_are_found(
    make_store: Any, make_services: MakeServices, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each between two queries: a user's own name never counts as taken."""
    here, there = await make_services(), await make_services(await make_store())
    await log_in(there, "first of all", username="so that every field is there")
    to_come = ["alice", "bob"]
    load_key_owners = login_batch.load_key_owners

    async def load_after_another_login(tx: Transaction, *arguments: Any) -> Any:
        if to_come and tx.fields is here.store._fields:
            who = to_come.pop(0)
            await log_in(there, who, username=who)
        return await load_key_owners(tx, *arguments)

    monkeypatch.setattr(login_batch, "load_key_owners", load_after_another_login)
    outcomes = await asyncio.gather(*(log_in(here, who, username=who) for who in ("alice", "bob")))

    assert [outcome.created for outcome in outcomes] == [False, False]
