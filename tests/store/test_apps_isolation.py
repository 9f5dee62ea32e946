"""No call to one app reads or changes data of another app.

Two apps have the same ids, names and principals, and some that only one of them has. Values
that are not looked up are marked with their app. Then every action and every function of the
store is called for the shop with names from the bank. The bank's rows must not change, and the
shop must answer and write the same as without a bank.
"""

import asyncio
import functools
import importlib
import inspect
import json
import pkgutil
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import timedelta
from pathlib import Path
from pprint import pformat
from types import ModuleType
from typing import Any

import bcrypt
import pytest
import skylogin.database
import skylogin.store
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
from skylogin.database import Store, Transaction, tables
from skylogin.database.transaction import FieldCache
from skylogin.domain import login, records
from skylogin.domain.access import AccessRules
from skylogin.domain.device import Device
from skylogin.domain.field_rules import FieldRule
from skylogin.domain.fields import new_field
from skylogin.domain.login_attempt import Details, Filter, LogEntry, Origin
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.domain.record_json import GivenRecord
from skylogin.domain.records import SaveContext
from skylogin.domain.unique_keys import DEFAULT, UniqueKey
from skylogin.domain.user import Account, Actor, Field, FieldValue, Principal, RecordId, User
from skylogin.ids import UUID_BYTES, IdMaker
from skylogin.query import planner, reader
from skylogin.store import access_rules as stored_access
from skylogin.store import exports as stored_exports
from skylogin.store import fields as stored_fields
from skylogin.store import login_attempts as stored_attempts
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
    CompoundSelect,
    Table,
    Text,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
)

from tests.factories import NOW, as_field_value, make_attempt, make_record, make_token, make_user
from tests.stores import Ask, MakeServices

SHOP, BANK, NOBODY = "shop", "bank", "nobody"
# The bank is filled first, so that a query without an app finds its rows first.
APPS = (BANK, SHOP)
# Both apps have names that begin with it; only one app has names that begin with its own name.
BOTH = "both"
NAMED = (BOTH, BANK)
PASSWORD, OTHER_PASSWORD = "Password-1", "Password-2"
# At bcrypt's lowest cost.
SALT = b"$2a$04$RQIhO4pMXRYwrjeMlthpme"
HASH = bcrypt.hashpw(PASSWORD.encode(), SALT).decode()
NUMBERS = {SHOP: 3, BANK: 7}
DAY = timedelta(days=1)
ORIGIN = "skygear x"
PUBLIC, PRIVATE = "", f"{BOTH}-user"
POLICY = PasswordPolicy(history_size=1)
OTHER_KEYS = (("phone",), ("username",))
DETAILS = Details(
    action="", explanation="", status=200, algorithm="", key_id="", header={}, secret_id="",
    claim_names=[], claims={}, profile_left_out="", only_contract="", address="", request_id="",
)  # fmt: skip

Rows = dict[str, list[dict[str, Any]]]
Dump = dict[str, list[str]]


def marked(app: str) -> str:
    """Return a value marked with its app."""
    return f"marked {app}"


def secret_of(app: str) -> str:
    """Return the custom token secret of an app."""
    return f"{marked(app)}: a secret that is long enough"


# --- two apps ---------------------------------------------------------------------


@functools.cache
def rows_of(app: str) -> Rows:
    """Return the rows of an app, by table."""
    once = _rows_once(app)
    for of in (BOTH, app):
        for table, rows in _rows_for(app, of).items():
            once.setdefault(table, []).extend(rows)
    return {table: [{"app": app, **row} for row in rows] for table, rows in once.items()}


