"""No function of the store reads or changes data of another app than it is called for.

Each is called for the shop with names from the bank. The bank's rows must not change, and the
shop must answer and write the same as without a bank.
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from pprint import pformat
from types import ModuleType
from typing import Any

import pytest
import skylogin.database
import skylogin.store
from skylogin.apps.registry import App
from skylogin.database import Store, Transaction, tables
from skylogin.database.transaction import FieldCache
from skylogin.domain import login, records
from skylogin.domain.access import AccessRules
from skylogin.domain.device import Device
from skylogin.domain.field_rules import FieldRule
from skylogin.domain.fields import new_field
from skylogin.domain.login_attempt import Filter, LogEntry
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import SaveContext
from skylogin.domain.unique_keys import DEFAULT, UniqueKey
from skylogin.domain.user import Account, Actor, FieldValue, Principal, RecordId, User
from skylogin.query import planner, reader
from skylogin.store import access_rules as stored_access
from skylogin.store import exports as stored_exports
from skylogin.store import fields as stored_fields
from skylogin.store import record_queries as stored_queries
from skylogin.store.apps import StoredApp
from skylogin.store.audit_log import Act
from skylogin.store.imports import ImportRun
from skylogin.store.login_counts import Counts, SecretUse
from skylogin.store.passwords import NewPassword
from skylogin.store.principals import Link
from skylogin.store.query_sql import QuerySql
from skylogin.store.record_queries import Scope
from skylogin.store.references import as_rows
from skylogin.store.secrets import StoredSecret
from skylogin.store.user_search import Search
from sqlalchemy import (
    select,
)

from tests.factories import NOW, as_field_value, make_attempt, make_record, make_user
from tests.store.two_apps import (
    APPS,
    ASKED,
    BANK,
    BOTH,
    DAY,
    DETAILS,
    HASH,
    NAMED,
    NOBODY,
    NUMBERS,
    ORIGIN,
    OTHER_KEYS,
    POLICY,
    PRIVATE,
    PUBLIC,
    SHOP,
    TABLES,
    Dump,
    UndoneError,
    changed,
    dump,
    dump_now,
    empty,
    fill_both,
    marked,
    meet,
    meet_bank,
    rows_of,
)


def test_every_table_is_filled() -> None:
    """A new table has to be filled here, and has a column for the app first in its key."""
    assert set(TABLES) >= set(tables.metadata.tables)
    assert {name: next(iter(table.primary_key)).name for name, table in TABLES.items()} == (
        dict.fromkeys(TABLES, "app")
    )
    for app in APPS:
        assert set(rows_of(app)) == set(TABLES)


# Arguments of functions after the transaction and the app. The names begin with `of`.
Arguments = Callable[[str], tuple[Any, ...]]
ARGUMENTS: dict[str, Arguments] = {
    "access_rules.replace_field_rules": lambda of: ([make_rule("new")],),
    "access_rules.add_field_rules": lambda of: ([make_rule(f"{of}_field"), make_rule("new")],),
    "access_rules.set_create_roles": lambda of: (f"{of}-type", ["new"]),
    "access_rules.set_default_access": lambda of: (f"{of}-type", []),
    "apps.prepare": lambda of: (OTHER_KEYS,),
    "apps.forget_prepared": lambda of: (),
    "apps.rebuild_keys": lambda of: (OTHER_KEYS,),
    "apps.read_setting": lambda of: (f"{of}-setting",),
    "apps.write_setting": lambda of: (f"{of}-setting", "new"),
    "apps.keep_setting": lambda of: (f"{of}-setting", "new"),
    "apps.load": lambda of: (),
    "apps.set_keys": lambda of: ("new", "new"),
    "apps.remove": lambda of: (),
    "audit_log.add": lambda of: (Act("new", NOW, "user.edit", f"{of}-user", "", "", {}),),
    "audit_log.has": lambda of: (f"{of}-act",),
    "audit_log.keep_latest": lambda of: (1, "user.edit"),
    "audit_log.load_latest": lambda of: ("", 10),
    "devices.lock": lambda of: (f"{of}-device",),
    "devices.load_of_user": lambda of: (f"{of}-user",),
    "devices.replace": lambda of: (
        Device(f"{of}-device", "ios", f"{of}-token", "new", f"{of}-user", NOW),
    ),
    "imports.has_rows": lambda of: ("users",),
    "imports.load_same": lambda of: ("users", [{"id": f"{of}-user"}], ("id",)),
    "imports.load_all": lambda of: ("roles",),
    "imports.load_keys": lambda of: ("users", ("origin",)),
    "imports.write": lambda of: (
        "roles",
        [{"id": "new", "by_default": False, "is_admin": False}],
        [{"id": f"{of}-role", "by_default": False, "is_admin": False}],
    ),
    "imports.remove": lambda of: ("roles", [{"id": f"{of}-role"}]),
    "imports.load_key_owners": lambda of: (),
    "imports.is_used": lambda of: ("note", f"{of}_field"),
    "imports.load_origin": lambda of: (f"{of}-user",),
    "imports.load_other_users": lambda of: ("other",),
    "imports.start": lambda of: (ImportRun("new", ORIGIN, NOW, NOW, None, 1, 2, None),),
    "imports.advance": lambda of: (f"{of}-import", 2, NOW),
    "imports.finish": lambda of: (f"{of}-import", {}, NOW),
    "imports.load_runs": lambda of: (10,),
    "table_rows.count": lambda of: (tables.users,),
    "login_counts.add": lambda of: (
        Counts({(NOW, f"{of}-reason"): 1}, {(f"{of}-secret", NOW): SecretUse(1, NOW)}),
    ),
    "login_counts.load_attempts": lambda of: (NOW - DAY,),
    "login_counts.load_uses": lambda of: (NOW - DAY,),
    "login_counts.load_last_uses": lambda of: (),
    "login_counts.drop_before": lambda of: (NOW + DAY, NOW + DAY),
    "fields.read": lambda of: ("note",),
    "fields.load": lambda of: ("note", [f"{of}_field"]),
    "fields.add": lambda of: ("note", {"new": new_field("string")}),
    "fields.add_missing": lambda of: ("note", dict.fromkeys(["text", "new"], new_field("json"))),
    "fields.lock_sequences": lambda of: ([("note", "number")],),
    "fields.set_next_values": lambda of: ({("note", "number"): 100},),
    "login_attempts.add": lambda of: ([LogEntry("new", NOW, True, "", of, f"{of}-user", DETAILS)],),
    "login_attempts.has": lambda of: (f"{of}-entry",),
    "login_attempts.count": lambda of: (),
    "login_attempts.drop_oldest": lambda of: (1,),
    "login_attempts.drop_before": lambda of: ("zzz", 1),
    "login_attempts.load_latest": lambda of: (10,),
    "login_attempts.load": lambda of: (f"{of}-entry",),
    "login_attempts.count_by_reason": lambda of: (Filter(user_id=f"{of}-user"), 10),
    "login_attempts.find": lambda of: (Filter(user_id=f"{of}-user"), "", 10),
    "login_batch.load": lambda of: ([make_login(of), make_attempt(f"{BOTH}-stray")], DEFAULT),
    "login_batch.find_user_id": lambda of: (("username",), {"username": f"{of}-name"}),
    "login_batch.load_one": lambda of: (make_login(of), Account(f"{of}-user", None), DEFAULT),
    "login_batch.load_with_accounts": lambda of: ([make_login(of)], {}, DEFAULT),
    "login_batch.load_accounts": lambda of: ([make_login(of).subject],),
    "login_batch.load_subjects": lambda of: ([f"{of}-user"],),
    "login_batch.load_key_owners": lambda of: ([UniqueKey("username", f"{of}-name")],),
    "login_batch.save": lambda of: (make_changes(of),),
    "login_batch.save_keys": lambda of: (
        [UniqueKey("username", f"{of}-name")],
        {UniqueKey("username", "new"): f"{of}-user"},
    ),
    "passwords.change": lambda of: (make_password(of), POLICY),
    "passwords.put": lambda of: (make_password(of),),
    "passwords.remember": lambda of: (make_password(of), POLICY),
    "passwords.load_remembered": lambda of: (f"{of}-user", POLICY, NOW),
    "passwords.is_hash": lambda of: (f"{of}-user", HASH),
    "principals.load_user_id": lambda of: ("google", f"{of}-principal"),
    "principals.has_link": lambda of: ("google", f"{of}-user"),
    "principals.add": lambda of: (make_link("other", of),),
    "principals.update_response": lambda of: (make_link("google", of),),
    "principals.remove": lambda of: ("google", f"{of}-user"),
    "record_queries.load_schema": lambda of: (reader.read(ASKED),),
    "schema.make_type": lambda of: (f"{of}-type",),
    "schema.find_types": lambda of: (["note", f"{of}-made", f"{of}-type"],),
    "schema.load_type_names": lambda of: (),
    "schema.count_types": lambda of: (),
    "fields.load_of_records": lambda of: ([make_note(of)],),
    "records.load": lambda of: (ids_of(of), None),
    "records.load in a database": lambda of: (ids_of(of), PRIVATE),
    "records.save": lambda of: (PUBLIC, make_record_changes(of)),
    "records.remove": lambda of: (PUBLIC, ids_of(of)),
    "references.find": lambda of: (ids_of(of), [PUBLIC, PRIVATE]),
    "references.find_to_refer": lambda of: (ids_of(of), [PUBLIC, PRIVATE]),
    "references.load_referrers": lambda of: (ids_of(of),),
    "references.find_holders": lambda of: (("note", "title"), [f"{of}-title"]),
    "roles.load_default": lambda of: (),
    "roles.load_admin": lambda of: (),
    "roles.set_default": lambda of: ([f"{of}-role"],),
    "roles.set_admin": lambda of: ([f"{of}-role"],),
    "roles.add_missing": lambda of: ([f"{of}-role", "new"],),
    "roles.assign": lambda of: ([f"{of}-user"], [f"{of}-role", "new"]),
    "roles.revoke": lambda of: ([f"{of}-user"], [f"{of}-role"]),
    "roles.load_of": lambda of: ([f"{of}-user"],),
    "schema.extend": lambda of: ({"note": {"new": new_field("string")}, f"{of}-type": {}},),
    "schema.number": lambda of: ("note", ["number"]),
    "schema.load_all": lambda of: (),
    "schema.rename": lambda of: ("note", "text", "new"),
    "schema.remove": lambda of: ("note", "text"),
    "secrets.load": lambda of: (),
    "secrets.add": lambda of: (StoredSecret("new", "new", NOW, None),),
    "secrets.end": lambda of: (f"{of}-secret", NOW),
    "exports.count": lambda of: (),
    "user_search.find": lambda of: (Search(text=f"{of}-name"),),
    "user_search.find subject": lambda of: (Search(subject=f"{of}-principal"),),
    "user_search.find all": lambda of: (Search(),),
    "user_search.load_principals": lambda of: (f"{of}-user",),
    "user_search.count": lambda of: (),
    "users.load": lambda of: ([f"{of}-user"],),
    "users.load_with_subjects": lambda of: ([f"{of}-user"],),
    "users.load_after": lambda of: ("", 9),
    "users.load_records": lambda of: ([f"{of}-user"],),
    "users.save": lambda of: (
        {f"{of}-user": make_user(f"{of}-user", disabled=True)},
        {f"{of}-user": make_user(f"{of}-user", last_seen_at=NOW), "new": make_user("new")},
    ),
    "users.see": lambda of: ({f"{of}-user": NOW},),
    "snapshots.empty": lambda of: (),
    "snapshots.reset": lambda of: (OTHER_KEYS,),
    "users.make_missing": lambda of: (make_user(f"{of}-user"),),
    "users.clear_ended_disabling": lambda of: ([f"{of}-user"], NOW),
    "users.set_disabled": lambda of: (User(f"{of}-user"),),
    "users.sign_out": lambda of: (f"{of}-user", NOW),
    "users.remove": lambda of: (f"{of}-user",),
}

# The other functions, which take different arguments.
Play = Callable[[Transaction, str, str], Coroutine[Any, Any, Any]]


async def read_rows(tx: Transaction, app: str, of: str) -> Any:
    """Read all rows of an app."""
    return [found async for found in function("exports.read")(tx, app)]


async def write_rows(tx: Transaction, app: str, of: str) -> Any:
    """Write the rows of the bank."""
    for name in stored_exports.TABLES:
        rows = [{**row, **({"data": {}} if "data" in row else {})} for row in rows_of(BANK)[name]]
        # This field has another type here.
        rows = [row for row in rows if row.get("field") != "link"]
        for row in rows:
            del row["app"]
        await function("exports.write")(tx, app, name, rows, replace=True)


async def load_rules(tx: Transaction, app: str, of: str) -> Any:
    """Load all rules."""
    rules = await stored_access.load(tx, app)
    return rules.types, rules.fields.rules


async def load_field_rules(tx: Transaction, app: str, of: str) -> Any:
    """Load the rules for fields."""
    return (await stored_access.load_field_rules(tx, app)).rules


async def add_app(tx: Transaction, app: str, of: str) -> Any:
    """Add an app; the name of the bank is taken."""
    return await function("apps.add")(tx, StoredApp(app, "new", "new", NOW))


async def decide_records(tx: Transaction, app: str, of: str) -> Any:
    """Ask for names, numbers and records that only the bank has."""
    values: dict[RecordId, dict[str, Any]] = {
        RecordId("note", f"{of}-note"): {"number": NUMBERS[BANK]},
        RecordId("reply", "new"): {"about": FieldValue("reference", f"{of}-note", "note")},
        RecordId("user", f"{BOTH}-user"): {"username": f"{of}-name"},
    }
    given = [
        GivenRecord(key, None, {name: as_field_value(value) for name, value in one.items()})
        for key, one in values.items()
    ]
    actor = Actor(f"{BOTH}-user")
    around = SaveContext(actor, PUBLIC, NOW, AccessRules(), DEFAULT, documented=True)
    return await function("records.decide")(tx, app, given, around, may_extend=True)


async def lock_records(tx: Transaction, app: str, of: str) -> Any:
    """Load and lock records."""
    return await function("records.load_to_change")(tx, app, ids_of(of), PUBLIC, to_stay=False)


async def make_rows(tx: Transaction, app: str, of: str) -> Any:
    """Return the ids as the parameter of a statement."""
    return as_rows(app, ids_of(of))


async def put_back(tx: Transaction, app: str, of: str) -> Any:
    """Restore an app from a copy of itself."""
    copied = await function("snapshots.copy")(tx, app)
    await function("snapshots.put_back")(tx, app, copied)
    return copied


ANYBODY = Actor()
SCHEMA = {
    "note": {name: new_field("string") for name in ("text", "title")},
    "reply": {"about": new_field("reference", "note"), "text": new_field("string")},
}
PLAN = planner.plan(reader.read(ASKED), SCHEMA)


async def run_query(tx: Transaction, app: str, of: str) -> Any:
    """Query records by the records that they refer to."""
    return await stored_queries.run(Scope(tx, app, PUBLIC, ANYBODY), PLAN, count=True)


async def load_referred(tx: Transaction, app: str, of: str) -> Any:
    """Load the records that references mean."""
    scope = Scope(tx, app, PRIVATE, ANYBODY)
    return await stored_queries.load_referred(scope, "note", [f"{of}-note", f"{of}-private"])


async def scope_sql(tx: Transaction, app: str, of: str) -> Any:
    """Select records with the SQL writer of a scope."""
    return await select_with(tx, Scope(tx, app, None, ANYBODY).sql())


async def query_sql(tx: Transaction, app: str, of: str) -> Any:
    """Select records with an SQL writer."""
    return await select_with(tx, QuerySql(tx.dialect, app, None, ANYBODY))


async def select_with(tx: Transaction, sql: QuerySql) -> Any:
    """Return the rows that match the conditions, in order."""
    statement = select(tables.records).where(*sql.where(PLAN)).order_by(*sql.order(PLAN))
    return [tuple(row) for row in await tx.connection.execute(statement, sql.values)]


async def forgotten_fields(tx: Transaction, app: str, of: str) -> Any:
    """Return the cached fields of an app after those of another were forgotten."""
    cache = FieldCache(lambda: 0.0)
    for one in APPS:
        other = Transaction(tx.connection, cache)
        await stored_fields.load(other, one, "note", ())
        cache.learn(other)
    cache.forget(BANK if app != BANK else SHOP)
    return cache.of(app, "note")


async def met_fields(tx: Transaction, app: str, of: str) -> Any:
    """Return the cached fields of an app, with those of the bank read before and after."""
    cache = FieldCache(lambda: 0.0)
    for one in (BANK, app, BANK):
        other = Transaction(tx.connection, cache)
        await stored_fields.load(other, one, "note", ())
        cache.learn(other)
    return cache.of(app, "note"), cache.fresh(app, "note")


PLAYS: dict[str, Play] = {
    "access_rules.load": load_rules,
    "access_rules.load_field_rules": load_field_rules,
    "apps.add": add_app,
    "record_queries.Scope": scope_sql,
    "record_queries.Scope.sql": scope_sql,
    "record_queries.load_referred": load_referred,
    "record_queries.run": run_query,
    "query_sql.QuerySql": query_sql,
    "query_sql.QuerySql.order": query_sql,
    "query_sql.QuerySql.where": query_sql,
    "records.decide": decide_records,
    "records.load_to_change": lock_records,
    "references.as_rows": make_rows,
    "exports.read": read_rows,
    "exports.write": write_rows,
    "snapshots.copy": put_back,
    "snapshots.put_back": put_back,
    "transaction.FieldCache.forget": forgotten_fields,
    "transaction.FieldCache.fresh": met_fields,
    "transaction.FieldCache.learn": met_fields,
    "transaction.FieldCache.of": met_fields,
}

# Functions that take an app or a transaction and are not called.
NOT_PLAYED = {
    "table_rows.keep_latest": "its callers give the condition on the app",
    "table_rows.pages": "its callers give the condition on the app",
    "table_rows.remove": "its callers put the app into each key",
    "secrets.drop_ended": "the secrets here have no end",
    **{
        f"skygear.{name}": "reads a database of the original"
        for name in (
            "count",
            "count_anonymous",
            "count_rows",
            "describe",
            "find_password",
            "read_fixed",
            "read_next_values",
            "read_records",
            "read_rules",
        )
    },
    "record_rows.write": "played by `records.save` and `users.save`",
    "database.Store.fields_of": "a test of its own is below",
    "apps.count_made_by_use": "the limit of apps goes for all of them",
    "apps.load_empty": "the limit of apps goes for all of them",
    "apps.try_writing": "is about no app",
    "apps.load_all": "the operator's list of apps",
    "apps.load_names": "the operator's list of apps",
    "operator_sessions.add": "who is signed in, runs all apps",
    "operator_sessions.drop_ended": "who is signed in, runs all apps",
    "operator_sessions.end": "who is signed in, runs all apps",
    "operator_sessions.keep_latest": "who is signed in, runs all apps",
    "operator_sessions.load": "who is signed in, runs all apps",
    "operator_sessions.use": "who is signed in, runs all apps",
    "server_facts.load": "is about the database, not an app",
    "limit_counts.drop_ended": "the limits are those of all apps",
    "limit_counts.load": "the limits are those of all apps",
    "limit_counts.save": "the limits are those of all apps",
    "query_sql.QuerySql.nearest": "a condition beside the app's, in what `queries.run` writes",
    "query_sql.QuerySql.readable": "a condition beside the app's, in what `queries.run` writes",
    "user_conditions.ids_disabled": "a condition of `user_search.find`",
    "user_conditions.ids_like": "a condition of `user_search.find`",
    "user_conditions.is_in_app": "a condition of `user_search.find`",
    "user_conditions.is_user_record": "a condition of `user_search.find`",
    "user_conditions.is_user_record_by_time": "a condition of `user_search.find`",
}

# Modules, classes and functions that take neither.
WITHOUT = {
    "backup": "copies a whole database",
    "database": "begins the transactions; what is done in them says for which app",
    "dialect": "spells SQL",
    "engines": "open the database",
    "failures": "say what an error means",
    "group_commit.Batcher": "a test of its own is below",
    "json_members": "spells SQL",
    "migrate": "is about the whole database",
    "pools": "opens the database",
    "postgresql": "opens the database",
    "queries": "bounds what is read at once",
    "sqlite_file": "looks whether the file is the same one",
    "tasks": "run what others give them",
    "transaction.FieldCache": "knows nothing at first",
    "transaction.Transaction": "carries statements, which say for which app",
    "version_table": "is about the whole database",
    "apps.KeysTakenError": "an error",
    "apps.StoredApp": "a value",
    "audit_log.Act": "a value",
    "limit_counts.ServerUsage": "a value",
    "login_counts.Counts": "a value",
    "login_counts.SecretUse": "a value",
    "operator_sessions.Session": "a value",
    "server_facts.PostgresqlFacts": "a value",
    "user_conditions": "spells SQL",
    "user_search.Search": "a value",
    "user_search.UserPage": "a value",
    "user_search.read_cursor": "reads a text",
    "exports.TakenError": "an error",
    "exports.read_row": "reads a row",
    "passwords.NewPassword": "a value",
    "principals.Link": "a value",
    "record_queries.Found": "a value",
    "references.of_rows": "compares with what `references.as_rows` made",
    "secrets.StoredSecret": "a value",
    "snapshots.AppSnapshot": "a value",
    "exports.written": "reads a row",
    "exports.read_key": "reads a row",
    "imports.ImportRun": "a value",
    "imports.key_names": "spells SQL",
    "imports.key_of": "reads a row",
    "table_rows.columns_of": "spells SQL",
    "table_rows.key_of": "spells SQL",
    "skygear.NotSkygearError": "an error",
    "users.query_users": "the caller says of which app: `users.load` and `logins.load` do",
    "users.read_user": "reads a row",
}


def make_rule(name: str) -> FieldRule:
    """Return a rule that allows everything."""
    return FieldRule("note", name, "_any_user", True, True, True, True)


def make_login(of: str) -> login.LoginAttempt:
    """Return a login attempt with an e-mail and a reference."""
    friend = FieldValue("reference", f"{of}-user", "user")
    return make_attempt(f"{of}-principal", email=f"{of}-email", phone="", friend=friend)


def make_changes(of: str) -> login.LoginChanges:
    """Return the changes of a login, one of each kind."""
    user_id = f"{of}-user"
    return login.LoginChanges(
        before={user_id: make_user(user_id, disabled=True)},
        after={user_id: make_user(user_id, data={"motto": "new"}), "new": make_user("new")},
        principals=[Principal("custom_token", "new", "new", NOW)],
        fields={"new": new_field("string")},
        key_owners={UniqueKey("email", "new"): user_id},
        released={UniqueKey("email", f"{of}-email")},
    )


def make_password(of: str) -> NewPassword:
    """Return a password that replaces the existing one."""
    return NewPassword(f"{of}-user", "new", HASH, NOW)


def make_link(provider: str, of: str) -> Link:
    """Return a principal of a provider."""
    return Link(provider, f"{of}-principal", f"{of}-user", NOW, {"new": 1}, None)


def make_note(of: str) -> Any:
    """Return a note with one field."""
    return make_record(f"{of}-note", {f"{of}_field": "new"})


def make_record_changes(of: str) -> records.RecordChanges:
    """Return the changes of saving records, one of each kind."""
    changes = records.RecordChanges(made={RecordId("user", "new")})
    changes.records[RecordId("user", f"{of}-user")] = make_record(f"{of}-user", {"motto": "new"})
    changes.records[RecordId("user", "new")] = make_record("new", {})
    changes.released.add(UniqueKey("username", f"{of}-name"))
    changes.key_owners[UniqueKey("username", "new")] = f"{of}-user"
    changes.next_values["note", "number"] = 100
    return changes


def ids_of(of: str) -> list[RecordId]:
    """Return the ids of records, with a user among them."""
    kinds = ("note", "reply", "user")
    return [*(RecordId(kind, f"{of}-{kind}") for kind in kinds), RecordId("note", f"{of}-private")]


def function(name: str) -> Callable[..., Any]:
    """Return the function of the store with this name."""
    module, _, rest = name.partition(".")
    found: Callable[..., Any] = getattr(
        importlib.import_module(f"skylogin.store.{module}"), rest.partition(" ")[0]
    )
    return found


def test_every_function_of_the_store_is_played() -> None:
    """A new function that takes an app or a transaction needs a row above."""
    found = dict(public_functions())
    played = {name.partition(" ")[0] for name in ARGUMENTS} | set(PLAYS)
    with_app = {name for name, is_of_app in found.items() if is_of_app}
    rest = set(found) - with_app
    known = {name for name in rest if WITHOUT.keys() & {name, *_above(name)}}

    assert with_app == played | set(NOT_PLAYED)
    assert rest == known
    assert set(WITHOUT) == {one for name in rest for one in (name, *_above(name)) if one in WITHOUT}


def _above(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def public_functions() -> Iterator[tuple[str, bool]]:
    """Yield each public function, class and method of the store, and whether it is for an app."""
    for package in (skylogin.database, skylogin.store):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            yield from _public_in(importlib.import_module(found.name))


def _public_in(module: ModuleType) -> Iterator[tuple[str, bool]]:
    short = module.__name__.rpartition(".")[2]
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", "") != module.__name__:
            continue
        if inspect.isclass(member):
            yield from _methods(f"{short}.{name}", member)
        elif inspect.isfunction(inspect.unwrap(member)):
            yield f"{short}.{name}", takes_app(member)


def _methods(name: str, kind: type) -> Iterator[tuple[str, bool]]:
    """Yield a class and its methods, which are for an app if the class is."""
    init = vars(kind).get("__init__")
    is_of_app = init is not None and not is_dataclass(kind) and takes_app(init)
    yield name, is_of_app
    for method_name, method in vars(kind).items():
        if inspect.isfunction(method) and not method_name.startswith("_"):
            yield f"{name}.{method_name}", is_of_app or takes_app(method)


def takes_app(member: Callable[..., Any]) -> bool:
    """Return whether *member* takes an app, or an argument with one."""
    parameters = inspect.signature(member).parameters.values()
    names = {"app", "app_name", "tx", "transaction", "scope"}
    kinds = {Transaction, "Transaction", Scope, StoredApp, App}
    return any(one.name in names or one.annotation in kinds for one in parameters)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a function, and the rows of some apps after it."""

    result: str
    rows: Mapping[str, Dump]


