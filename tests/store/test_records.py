"""Records and the schema through the actions, on each database."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.actions.services import Services
from skylogin.database import Transaction
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.store import fields
from skylogin.store import records as stored_records

from tests.factories import make_token
from tests.stores import Ask, Clock, LogIn, MakeServices
from tests.waiting import wait_until_async

MASTER = "secret"
CLIENT = "changeme"
PUBLIC_READ = [{"level": "read", "public": True}]


class Table:
    """A server with two users who have logged in, and helpers for calls."""

    def __init__(self, ask: Ask, services: Services) -> None:
        self.services = services
        self.ids: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._ask = ask

    async def add_user(self, name: str, **profile: Any) -> None:
        """Log a user in."""
        token = make_token(sub=name, secret="a secret", skyprofile={"username": name, **profile})
        result = await self("nobody", "sso:custom_token:login", token=token)
        self.ids[name], self._tokens[name] = result["user_id"], result["access_token"]

    def record_id(self, name: str) -> str:
        """Return the id of a user's record."""
        return f"user/{self.ids[name]}"

    async def __call__(self, who: str, action: str, **fields: Any) -> Any:
        """Return the result, or the error, of an action called by *who*."""
        keys = {"god": {"key": MASTER}, "nobody": {"key": CLIENT}}
        how = keys.get(who) or {"access_token": self._tokens[who]}
        answer = await self._ask(self.services, action, **how, **fields)
        return answer.body.get("result", answer.body.get("error"))

    async def save(self, who: str, *records: Any, **fields: Any) -> Any:
        """Save records; the result has an entry for each."""
        return await self(who, "record:save", records=list(records), **fields)

    async def fetch(self, who: str, *ids: str, **fields: Any) -> Any:
        """Fetch records by their ids."""
        return await self(who, "record:fetch", ids=list(ids), **fields)

    async def delete(self, who: str, *ids: str, **fields: Any) -> Any:
        """Delete records by their ids."""
        return await self(who, "record:delete", ids=list(ids), **fields)


Open = Callable[..., Awaitable[Table]]


@pytest.fixture
def open_table(make_services: MakeServices, ask: Ask) -> Open:
    """Open a server on which al and bo have logged in."""

    async def open_table(**environment: str) -> Table:
        table = Table(ask, await make_services(**environment))
        await table.add_user("al")
        await table.add_user("bo")
        return table

    return open_table


def error(entry: Any) -> Any:
    """Return the name of an error, None for anything else."""
    return entry["name"] if isinstance(entry, dict) and "code" in entry else None


async def test_a_record_is_saved_and_merged(open_table: Open, clock: Clock) -> None:
    """Fields that are sent replace stored ones, null removes, others and the owner stay."""
    table = await open_table()
    [made] = await table.save("al", {"_id": "note/1", "title": "A", "body": "x", "n": 1})
    clock.moment += timedelta(seconds=1)

    [saved] = await table.save("bo", {"_id": "note/1", "title": "B", "body": None, "_ownerID": "?"})

    assert saved["title"] == "B"
    assert "body" not in saved
    assert saved["n"] == 1
    assert saved["_ownerID"] == saved["_created_by"] == table.ids["al"]
    assert saved["_updated_by"] == table.ids["bo"]
    assert saved["_created_at"] == made["_created_at"] == made["_updated_at"]
    assert saved["_updated_at"] > made["_updated_at"]
    assert await table.fetch("nobody", "note/1") == [saved]


TYPED = {
    "when": {"$type": "date", "$date": "2001-02-03T04:05:06.123456Z"},
    "where": {"$type": "geo", "$lng": 1.5, "$lat": 2},
    "shape": {"$type": "geojson", "$val": {"type": "Point", "coordinates": [1, 2]}},
    "any": {"a": [1, None, "x"], 'quo"te': True},
    'odd "name" 名': "text",
    "flag": True,
    "itself": {"$type": "ref", "$id": "note/1"},
}


async def test_typed_values_come_back_as_they_were_sent(open_table: Open) -> None:
    """Values of every type, in records of any type, with any field names."""
    table = await open_table()

    [saved] = await table.save("al", {"_id": "note/1", **TYPED})

    assert {name: saved[name] for name in TYPED} == TYPED
    assert await table.fetch("al", "note/1") == [saved]


