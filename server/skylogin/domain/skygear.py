"""How the original stores an app in PostgreSQL, and how its columns and values map here. Pure."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from skylogin.domain.fields import RESERVED_FIELDS, fits_stored
from skylogin.domain.profile import plain_json
from skylogin.domain.stored_names import CUSTOM_TOKEN, OAUTH
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import Field
from skylogin.encoding import json_text
from skylogin.encoding.json_text import JsonValue

# The version in the database of skygear-server 1.7.3.
VERSION = "7469be11899e"
SCHEMA_PREFIX = "app_"
KEY_CONSTRAINTS = "auth_record_keys_user_"
ASSETS = "_asset"
Row = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class FixedTable:
    """A table that every app has: our table for its rows, and the original's columns by our names.

    *constant* are columns with one value here; *order* are the original's columns to sort by.
    """

    table: str
    name: str
    columns: Mapping[str, str]
    order: tuple[str, ...]
    constant: Mapping[str, str] = field(default_factory=dict)
    times: tuple[str, ...] = ()


def _columns(*same: str, **renamed: str) -> Mapping[str, str]:
    """Return the original's names of a table's columns, by ours."""
    return {**{name: name for name in same}, **renamed}


# In the order of the tables of an export.
FIXED_TABLES = (
    FixedTable("roles", "_role", _columns("id", "by_default", "is_admin"), ("id",)),
    FixedTable(
        "field_access",
        "_record_field_access",
        _columns(
            *("user_role", "writable", "readable", "comparable", "discoverable"),
            type="record_type",
            field="record_field",
        ),
        ("record_type", "record_field", "user_role"),
    ),
    FixedTable(
        "users",
        "_auth",
        _columns(
            *("id", "provider_info", "token_valid_since", "last_seen_at"),
            *("disabled", "disabled_message", "disabled_expiry"),
            password_hash="password",
        ),
        ("id",),
        times=("token_valid_since", "last_seen_at", "disabled_expiry"),
    ),
    FixedTable(
        "user_roles",
        "_auth_role",
        _columns(user_id="auth_id", role="role_id"),
        ("auth_id", "role_id"),
    ),
    FixedTable(
        "password_history",
        "_password_history",
        _columns("logged_at", user_id="auth_id", password_hash="password"),
        ("auth_id", "logged_at", "id"),
        times=("logged_at",),
    ),
    FixedTable(
        "principals",
        "_sso_custom_token",
        _columns("user_id", principal="principal_id", created_at="_created_at"),
        ("user_id",),
        {"kind": CUSTOM_TOKEN, "provider": ""},
        ("created_at",),
    ),
    FixedTable(
        "principals",
        "_sso_oauth",
        _columns(
            *("user_id", "provider", "token_response", "profile"),
            principal="principal_id",
            created_at="_created_at",
            updated_at="_updated_at",
        ),
        ("provider", "principal_id"),
        {"kind": OAUTH},
        ("created_at", "updated_at"),
    ),
    FixedTable(
        "devices",
        "_device",
        _columns("id", "type", "token", "topic", "last_registered_at", user_id="auth_id"),
        ("id",),
        times=("last_registered_at",),
    ),
)
# The columns of every table of records, by our names.
RECORD_COLUMNS: Mapping[str, str] = {name.removeprefix("_"): name for name in RESERVED_FIELDS}
RECORD_TIMES = ("created_at", "updated_at")
# Tables that are not imported, with the reason that the report gives.
LEFT_BEHIND: Mapping[str, str] = {
    "_subscription": "subscriptions: skylogin does not emulate them",
    "_friend": "friends: skylogin does not emulate relations",
    "_follow": "follows: skylogin does not emulate relations",
    "_verify_code": "verification codes: users have to request new ones",
    "_asset": "assets: fields keep their names; the files stay in the asset store",
}


@dataclass(frozen=True, slots=True)
class RecordTable:
    """A table of records, with its fields in the order of its columns."""

    name: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Skygear:
    """What a database of the original has for one app. *others* are tables of other programs."""

    app_name: str
    schema: str
    tables: tuple[RecordTable, ...]
    key_sets: tuple[KeySet, ...]
    postgis: str | None
    others: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Return the origin to store with imported rows."""
        return f"skygear {self.app_name}"


def schema_of(app_name: str) -> str:
    """Return the name of an app's schema."""
    return SCHEMA_PREFIX + app_name.lower()


def app_of(schema: str) -> str:
    """Return the name of a schema's app, in lower case."""
    return schema.removeprefix(SCHEMA_PREFIX)


def field_of(type_name: str, target: str | None, *, has_sequence: bool) -> Field:
    """Return the field for a column of the type *type_name* that may refer to a table *target*."""
    if target == ASSETS:
        return Field("asset", column=type_name)
    if target is not None and type_name in ("text", "citext"):
        return Field("reference", target, type_name)
    kind = _KINDS.get(type_name, "unknown")
    return Field("sequence" if kind == "integer" and has_sequence else kind, column=type_name)


_KINDS: Mapping[str, str] = {
    "text": "string",
    "citext": "string",
    "double precision": "number",
    "integer": "integer",
    "bigint": "integer",
    "boolean": "boolean",
    "jsonb": "json",
    "timestamp without time zone": "datetime",
    "geometry(Point)": "location",
    "geometry": "geometry",
}


class NotStorableError(ValueError):
    """A value that no field here can hold. The text describes the value."""


def time_text(text: str) -> str:
    """Return a time that PostgreSQL wrote as JSON in stored form. Raises NotStorableError."""
    # PostgreSQL writes only dates that exist, infinity, and years before 1 with BC.
    if _TIME.fullmatch(text) is None:
        raise NotStorableError(f"the time {text}")
    return f"{text[:_SECONDS_END]}.{text[_SECONDS_END + 1 :]:0<6}Z"


_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?", re.ASCII)
_SECONDS_END = len("2001-02-03T04:05:06")


def field_value(field: Field, value: JsonValue) -> JsonValue:
    """Return the stored form of a value that PostgreSQL wrote as JSON.

    None for a value without one, such as an empty point. Raises NotStorableError.
    """
    match field.kind:
        case "number":
            if isinstance(value, str) or (isinstance(value, float) and math.isinf(value)):
                raise NotStorableError(f"the number {value}")
            return json_text.as_double(value)  # type: ignore[arg-type]
        case "integer" | "sequence":
            if not fits_stored(field, value):
                raise NotStorableError(f"the number {value}, which has too many bits")
        case "datetime":
            return time_text(str(value))
        case "json":
            return plain_json(value)
        case "location":
            return None if None in value else plain_json(value)  # type: ignore[operator]
    return value


def create_roles(rows: Sequence[tuple[str, str | None]]) -> dict[str, list[str]]:
    """Return the roles that may create records, by record type."""
    found: dict[str, list[str]] = {}
    for record_type, role in rows:
        found.setdefault(record_type, [])
        if role is not None:
            found[record_type].append(role)
    return found