Called = tuple[str, str]
CALLS: list[Called] = [(name, of) for name in (*ARGUMENTS, *PLAYS) for of in NAMED]


async def play_all(store: Store, app: str, *looked_at: str) -> dict[Called, Outcome]:
    """Call every function for *app*."""
    return {called: await play(store, called, app, looked_at) for called in CALLS}


async def play(store: Store, called: Called, app: str, looked_at: Sequence[str]) -> Outcome:
    """Call a function in a transaction that is rolled back."""
    name, of = called
    outcomes = []

    async def work(outer: Transaction) -> None:
        # With its own cache, so that it reads the database.
        tx = Transaction(outer.connection, FieldCache())
        if name in PLAYS:
            result = await PLAYS[name](tx, app, of)
        else:
            result = await function(name)(tx, app, *ARGUMENTS[name](of))
        await tx.finish()
        rows = {one: await dump(tx, one) for one in looked_at}
        outcomes.append(Outcome(pformat(result), rows))
        raise UndoneError

    with pytest.raises(UndoneError):
        await store.run(work)
    return outcomes[-1]


@pytest.mark.slow
async def test_no_function_of_the_store_leaves_its_app(store: Store) -> None:
    """It returns and writes the same as without a bank, and the bank's rows do not change."""
    await store.run(fill_both)
    bank = await dump_now(store, BANK)
    together = await play_all(store, SHOP, SHOP, BANK)
    await store.run(lambda tx: empty(tx, BANK))
    alone = await play_all(store, SHOP, SHOP)

    for called, outcome in together.items():
        assert changed(bank, outcome.rows[BANK]) == {}, called
        assert marked(BANK) not in outcome.result, called
        assert outcome.result == alone[called].result, called
        assert changed(outcome.rows[SHOP], alone[called].rows[SHOP]) == {}, called