async def test_each_record_succeeds_or_fails_alone(open_table: Open) -> None:
    """An error stands in the place of its record; the others are saved."""
    table = await open_table()
    records = [
        {"title": "no id"},
        {"_id": "note"},
        {"_id": "note/", "title": "no key"},
        {"_id": "note/1", "_access": 5},
        {"_id": "note/2", "_access": [{"level": "read"}]},
        {"_id": "note/3", "x": {"$type": "what"}},
        {"_id": "_auth/4"},
        {"_id": "note/5", "title": "good"},
        {"_id": "note/6", "to": {"$type": "ref", "$id": "note/nothing"}},
    ]

    entries = await table.save("al", *records)

    assert [error(entry) for entry in entries] == [
        *["InvalidArgument"] * 2,
        "UnexpectedError",
        *["InvalidArgument"] * 3,
        "UnexpectedError",
        None,
        "ConstraintViolated",
    ]
    assert [entry.get("_id") for entry in entries] == [
        None, None, "note/", None, None, None, "_auth/4", "note/5", "note/6"
    ]  # fmt: skip
    assert entries[2]["message"] == "db.save: got empty record id"
    assert entries[6]["message"] == "failed to fetch record id = _auth/4"
    assert entries[8]["message"] == "to: referenced record note/nothing does not exist"


async def test_all_or_none_are_saved(open_table: Open) -> None:
    """With `atomic`, one refused record fails the whole call."""
    table = await open_table()
    await table.save("al", {"_id": "note/closed", "_access": []})

    refused = await table.save(
        "bo", {"_id": "note/1", "t": "a"}, {"_id": "note/closed"}, atomic=True
    )
    unread = await table.save("bo", {"_id": "note/1"}, {"_id": "x"}, atomic=True)

    assert error(refused) == "AtomicOperationFailure"
    assert list(refused["info"]) == ["note/closed"]
    assert error(refused["info"]["note/closed"]) == "PermissionDenied"
    assert error(unread) == "InvalidArgument"
    assert unread["info"]["arguments"] == "records"
    assert [error["name"] for error in unread["info"]["errors"]] == ["InvalidArgument"]
    assert [error(one) for one in await table.fetch("al", "note/1")] == ["ResourceNotFound"]
    done = await table.save("bo", {"_id": "note/1"}, {"_id": "note/2"}, atomic=True)
    assert [one["_id"] for one in done] == ["note/1", "note/2"]


async def test_a_type_that_does_not_fit_refuses_the_whole_call(open_table: Open) -> None:
    """Nothing is saved, and the message is the original's."""
    table = await open_table()
    await table.save("al", {"_id": "note/1", "n": 1})

    conflict = await table.save("al", {"_id": "note/1", "n": "text"}, {"_id": "note/2"})
    two = await table.save("al", {"_id": "new/1", "a": 1}, {"_id": "new/2", "a": "text"})
    no_target = await table.save("al", {"_id": "new/1", "a": {"$type": "ref", "$id": "nil/1"}})
    no_type = await table.save("al", {"_id": "/1", "a": 1})

    assert conflict["message"] == (
        "conflicting schema {TypeNumber  {0 <nil>} double precision} => {TypeString  {0 <nil>} }"
    )
    for refused in (two, no_target, no_type):
        assert (refused["name"], refused["message"]) == (
            "IncompatibleSchema",
            "failed to migrate record schema",
        )
    assert [error(one) for one in await table.fetch("al", "note/2")] == ["ResourceNotFound"]


async def test_the_schema_grows_in_dev_mode_or_for_the_master_key(open_table: Open) -> None:
    """Otherwise the whole call is refused, unless the schema has all that it needs."""
    table = await open_table(DEV_MODE="no")
    new = {"_id": "note/1", "title": "new"}

    assert error(await table.save("al", new)) == "IncompatibleSchema"
    assert error(await table.save("al", {"_id": "note/1"})) == "IncompatibleSchema"
    assert (await table.save("god", new))[0]["title"] == "new"
    assert (await table.save("al", {**new, "_id": "note/2"}))[0]["title"] == "new"
    assert error(await table("nobody", "schema:fetch")) == "PermissionDenied"
    assert "note" in (await table("god", "schema:fetch"))["record_types"]