def _rows_once(app: str) -> Rows:
    mark = marked(app)
    kinds = {
        ("user", "username"): Field("string", column="citext"),
        ("user", "email"): Field("string", column="citext"),
        ("user", "last_login_at"): new_field("datetime"),
        ("user", "phone"): new_field("string"),
        ("user", "motto"): new_field("string"),
        ("user", "friend"): new_field("reference", "user"),
        ("note", "title"): new_field("string"),
        ("note", "text"): new_field("string"),
        ("note", "number"): Field("sequence", column="integer", next_value=NUMBERS[app] + 1),
        ("reply", "about"): new_field("reference", "note"),
        ("reply", "text"): new_field("string"),
        # This field is a reference to a note in the bank, and a text in the shop.
        ("reply", "link"): Field("reference", "note") if app == BANK else new_field("string"),
        ("user", "link"): Field("reference", "note") if app == BANK else new_field("string"),
    }
    return {
        "apps": [{"api_key": f"{app}-key", "master_key": f"{app}-master", "created_at": NOW}],
        "settings": [
            {"name": "auth_record_keys", "value": "email;username"},
            {"name": "first_field_rules", "value": "added"},
        ],
        "record_types": [
            {"type": name, "made": True, "default_access": None, "create_roles": None}
            for name in ("user", "note", "reply")
        ],
        "record_fields": [_field_row(*names, field) for names, field in kinds.items()],
        "field_access": [_rule_row("note", "secret", readable=app == BANK)],
        # Only the bank has the user of this principal, and the target of the loose record.
        "users": [_user_row(app, f"{app}-stray")],
        "principals": _principal_rows(app, f"{BOTH}-stray", f"{BANK}-stray"),
        "records": [
            _record_row(app, "user", f"{app}-stray", {"motto": mark}),
            _record_row(app, "reply", f"{BOTH}-loose", {"about": f"{BANK}-note", "text": mark}),
            _record_row(app, "reply", f"{BOTH}-linked", {"link": f"{BOTH}-note"}),
        ],
    }


def _rows_for(app: str, of: str) -> Rows:
    mark, user_id = marked(app), f"{of}-user"
    profile = {
        "username": f"{of}-name", "email": f"{of}-email", "phone": f"{of}-phone",
        "motto": mark, "link": f"{of}-note",
    }  # fmt: skip
    note = {"title": f"{of}-title", "text": mark, "number": NUMBERS[app], f"{of}_field": mark}
    return {
        "settings": [{"name": f"{of}-setting", "value": mark}],
        "custom_token_secrets": [
            {"id": f"{of}-secret", "secret": secret_of(app), "created_at": NOW, "ends_at": None}
        ],
        "users": [_user_row(app, user_id)],
        "principals": _principal_rows(app, f"{of}-principal", user_id),
        "records": [
            _record_row(app, "user", user_id, profile),
            _record_row(app, "note", f"{of}-note", note),
            _record_row(app, "note", f"{of}-private", {"text": mark}, database=PRIVATE),
            _record_row(app, "reply", f"{of}-reply", {"about": f"{of}-note", "text": mark}),
        ],
        "record_types": [
            {
                "type": f"{of}-{name}", "made": name == "made",
                "default_access": [{"level": "read", "role": mark}], "create_roles": [mark],
            }
            for name in ("made", "type")
        ],
        "record_fields": [_field_row("note", f"{of}_field", new_field("string"))],
        "auth_keys": [
            {"key": key, "folded": f"{of}-{value}", "user_id": user_id}
            for key, value in (("username", "name"), ("email", "email"), ("old", "key"))
        ],
        "roles": [{"id": f"{of}-role", "by_default": True, "is_admin": True}],
        "user_roles": [{"user_id": user_id, "role": f"{of}-role"}],
        "field_access": [_rule_row("note", f"{of}_field", readable=True)],
        "devices": [
            {
                "id": f"{of}-device", "user_id": user_id, "type": "ios", "token": f"{of}-token",
                "topic": mark, "last_registered_at": NOW - DAY * NUMBERS[app],
            }
        ],
        "password_history": [
            {"user_id": user_id, "logged_at": NOW - DAY * age, "password_hash": f"{mark} {age}"}
            for age in (1, 2)
        ],
        "journal": [
            {
                "id": f"{of}-entry", "at": NOW - DAY, "accepted": True, "reason": "",
                "subject": mark, "user_id": user_id, "secret_id": f"{of}-secret",
                "details": {**DETAILS, "explanation": mark},
            }
        ],
        "login_counts": [{"minute": NOW, "reason": f"{of}-reason", "number": NUMBERS[app]}],
        "secret_uses": [
            {
                "secret_id": f"{of}-secret", "day": NOW, "uses": NUMBERS[app],
                "last_used_at": NOW - DAY * NUMBERS[app],
            }
        ],
        "imports": [
            {
                "id": f"{of}-import", "origin": ORIGIN, "started_at": NOW, "updated_at": NOW,
                "finished_at": None, "done": 1, "total": 2, "report": {"of": mark},
            }
        ],
        "limit_counts": [
            {
                "name": f"{of}-limit", "key": mark, "ends_at": NOW, "server": mark,
                "number": NUMBERS[app], "at": NOW,
            }
        ],
        "operator_sessions": [{"id": f"{of}-session", "created_at": NOW, "last_used_at": NOW}],
        "operator_audit": [
            {
                "id": f"{of}-act", "at": NOW, "act": "user.edit", "target": user_id, "via": mark,
                "address": "", "details": {},
            }
        ],
    }  # fmt: skip