@pytest.mark.slow
async def test_every_function_of_the_store_reaches_its_own_app(store: Store) -> None:
    """Called for the bank, it finds the bank's rows; otherwise the test above proves nothing."""
    await store.run(fill_both)
    bank = await dump_now(store, BANK)
    reached = await play_all(store, BANK, BANK)
    nothing = await play_all(store, NOBODY)

    for called, outcome in reached.items():
        is_met = outcome.rows[BANK] != bank or outcome.result != nothing[called].result
        assert is_met, called


async def test_fields_that_were_met_are_the_apps_own(store: Store) -> None:
    """The cache of fields is separate for each app."""
    await store.run(fill_both)
    for app in APPS:
        await store.run(functools.partial(meet, app=app))

    for app, other in zip(APPS, reversed(APPS), strict=True):
        known = store.fields_of(app, "note")
        assert f"{app}_field" in known
        assert f"{other}_field" not in known
    assert store.fields_of(NOBODY, "note") == {}


async def test_fields_read_while_another_app_is_emptied_are_remembered(store: Store) -> None:
    """A reset of one app takes nothing away from what is known of another."""
    await store.run(fill_both)

    async def meet_while_the_other_is_emptied(tx: Transaction) -> None:
        await meet_bank(tx)
        tx.fields.forget(SHOP)

    await store.run(meet_while_the_other_is_emptied, write=False)

    assert f"{BANK}_field" in store.fields_of(BANK, "note")