async def test_fields_that_rules_close_are_left_out(open_table: Open) -> None:
    """Field rules apply to saves and to answers; with `atomic` they refuse the call."""
    table = await open_table(SKYLOGIN_CONTRACT="original")
    al = table.record_id("al")

    [by_bo] = await table.save("bo", {"_id": al, "username": "stolen", "motto": "by bo"})
    refused = await table.save("bo", {"_id": al, "username": "stolen"}, atomic=True)
    [for_nobody] = await table.fetch("nobody", al)

    assert (by_bo["username"], by_bo["motto"]) == ("al", "by bo")
    assert error(refused["info"][al]) == "DeniedArgument"
    assert refused["info"][al]["info"] == {"arguments": ["username"]}
    assert "username" not in for_nobody
    assert (await table.save("god", {"_id": al, "username": "new"}))[0]["username"] == "new"


async def test_users_change_only_themselves_by_the_documented_contract(open_table: Open) -> None:
    """Other users cannot change their records or make user records."""
    table = await open_table()
    al = table.record_id("al")

    assert error((await table.save("bo", {"_id": al, "motto": "x"}))[0]) == "PermissionDenied"
    assert error((await table.save("al", {"_id": al, "motto": "x"}))[0]) is None
    [refused] = await table.save("bo", {"_id": "user/nobody", "username": "cy"})
    assert (refused["name"], refused["message"]) == ("PermissionDenied", "no permission to create")
    assert error((await table.save("god", {"_id": "user/nobody", "username": "cy"}))[0]) is None


async def test_a_user_name_is_one_users_alone(open_table: Open, log_in: LogIn) -> None:
    """However it was set; a released name is free again."""
    table = await open_table(SKYLOGIN_CONTRACT="original")
    al, bo = table.record_id("al"), table.record_id("bo")

    [taken] = await table.save("bo", {"_id": bo, "username": "AL"})
    first, second = await table.save(
        "god", {"_id": al, "username": "new"}, {"_id": bo, "username": "al"}
    )
    twice = await table.save("al", {"_id": "user/1", "email": "e"}, {"_id": "user/2", "email": "E"})

    assert (taken["name"], taken["message"]) == ("Duplicated", "violate unique constraint")
    assert (first["username"], second["username"]) == ("new", "al")
    assert [error(entry) for entry in twice] == [None, "Duplicated"]
    with pytest.raises(Exception, match="user duplicated"):
        await log_in(table.services, "cy", username="New")


async def test_an_access_list_stays_or_becomes_the_default(open_table: Open) -> None:
    """Without a list, the stored one stays, unless the type has a default."""
    table = await open_table()
    await table.save("al", {"_id": "note/1", "_access": PUBLIC_READ}, {"_id": "note/2"})
    [kept] = await table.save("al", {"_id": "note/1", "_access": None})
    echo = await table("god", "schema:default_access", type="note", default_access=PUBLIC_READ)

    [emptied] = await table.save("al", {"_id": "note/1", "_access": []})
    [reset] = await table.save("al", {"_id": "note/1"})
    [new] = await table.save("al", {"_id": "note/3"})

    assert kept["_access"] == PUBLIC_READ
    assert echo == {"type": "note", "default_access": PUBLIC_READ}
    assert emptied["_access"] == []
    assert reset["_access"] == new["_access"] == PUBLIC_READ
    assert error((await table.save("bo", {"_id": "note/3"}))[0]) == "PermissionDenied"


async def test_roles_may_be_needed_to_create(open_table: Open) -> None:
    """Also for a type that is made later; its rules do not make it."""
    table = await open_table()

    answer = await table("god", "schema:access", type="book", create_roles=["writer"])
    assert answer == {"type": "book", "create_roles": ["writer"]}
    assert "book" not in (await table("god", "schema:fetch"))["record_types"]

    assert (await table.save("al", {"_id": "book/1"}))[0]["message"] == "no permission to create"
    await table("god", "role:assign", users=[table.ids["al"]], roles=["writer"])
    assert error((await table.save("al", {"_id": "book/1"}))[0]) is None
    assert await table("god", "schema:access", type="book", create_roles=[]) == {"type": "book"}
    assert error((await table.save("bo", {"_id": "book/2"}))[0]) is None


