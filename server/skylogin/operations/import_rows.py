"""Convert rows of the original into ours, and report those that cannot be imported."""

from collections.abc import Mapping, Sequence
from typing import Any

from skylogin.domain import fields as domain_fields
from skylogin.domain import skygear as original
from skylogin.domain.device import TOKEN_BYTES_MAX
from skylogin.domain.importing import Here, Report
from skylogin.domain.limits import KEY_BYTES_MAX
from skylogin.domain.skygear import (
    RECORD_TIMES,
    FixedTable,
    NotStorableError,
    RecordTable,
    Row,
    Skygear,
)
from skylogin.domain.stored_names import CUSTOM_TOKEN, PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.subject import BYTES_MAX, CHARACTERS_MAX
from skylogin.domain.unique_keys import NAMES_JOINED_BY, KeySet, UniqueKey, keys_of
from skylogin.domain.user import Field
from skylogin.encoding import rfc3339
from skylogin.encoding.json_text import JsonValue
from skylogin.errors import SkygearError
from skylogin.store import imports
from skylogin.store.table_rows import OTHER_KEYS

# Columns with an index that may be null.
_INDEXED = {"devices": ("token", "user_id")}


class RowReader:
    """Converts rows, in the order of a pass. *owners* are the users with the unique keys so far."""

    def __init__(
        self, source: Skygear, report: Report, here: Here, key_sets: Sequence[KeySet]
    ) -> None:
        self.source, self.report, self.here, self.key_sets = source, report, here, key_sets
        self.owners: dict[UniqueKey, str] = {}
        self.owners_here: Mapping[UniqueKey, str] = {}
        self.long_subjects = 0
        self._fields: dict[str, dict[str, Field]] = {}
        self._last_history: tuple[JsonValue, str] = ("", "")

    def fixed(self, fixed: FixedTable, row: Row) -> Row | None:
        """Return a row of a table that every app has, None if it cannot be imported."""
        table = fixed.table
        for column in fixed.times:
            if row[column] is not None:
                row[column] = self._time(table, row, column)
        row = {column: value for column, value in row.items() if value is not None}
        if table == "roles":
            row = {"by_default": False, "is_admin": False, **row}
        elif table == "users":
            row["origin"] = self.source.origin
        elif table == "password_history":
            row["logged_at"] = self._distinct_time(row)
        elif table == "principals" and row["kind"] == CUSTOM_TOKEN:
            self.long_subjects += len(str(row["principal"])) > CHARACTERS_MAX
        return self.with_valid_key(table, row)

    def _time(self, table: str, row: Row, column: str) -> str | None:
        try:
            return original.time_text(str(row[column]))
        except NotStorableError as error:
            row_id = row.get("id") or row.get("user_id")
            self.report.doubt("values", f"{table} {row_id}: {column} is {error}")
            return None

    def _distinct_time(self, row: Row) -> str:
        """Return the time of a password, made later than that of the user's previous one."""
        user_id, at = row["user_id"], str(row.get("logged_at"))
        last_user, last = self._last_history
        if user_id == last_user and at <= last:
            moment = rfc3339.read_moment(last)
            at = rfc3339.stored(moment + moment.resolution)
        self._last_history = (user_id, at)
        return at

    def with_valid_key(self, table: str, row: Row) -> Row | None:
        """Return *row*, None if a part of a key is missing or too long."""
        indexed = _INDEXED.get(table, ())
        for name in (*imports.key_names(table), *OTHER_KEYS.get(table, ()), *indexed):
            text = row.get(name)
            if text is None and name not in indexed:
                return None
            if isinstance(text, str) and _is_longer(text, _bytes_max(row, name)):
                self.report.doubt("long-keys", f"{table}: {name} {text[:40]}…")
                return None
        return row

    def fields(
        self, one: RecordTable, here: Mapping[imports.Key, Row], next_values: Mapping[Any, int]
    ) -> list[Row]:
        """Return rows for the fields of a type that can be imported, and remember these fields."""
        usable = self._fields[one.name] = {}
        rows = []
        for name, field in one.fields.items():
            same = here.get((one.name, name))
            if self._can_import(one.name, name, field, same):
                usable[name] = field
                number = next_values.get((one.name, name))
                rows.append(_field_row(one.name, name, field, number, same))
        return rows

    def _can_import(self, record_type: str, name: str, field: Field, same: Row | None) -> bool:
        try:
            domain_fields.check_name(name)
        except SkygearError:
            self.report.doubt("field-names", f"{record_type}: {name}")
            return False
        if same is None or (same["kind"], same["target"]) == (field.kind, field.target):
            return True
        self.report.doubt(
            "field-types", f"{record_type}: {name} is a {field.kind}, here a {same['kind']}"
        )
        return False

    def record(self, one: RecordTable, raw: Row) -> Row | None:
        """Return a record, None if it cannot be imported."""
        usable, data = self._fields[one.name], dict[str, JsonValue]()
        for number, (name, field) in enumerate(one.fields.items()):
            value = raw.pop(f"{number}")
            if value is None or name not in usable:
                continue
            try:
                stored = original.field_value(field, value)
            except NotStorableError as error:
                self.report.doubt("values", f"{one.name}/{raw['id']}: {name} is {error}")
                continue
            if stored is not None:
                data[name] = stored
        for column in RECORD_TIMES:
            raw[column] = self._time("records", raw, column)
        row: Row = {"created_by": "", "updated_by": "", "owner_id": "", "database_id": ""}
        row |= {name: value for name, value in raw.items() if value is not None}
        row |= {"type": one.name, "data": data, "origin": self.source.origin}
        if any(name not in row for name in RECORD_TIMES):
            return None
        if one.name == USER_TYPE and row["database_id"] == PUBLIC_DATABASE:
            self._note_keys(str(row["id"]), data)
        return self.with_valid_key("records", row)

    def _note_keys(self, user_id: str, data: dict[str, JsonValue]) -> None:
        """Note a user's unique keys; remove from *data* the fields whose key another user has."""
        for key in sorted(keys_of(data, self.key_sets, self._fields[USER_TYPE])):
            here = self.owners_here.get(key)
            stays = here in self.here.others or here in self.here.left
            owner = self.owners.get(key) or (here if stays else None)
            if owner in (None, user_id):
                self.owners[key] = user_id
                continue
            self.report.doubt("duplicate-keys", f"{user_id}: {key.name} as {owner}")
            for name in key.name.split(NAMES_JOINED_BY):
                data.pop(name, None)


def _is_longer(text: str, bytes_max: int) -> bool:
    # A character has at most four bytes.
    return len(text) * 4 > bytes_max and len(text.encode()) > bytes_max


def _bytes_max(row: Mapping[str, Any], name: str) -> int:
    if name == "principal" and row["kind"] == CUSTOM_TOKEN:
        return BYTES_MAX
    return TOKEN_BYTES_MAX if name == "token" else KEY_BYTES_MAX


def _field_row(
    record_type: str, name: str, field: Field, number: int | None, same: Row | None
) -> Row:
    row: Row = {
        "type": record_type,
        "field": name,
        "kind": field.kind,
        "target": field.target,
        "column_type": field.column,
    }
    if field.kind == domain_fields.SEQUENCE:
        here = same.get("next_value") if same else None
        row["next_value"] = max(number or 1, int(str(here or 1)))
    return row