def _user_row(app: str, user_id: str) -> dict[str, Any]:
    return {
        "id": user_id, "password_hash": HASH, "provider_info": {"of": marked(app)},
        "token_valid_since": NOW - DAY, "last_seen_at": NOW - DAY * NUMBERS[app],
        # It has expired, so it is cleared when it is noticed.
        "disabled": True, "disabled_message": marked(app), "disabled_expiry": NOW - DAY,
        "origin": ORIGIN,
    }  # fmt: skip


def _principal_rows(app: str, principal: str, user_id: str) -> list[dict[str, Any]]:
    said = {"of": marked(app)}
    return [
        {
            "kind": kind, "provider": provider, "principal": principal, "user_id": user_id,
            "created_at": NOW, "updated_at": NOW, "token_response": said, "profile": said,
        }
        for kind, provider in (("custom_token", ""), ("oauth", "google"))
    ]  # fmt: skip


def _field_row(record_type: str, name: str, field: Field) -> dict[str, Any]:
    return {
        "type": record_type, "field": name, "kind": field.kind, "target": field.target,
        "column_type": field.column, "next_value": field.next_value,
    }  # fmt: skip


def _rule_row(record_type: str, name: str, *, readable: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("writable", "comparable", "discoverable"), True)
    return {
        "type": record_type, "field": name, "user_role": "_any_user", "readable": readable, **flags
    }  # fmt: skip


def _record_row(
    app: str, record_type: str, key: str, data: Mapping[str, Any], database: str = PUBLIC
) -> dict[str, Any]:
    owner, at = f"{BOTH}-user", NOW - DAY * NUMBERS[app]
    return {
        "database_id": database, "type": record_type, "id": key, "owner_id": owner,
        "access": None, "created_at": at, "created_by": owner, "updated_at": at,
        "updated_by": owner, "data": data,
    }  # fmt: skip


TABLES: dict[str, Table] = {
    table.name: table for table in vars(tables).values() if isinstance(table, Table)
}


def test_every_table_is_filled() -> None:
    """A new table has to be filled here, and has a column for the app first in its key."""
    assert set(TABLES) >= set(tables.metadata.tables)
    assert {name: next(iter(table.primary_key)).name for name, table in TABLES.items()} == (
        dict.fromkeys(TABLES, "app")
    )
    for app in APPS:
        assert set(rows_of(app)) == set(TABLES)


async def fill(tx: Transaction, app: str, names: Iterable[str] = TABLES) -> None:
    """Restore the rows of an app in the tables *names*."""
    await empty(tx, app, names)
    rows = rows_of(app)
    for name in names:
        await tx.connection.execute(insert(TABLES[name]), rows[name])