async def test_a_sequence_numbers_every_record_of_its_type(open_table: Open) -> None:
    """Existing and new ones; a number in a call moves it forward."""
    table = await open_table()
    await table.save("al", {"_id": "note/1"}, {"_id": "note/2"})
    [third] = await table.save("al", {"_id": "note/3", "no": {"$type": "seq"}})
    old = await table.fetch("al", "note/1", "note/2")

    [moved] = await table.save("al", {"_id": "note/4", "no": 10})
    [next_one] = await table.save("al", {"_id": "note/5", "t": "a"})
    [kept] = await table.save("al", {"_id": "note/5", "no": None})
    [taken] = await table.save("al", {"_id": "note/6", "no": 10})

    assert sorted(one["no"] for one in [*old, third]) == [1, 2, 3]
    assert (moved["no"], next_one["no"], kept["no"]) == (10, 11, 11)
    assert error(taken) == "Duplicated"


async def test_records_made_at_once_get_numbers_of_their_own(open_table: Open) -> None:
    """With any number of callers."""
    table = await open_table()
    await table("god", "schema:create", record_types=type_of("note", no="sequence"))

    answers = await asyncio.gather(
        *(table.save("al", {"_id": f"note/{i}"}, {"_id": f"note/{i}-b"}) for i in range(8))
    )

    numbers = sorted(entry["no"] for entries in answers for entry in entries)
    assert numbers == list(range(1, 17))


async def test_a_save_keeps_what_others_save_at_once(open_table: Open, log_in: LogIn) -> None:
    """Callers save different fields of one record; logins of the same user too."""
    table = await open_table()
    login = await log_in(table.services, "cy", username="cy")
    cy = f"user/{login.user.id}"

    async def again(number: int) -> Any:
        return await log_in(table.services, "cy", **{f"login{number}": "x"})

    await asyncio.gather(
        *(table.save("god", {"_id": cy, f"save{i}": "x"}) for i in range(6)),
        *(again(i) for i in range(6)),
    )

    [found] = await table.fetch("god", cy)
    assert {f"save{i}" for i in range(6)} | {f"login{i}" for i in range(6)} <= set(found)


