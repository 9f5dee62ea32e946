"""Decide what an import does with each row, and collect its report. Pure.

A second import brings over what has since changed in the original. A row that has changed here
too is unclear, unless only the times of logins differ: then the later ones stay.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from skylogin.domain.skygear import Row
from skylogin.domain.stored_names import LAST_LOGIN_AT, USER_TYPE
from skylogin.encoding.json_equality import is_equal
from skylogin.encoding.json_text import JsonValue

EXAMPLES_MAX = 5
# What may be unclear, by the name that --skip takes: what it is, and what skipping does.
KINDS: Mapping[str, tuple[str, str]] = {
    "locations": (
        "the database has no PostGIS, which skygear-server needs: locations may be missing from it",
        "imports what there is",
    ),
    "field-names": (
        "fields whose name has a '.' or a '?', or more than 63 bytes",
        "leaves these fields out",
    ),
    "field-types": (
        "fields that have another type here",
        "leaves these fields out",
    ),
    "values": (
        "values that no field can have, such as infinity",
        "leaves these values out",
    ),
    "long-keys": (
        "rows whose id or name is too long",
        "leaves these rows out",
    ),
    "duplicate-keys": (
        "users whose user name or e-mail equals another user's, if case is ignored",
        "imports them without it",
    ),
    "taken": (
        "rows that the app already has, but that were not imported from this Skygear",
        "leaves those here as they are",
    ),
    "newer-here": (
        "rows that were changed here after their import, and differ from Skygear's",
        "leaves those here as they are",
    ),
}


class Outcome(StrEnum):
    """What happens to a row. TAKEN, NEWER and LEFT keep the row here; the first two are unclear."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    TAKEN = "taken"
    NEWER = "newer-here"
    LEFT = "left"


# Tables whose rows describe the rows of others.
DESCRIBING = ("roles", "record_types", "record_fields", "field_access")
_TIME_OF_CHANGE = {
    "users": "last_seen_at",
    "records": "updated_at",
    "principals": "updated_at",
    "devices": "last_registered_at",
}
_OF_LOGINS = ("last_seen_at", "updated_at", "updated_by", "last_registered_at")


@dataclass(slots=True)
class Here:
    """The users here: *others* did not come from this original, *left* are left as they are.

    Rows of a deleted user count as rows from the original.
    """

    origin: str
    others: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)

    def compare(  # noqa: PLR0911
        self, table: str, row: Row, same: Row | None, other: Row | None
    ) -> Outcome:
        """Return what happens to *row*.

        *same* is the row here with the same primary key, *other* the one with its other key.
        """
        user_id = self.user_of(table, row)
        if table != "users" and user_id in self.left:
            return Outcome.LEFT
        if same is None and other is None:
            return Outcome.NEW
        if same is not None and is_equal(same, row):
            return Outcome.SAME
        if table in DESCRIBING:
            return Outcome.CHANGED
        if not all(self._is_ours(table, one) for one in (same, other) if one is not None):
            return Outcome.TAKEN
        if same is not None and self._is_newer(table, same, row):
            if table in ("principals", "devices") or is_equal(
                _without_logins(same), _without_logins(row)
            ):
                return Outcome.SAME
            return Outcome.NEWER
        return Outcome.CHANGED

    @staticmethod
    def user_of(table: str, row: Mapping[str, JsonValue]) -> str | None:
        """Return the id of the user that a row belongs to, None if it does not belong to a user."""
        if table == "users":
            return str(row["id"])
        if table == "records":
            return str(row["id"]) if row["type"] == USER_TYPE else None
        user_id = row.get("user_id")
        return None if user_id is None else str(user_id)

    def _is_ours(self, table: str, row: Row) -> bool:
        if table in ("users", "records"):
            return row.get("origin") == self.origin
        return row.get("user_id") not in self.others

    @staticmethod
    def _is_newer(table: str, here: Row, there: Row) -> bool:
        name = _TIME_OF_CHANGE.get(table)
        # Times in stored form sort.
        return name is not None and str(here.get(name) or "") > str(there.get(name) or "")

    def is_stale(self, table: str, row: Mapping[str, Any]) -> bool:
        """Return whether a row that is gone from Skygear is to be removed here too."""
        if table in ("users", "records"):
            is_ours = row.get("origin") == self.origin
            return is_ours and self.user_of(table, row) not in self.left
        user_id = row.get("user_id")
        return user_id not in self.others and user_id not in self.left


def _without_logins(row: Row) -> Row:
    """Return a row without what a login changes."""
    rest = {name: value for name, value in row.items() if name not in _OF_LOGINS}
    if row.get("type") == USER_TYPE and isinstance(data := row.get("data"), dict):
        rest["data"] = {name: value for name, value in data.items() if name != LAST_LOGIN_AT}
    return rest


@dataclass(slots=True)
class Unclear:
    """How often something was unclear, and the first few examples."""

    number: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count an example, and keep it if it is one of the first."""
        self.number += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(example)


@dataclass(slots=True)
class Report:
    """What an import has written, or would write, and what it has not."""

    app_name: str
    into: str
    is_dry: bool
    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    logins: dict[str, int] = field(default_factory=dict)
    unclear: dict[str, Unclear] = field(default_factory=dict)
    stays: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    long_subjects: int = 0

    def count(self, table: str, what: str, number: int = 1) -> None:
        """Count rows of a table."""
        of_table = self.rows.setdefault(table, {})
        of_table[what] = of_table.get(what, 0) + number

    def doubt(self, kind: str, example: str) -> None:
        """Add something unclear."""
        self.unclear.setdefault(kind, Unclear()).add(example)

    def refused(self, skipped: Collection[str]) -> list[str]:
        """Return the kinds of unclear things that are not *skipped*."""
        return [kind for kind in KINDS if kind in self.unclear and kind not in skipped]

    @property
    def needs_all_logins(self) -> bool:
        """Return whether some users log in by other means than custom tokens."""
        return any(number for name, number in self.logins.items() if name != "custom_token")

    def body(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "app_name": self.app_name,
            "into": self.into,
            "dry_run": self.is_dry,
            "rows": self.rows,
            "records": self.records,
            "logins": self.logins,
            "needs_all_logins": self.needs_all_logins,
            "long_subjects": self.long_subjects,
            "unclear": [
                {
                    "kind": kind,
                    "number": self.unclear[kind].number,
                    "what": what,
                    "skip": skip,
                    "examples": self.unclear[kind].examples,
                }
                for kind, (what, skip) in KINDS.items()
                if kind in self.unclear
            ],
            "stays": [{"number": number, "what": what} for number, what in self.stays],
            "notes": self.notes,
        }
