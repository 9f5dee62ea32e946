"""Two apps with the same ids, names and principals, and with some that only one of them has.

Values that are not looked up are marked with their app.
"""

import functools
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import bcrypt
from skylogin.database import Store, Transaction, tables
from skylogin.domain.fields import new_field
from skylogin.domain.login_attempt import Details
from skylogin.domain.password_policy import PasswordPolicy
from skylogin.domain.user import Field
from skylogin.store import fields as stored_fields
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

from tests.factories import NOW

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


class UndoneError(Exception):
    """Rolls a transaction back."""


ASKED: Mapping[str, Any] = {
    "record_type": "reply",
    # True for records that refer to an existing note.
    "predicate": ["like", {"$type": "keypath", "$val": "about.text"}, "%"],
    "sort": [[{"$type": "keypath", "$val": "text"}, "asc"]],
    "include": {"note": {"$type": "keypath", "$val": "about"}},
    "count": True,
}


async def meet(tx: Transaction, app: str) -> None:
    """Read the fields of an app."""
    for record_type in ("note", "user"):
        await stored_fields.load(tx, app, record_type, ())


meet_bank = functools.partial(meet, app=BANK)