async def test_a_save_has_its_fields_despite_an_outdated_cache(
    open_table: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that read the fields before one was added may fill the cache afterwards."""
    table = await open_table()
    await table.save("god", {"_id": "note/1", "n": 1})
    load_to_change = stored_records.load_to_change

    async def load_late(tx: Transaction, app: str, *more: Any, **options: Any) -> Any:
        stale = Transaction(tx.connection, tx.fields)
        stale.fields_read_at[app, "note"] = tx.fields.monotonic()
        stale.new_fields[app, "note"] = {}
        tx.fields.learn(stale)
        return await load_to_change(tx, app, *more, **options)

    monkeypatch.setattr(stored_records, "load_to_change", load_late)
    [saved] = await table.save("god", {"_id": "note/2", "n": 2})
    assert error(saved) is None


async def test_one_of_many_callers_creates_a_record(open_table: Open) -> None:
    """The others change it; a user name goes to one of them."""
    table = await open_table(SKYLOGIN_CONTRACT="original")

    same = await asyncio.gather(*(table.save("al", {"_id": "note/1", "n": i}) for i in range(8)))
    names = await asyncio.gather(
        *(table.save("al", {"_id": f"user/{i}", "username": "free"}) for i in range(8))
    )

    assert [error(entries[0]) for entries in same] == [None] * 8
    assert sorted(error(entries[0]) or "" for entries in names) == ["", *["Duplicated"] * 7]


async def test_records_are_deleted_unless_something_refers_to_them(open_table: Open) -> None:
    """Only by callers with access, and never a user's record."""
    table = await open_table()
    book = {"$type": "ref", "$id": "book/1"}
    await table.save("al", {"_id": "book/1"}, {"_id": "note/1", "of": book, "_access": []})
    al = table.record_id("al")

    entries = await table.delete("al", "book/1", al, "note/2", "nothing/1")
    [closed] = await table.delete("bo", "note/1")
    atomic = await table.delete("al", "note/1", "book/9", atomic=True)
    gone = await table.delete("al", "note/1", "book/1")

    assert [error(entry) for entry in entries] == [
        "ConstraintViolated",
        "PermissionDenied",
        "ResourceNotFound",
        "ResourceNotFound",
    ]
    assert entries[0]["message"] == (
        "delete book/1: failed to delete record because other records have reference to it"
    )
    assert entries[1]["message"] == "cannot delete user record"
    assert error(closed) == "PermissionDenied"
    assert (atomic["name"], list(atomic["info"])) == ("AtomicOperationFailure", ["book/9"])
    assert gone == [
        {"_id": "note/1", "_type": "record"},
        {"_id": "book/1", "_type": "record"},
    ]
    assert [error(one) for one in await table.fetch("al", "note/1", "book/1")] == [
        "ResourceNotFound",
        "ResourceNotFound",
    ]


async def test_a_record_that_refers_to_itself_can_be_deleted(open_table: Open) -> None:
    """If no other record refers to it."""
    table = await open_table()
    itself = {"$type": "ref", "$id": "note/1"}
    await table.save("al", {"_id": "note/1", "to": itself}, {"_id": "note/2", "to": itself})

    assert error((await table.delete("al", "note/1"))[0]) == "ConstraintViolated"
    assert error((await table.delete("al", "note/2"))[0]) is None
    assert error((await table.delete("al", "note/1"))[0]) is None


async def test_a_reference_never_outlives_its_record(open_table: Open) -> None:
    """Whether the delete or the reference is first."""
    table = await open_table()
    await table.save("al", {"_id": "book/0"}, {"_id": "note/0", "to": ref("book/0")})
    for number in range(1, 6):
        target = f"book/{number}"
        await table.save("al", {"_id": target})
        [saved], [deleted] = await asyncio.gather(
            table.save("al", {"_id": f"note/{number}", "to": ref(target)}),
            table.delete("al", target),
        )

        assert {error(saved), error(deleted)} == {None, "ConstraintViolated"}


def ref(record_id: str) -> dict[str, str]:
    """Return a reference."""
    return {"$type": "ref", "$id": record_id}


async def test_databases_are_apart(open_table: Open) -> None:
    """Only the owner and the master key see a private record; ids are unique across databases."""
    table = await open_table()
    al_id = table.ids["al"]
    [private] = await table.save("al", {"_id": "note/1", "t": "p"}, database_id="_private")
    [again] = await table.save("al", {"_id": "note/1", "t": "public"})

    assert private["t"] == "p"
    assert error(again) == "Duplicated"
    assert [error(one) for one in await table.fetch("al", "note/1")] == ["ResourceNotFound"]
    assert await table.fetch("al", "note/1", database_id=al_id) == [private]
    assert await table.fetch("god", "note/1", database_id="_union") == [private]
    assert error(await table.fetch("bo", "note/1", database_id=al_id)) == "PermissionDenied"
    assert error(await table.save("god", {"_id": "note/1"}, database_id="_union")) == "NotSupported"
    assert error(await table.delete("god", "note/1", database_id="_union")) == "NotSupported"
    assert error((await table.delete("al", "note/1", database_id="_private"))[0]) is None


def type_of(record_type: str, **fields: str) -> dict[str, Any]:
    """Return a record type as `schema:create` takes it."""
    listed = [{"name": name, "type": kind} for name, kind in fields.items()]
    return {record_type: {"fields": listed}}


def fields_of(answer: Any, record_type: str) -> dict[str, str]:
    """Return the fields of a record type in a schema, with their types."""
    return {f["name"]: f["type"] for f in answer["record_types"][record_type]["fields"]}


async def test_fields_are_made_renamed_and_removed(open_table: Open) -> None:
    """Records change too; a removed name can have another type."""
    table = await open_table()
    kinds = {"a": "string", "b": "integer", "c": "ref(user)", "d": "geometry"}
    made = await table("god", "schema:create", record_types=type_of("note", **kinds))
    await table.save("al", {"_id": "note/1", "a": "text", "b": 5})
    [no_integer] = await table.save("al", {"_id": "note/1", "b": 1.5})

    change = {"record_type": "note", "item_name": "a"}
    renamed = await table("god", "schema:rename", **change, new_name="title")
    [with_title] = await table.fetch("al", "note/1")
    deleted = await table("god", "schema:delete", record_type="note", item_name="b")
    [without] = await table.fetch("al", "note/1")
    [retyped] = await table.save("al", {"_id": "note/1", "a": 1, "b": "text"})

    assert fields_of(made, "note") == kinds
    assert no_integer["message"] == (
        'failed to save note/1: pq: invalid input syntax for type integer: "1.5"'
    )
    assert fields_of(renamed, "note") == {
        "b": "integer",
        "c": "ref(user)",
        "d": "geometry",
        "title": "string",
    }
    assert (with_title["title"], with_title.get("a")) == ("text", None)
    assert "b" not in fields_of(deleted, "note")
    assert "b" not in without
    assert (retyped["a"], retyped["b"], retyped["title"]) == (1, "text", "text")


async def test_a_unique_field_may_be_renamed(open_table: Open) -> None:
    """Its values are no longer user names, and are free."""
    table = await open_table()
    change = {"record_type": "user", "item_name": "username", "new_name": "nick"}
    await table("god", "schema:rename", **change)
    bo = table.record_id("bo")

    [saved] = await table.save("bo", {"_id": bo, "username": "al", "nick": "al"})
    [taken] = await table.save("god", {"_id": "user/x", "username": "al"})

    assert (saved["username"], saved["nick"]) == ("al", "al")
    assert error(taken) == "Duplicated"


NOT_ALTERED = {
    "no type": ("schema:delete", {"record_type": "nil", "item_name": "a"}, "ResourceNotFound"),
    "no field": ("schema:delete", {"record_type": "user", "item_name": "nil"}, "ResourceNotFound"),
    "name taken": (
        "schema:rename",
        {"record_type": "user", "item_name": "email", "new_name": "username"},
        "ResourceNotFound",
    ),
    "missing": ("schema:rename", {"record_type": "user"}, "InvalidArgument"),
    "reserved type": (
        "schema:delete",
        {"record_type": "_auth", "item_name": "a"},
        "InvalidArgument",
    ),
    "reserved name": (
        "schema:rename",
        {"record_type": "user", "item_name": "email", "new_name": "_x"},
        "InvalidArgument",
    ),
    "odd name": (
        "schema:rename",
        {"record_type": "user", "item_name": "email", "new_name": "a.b"},
        "InvalidArgument",
    ),
    "crash": ("schema:create", {"record_types": type_of("a", b="acl")}, "InvalidArgument"),
    "no target": (
        "schema:create",
        {"record_types": type_of("a", b="ref(nil)")},
        "IncompatibleSchema",
    ),
    "no rules": ("schema:field_access:update", {"access": [{}]}, "InvalidArgument"),
    "no entry": (
        "schema:default_access",
        {"type": "user", "default_access": [{}]},
        "InvalidArgument",
    ),
    "no object": ("schema:default_access", {"type": "user", "default_access": [5]}, "BadRequest"),
    "no name": ("schema:access", {"create_roles": []}, "InvalidArgument"),
}


async def test_an_impossible_change_is_refused(open_table: Open) -> None:
    """With the errors of the original; nothing changes."""
    table = await open_table()
    before = await table("god", "schema:fetch")

    codes = {name: error(await table("god", a, **f)) for name, (a, f, _) in NOT_ALTERED.items()}

    assert codes == {name: expected for name, (_, _, expected) in NOT_ALTERED.items()}
    assert await table("god", "schema:fetch") == before


async def test_rules_for_fields_are_replaced_at_once(
    open_table: Open, make_services: MakeServices
) -> None:
    """They apply from this server's next call on; removed rules stay removed after a restart."""
    table = await open_table()
    al = table.record_id("al")
    assert "username" not in (await table.fetch("nobody", al))[0]

    answer = await table("god", "schema:field_access:update")

    assert answer == {"access": []}
    assert (await table.fetch("nobody", al))[0]["username"] == "al"
    await make_services()
    assert await table("god", "schema:field_access:get") == {"access": []}
    rule = {
        "record_type": "*",
        "record_field": "username",
        "user_role": "_owner",
        **dict.fromkeys(("writable", "readable", "comparable", "discoverable"), True),
    }
    assert (await table("god", "schema:field_access:update", access=[rule]))["access"] == [rule]
    assert "username" not in (await table.fetch("bo", al))[0]
    assert error(await table("al", "schema:field_access:get")) == "PermissionDenied"


@pytest.mark.slow
async def test_another_server_sees_that_a_field_was_removed(
    open_table: Open, make_store: Any
) -> None:
    """Not at once, but its cache of fields is at most a second old."""
    table = await open_table()
    other = await make_store()
    await table.save("al", {"_id": "note/1", "a": 1})
    known = await other.run(load_note, write=False)
    await table("god", "schema:delete", record_type="note", item_name="a")

    async def is_gone() -> bool:
        return await other.run(load_note, write=False) == set()

    assert known == {"a"}
    await wait_until_async(is_gone, seconds_max=1.2)


async def load_note(tx: Any) -> set[str]:
    """Return the names of the fields of notes."""
    return set(await fields.load(tx, "myapp", "note", ()))


async def test_verified_users_only(open_table: Open) -> None:
    """If users have to be verified, others cannot save or fetch; calls without a user can fetch."""
    table = await open_table(VERIFY_REQUIRED="yes")
    al = table.record_id("al")

    assert error(await table.save("al", {"_id": al})) == "VerificationRequired"
    assert error(await table.fetch("al", al)) == "VerificationRequired"
    assert error((await table.fetch("nobody", al))[0]) is None
    await table.add_user("cy", is_verified=True)
    assert error((await table.fetch("cy", al))[0]) is None


BAD_CALLS = {
    "no records": ("record:save", {}, HTTPStatus.BAD_REQUEST, "InvalidArgument"),
    "records of another type": (
        "record:save",
        {"records": {}},
        HTTPStatus.BAD_REQUEST,
        "BadRequest",
    ),
    "a record of another type": (
        "record:save",
        {"records": [5]},
        HTTPStatus.BAD_REQUEST,
        "BadRequest",
    ),
    "atomic of another type": (
        "record:save",
        {"records": [{}], "atomic": "yes"},
        HTTPStatus.BAD_REQUEST,
        "BadRequest",
    ),
    "no ids": ("record:delete", {"ids": []}, HTTPStatus.BAD_REQUEST, "InvalidArgument"),
    "id without a type": (
        "record:delete",
        {"ids": ["zz"]},
        HTTPStatus.BAD_REQUEST,
        "InvalidArgument",
    ),
    "U+0000": ("record:fetch", {"ids": ["a/\0"]}, HTTPStatus.BAD_REQUEST, "InvalidArgument"),
}


async def test_invalid_calls_are_refused(make_services: MakeServices, ask: Ask) -> None:
    """The whole call is refused."""
    services = await make_services()

    answers = {
        name: await ask(services, action, key=MASTER, **fields)
        for name, (action, fields, _, _) in BAD_CALLS.items()
    }

    found = {name: (one.status, one.body["error"]["name"]) for name, one in answers.items()}
    assert found == {name: (status, kind) for name, (_, _, status, kind) in BAD_CALLS.items()}


def long_text(length: int) -> str:
    """Return an incompressible text."""
    return "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


@pytest.mark.parametrize("longer", [0, 1], ids=["just right", "too long"])
async def test_ids_and_names_are_as_long_as_every_database_allows(
    open_table: Open, longer: int
) -> None:
    """Each database refuses one byte more."""
    table = await open_table()
    text = long_text(KEY_BYTES_MAX + longer)
    flags = dict.fromkeys(("writable", "readable", "comparable", "discoverable"), True)
    rule = {"record_type": text, "record_field": text, **flags}
    link = {"provider": text, "principal_id": text, "user_id": table.ids["al"]}

    await table("god", "record:save", records=[{"_id": "note/x"}], _user_id=text[:KEY_BYTES_MAX])
    answers = [
        *await table(
            "god", "record:save", records=[{"_id": f"note/{text}"}], database_id="private"
        ),
        await table(
            "god", "record:query", record_type="note", _user_id=text, database_id="_private"
        ),
        await table("god", "role:assign", users=[text[:KEY_BYTES_MAX]], roles=[text]),
        await table("god", "role:admin", roles=[text]),
        await table("god", "schema:access", type=text, create_roles=[text]),
        await table("god", "schema:default_access", type=text, default_access=PUBLIC_READ),
        await table("god", "schema:field_access:update", access=[{**rule, "user_role": "_owner"}]),
        await table("god", "sso:oauth:link", **link),
    ]

    refusal = f"an id or a name is longer than {KEY_BYTES_MAX} bytes"
    for answer in answers:
        message = answer.get("message") if isinstance(answer, dict) else None
        assert message == (refusal if longer else None)