async def empty(tx: Transaction, app: str, names: Iterable[str] = TABLES) -> None:
    """Delete all rows of an app."""
    for name in names:
        table = TABLES[name]
        await tx.connection.execute(delete(table).where(table.c.app == app))


async def fill_both(tx: Transaction) -> None:
    """Restore both apps."""
    for app in APPS:
        await fill(tx, app)


async def dump(tx: Transaction, app: str) -> Dump:
    """Return all rows of an app, by table."""
    found: Dump = {name: [] for name in TABLES}
    for row in await tx.connection.execute(_select_rows(tx.dialect), {"of_app": app}):
        found[row.table].append(row.values_of_it)
    return {name: sorted(rows) for name, rows in found.items()}


@functools.cache
def _select_rows(dialect: str) -> CompoundSelect[Any]:
    """Return the query for all rows of an app, in one statement, as texts."""
    as_list = func.json_array if dialect == "sqlite" else func.jsonb_build_array
    return union_all(
        *(
            select(
                literal(name).label("table"), cast(as_list(*table.c), Text).label("values_of_it")
            ).where(table.c.app == bindparam("of_app"))
            for name, table in TABLES.items()
        )
    )


async def dump_now(store: Store, app: str) -> Dump:
    """Return all rows of an app, in a transaction of its own."""
    return await store.run(lambda tx: dump(tx, app), write=False)


def changed(before: Dump, after: Dump) -> Dump:
    """Return the rows that are in only one of two dumps."""
    pairs = {name: sorted({*before[name]} ^ {*after[name]}) for name in before}
    return {name: rows for name, rows in pairs.items() if rows}


# --- the functions of the store ---------------------------------------------------

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
    "login_batch.load_around": lambda of: ([make_login(of)], {}, DEFAULT),
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
    "principals.update_said": lambda of: (make_link("google", of),),
    "principals.remove": lambda of: ("google", f"{of}-user"),
    "record_queries.load_schema": lambda of: (reader.read(ASKED),),
    "schema.make_type": lambda of: (f"{of}-type",),
    "schema.find_types": lambda of: (["note", f"{of}-made", f"{of}-type"],),
    "schema.load_type_names": lambda of: (),
    "schema.count_types": lambda of: (),
    "fields.load_held": lambda of: ([make_note(of)],),
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
ASKED: Mapping[str, Any] = {
    "record_type": "reply",
    # True for records that refer to an existing note.
    "predicate": ["like", {"$type": "keypath", "$val": "about.text"}, "%"],
    "sort": [[{"$type": "keypath", "$val": "text"}, "asc"]],
    "include": {"note": {"$type": "keypath", "$val": "about"}},
    "count": True,
}
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
    "transaction.FieldCache": "knows nothing at first",
    "transaction.Transaction": "carries statements, which say for which app",
    "version_table": "is about the whole database",
    "apps.KeysTakenError": "an error",
    "apps.StoredApp": "a value",
    "audit_log.Act": "a value",
    "limit_counts.Taken": "a value",
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


class UndoneError(Exception):
    """Rolls a transaction back."""


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


async def meet(tx: Transaction, app: str) -> None:
    """Read the fields of an app."""
    for record_type in ("note", "user"):
        await stored_fields.load(tx, app, record_type, ())


meet_bank = functools.partial(meet, app=BANK)


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


# --- the actions ------------------------------------------------------------------


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
        if status == 200 and '"_type": "error"' not in text:  # noqa: PLR2004
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
            assert answer[0] == 401, (action, credentials, answer)  # noqa: PLR2004
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
        assert refused[0] == 401  # noqa: PLR2004
        assert "AccessTokenNotAccepted" in refused[1]
        assert status == 200  # noqa: PLR2004
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
        assert status == 200, text  # noqa: PLR2004
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
