"""Searching users, a page at a time."""

import base64
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, Text, bindparam, func, literal, select, tuple_
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.dialect import Timestamp
from skylogin.database.tables import principals, records, users
from skylogin.database.transaction import Transaction
from skylogin.domain.user import Principal, User
from skylogin.encoding import rfc3339
from skylogin.store import table_rows, user_conditions
from skylogin.store import users as stored_users

SORTS = ("created_at", "-created_at", "id", "-id", "last_seen_at", "-last_seen_at")
# Up to this many matching users are found first and then sorted. If there are more, a page of
# them is probably among the next LOOKED_AT users.
LOOKED_UP_MAX, LOOKED_AT = 5000, 1000
STATEMENTS_KEPT = 32


@dataclass(frozen=True, slots=True)
class Search:
    """Which users to find, in which order, and how many.

    *text* is the beginning of a principal or of a unique field such as the user name or the
    e-mail, or a whole id. *subject* is the subject of custom tokens. The *field* of the profile
    must be *value*.
    """

    text: str = ""
    subject: str = ""
    field: str = ""
    value: str = ""
    disabled: bool | None = None
    sort: str = "-created_at"
    cursor: str = ""
    limit: int = 50

    @property
    def key(self) -> str:
        """Return what users are sorted by, without the direction."""
        return self.sort.removeprefix("-")

    @property
    def has_conditions(self) -> bool:
        """Return whether there are conditions to check on each user."""
        return bool(self.text or self.field) or self.disabled is not None

    @property
    def is_descending(self) -> bool:
        """Return whether the largest come first."""
        return self.sort.startswith("-")


@dataclass(frozen=True, slots=True)
class UserPage:
    """Users, and the subjects of those with custom tokens, by their ids.

    *next_cursor* is empty on the last page.
    """

    users: list[User]
    subjects: Mapping[str, str]
    next_cursor: str


class _Found(NamedTuple):
    """A user of a page, and the value that the page is sorted by."""

    id: str
    key: Any = None


async def find(tx: Transaction, app: str, search: Search) -> UserPage:
    """Return a page of users. Raises ValueError on an invalid cursor or order."""
    if search.sort not in SORTS:
        raise ValueError(f"{search.sort} is not one of {', '.join(SORTS)}")
    ids, rest = await _load_candidates(tx, app, search)
    if ids is not None:
        rows = await _load_among(tx, app, ids, rest)
    else:
        rows = await _load_in_order(tx, app, search)
    page = rows[: search.limit]
    found, subjects = await stored_users.load_with_subjects(tx, app, [row.id for row in page])
    cursor = _write_cursor(page[-1].key, page[-1].id) if len(rows) > len(page) else ""
    loaded = (found.get(row.id) for row in page)
    return UserPage([user for user in loaded if user and user.record], subjects, cursor)


async def _load_candidates(
    tx: Transaction, app: str, search: Search
) -> tuple[list[str] | None, Search]:
    """Return the ids of the users that an index finds, and the rest of the search.

    The ids are None if too many users match, or if no index helps: for all users, or for a
    search by field only.
    """
    if search.subject:
        values = {"app_name": app, "subject": search.subject}
        found = await tx.connection.execute(user_conditions.ID_OF_SUBJECT, values)
        return [row.user_id for row in found], replace(search, subject="")
    if search.text:
        ids = await _load_ids(tx, user_conditions.ids_like(app, search.text))
        if ids is not None:
            return ids, replace(search, text="")
    if search.disabled:
        ids = await _load_ids(tx, user_conditions.ids_disabled(app, tx.dialect))
        if ids is not None:
            return ids, replace(search, disabled=None)
    return None, search


async def _load_ids(tx: Transaction, query: Select[Any]) -> list[str] | None:
    """Return the ids that *query* gives, None if there are more than LOOKED_UP_MAX."""
    some = query.limit(LOOKED_UP_MAX + 1).subquery()
    # As one value: sending that many rows would take longer than finding them.
    listed = select(dialect.list_of(some.c.id, tx.dialect))
    ids: list[str] = (await tx.connection.execute(listed)).scalar() or []
    return ids if len(ids) <= LOOKED_UP_MAX else None


# --- among a few users -------------------------------------------------------------


async def _load_among(
    tx: Transaction, app: str, ids: Sequence[str], search: Search
) -> Sequence[Any]:
    """Return the rows of a page of the users *ids*, and one more if there is another page."""
    if not ids:
        # An invalid cursor is refused even then.
        if search.cursor:
            read_cursor(search.cursor, search.key)
        return []
    if len(ids) == 1 and not (search.cursor or search.has_conditions):
        # One user, as tests often ask for, needs no comparing or sorting.
        return [_Found(ids[0])]
    values = {"ids": [{"app": app, "id": one} for one in dict.fromkeys(ids)]}
    rows: Sequence[Any] = (await tx.connection.execute(_among(search, tx.dialect), values)).all()
    return rows


# Building the statement takes longer than finding one user by subject, as tests often do.
@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def _among(search: Search, dialect_name: str) -> Select[Any]:
    # A subquery per user: without statistics, the databases would join with all users.
    row = dialect.json_rows("ids", dialect_name, app=Text, id=Text)
    key_of_one = (
        select(_SORT_KEYS[search.key])
        .select_from(records)
        .join(users, user_conditions.is_same_user())
        .where(*user_conditions.is_user_record(row["app"]), records.c.id == row["id"])
        .where(*_conditions(search, dialect_name))
        .scalar_subquery()
    )
    looked_up = select(row["id"].label("id"), key_of_one.label("key")).cte("looked_up")
    some = looked_up.prefix_with("MATERIALIZED").c
    query = select(some.id, some.key).where(some.key.is_not(None))
    return _from_cursor(query, search, some.key, some.id).limit(search.limit + 1)


def _conditions(search: Search, dialect_name: str) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on one user."""
    if search.text:
        yield user_conditions.is_like(search.text, dialect_name)
    if search.disabled is not None:
        yield users.c.disabled.is_(search.disabled)
    if search.field:
        yield user_conditions.has_field(search.field, search.value, dialect_name)


# --- among all users ---------------------------------------------------------------


async def _load_in_order(tx: Transaction, app: str, search: Search) -> list[Any]:
    """Return the rows of a page where many users match, and one more if there is another page.

    The next users are checked one by one. If too few of them match, the matching ones may all be
    at the end, so the conditions on all users are used instead.
    """
    number = LOOKED_AT if search.has_conditions else search.limit + 1
    values = {"app_name": app, "number": number}
    query = _next(search, search.sort, tx.dialect)
    # In the order of the file, which is faster than by id, and then sorted.
    read_order = search.sort if _is_by_users(search) else "created_at"
    found: list[Any] = []
    while True:
        rows = (await tx.connection.execute(query, values)).all()
        found += await _load_among(tx, app, [row.id for row in rows], search)
        if len(found) > search.limit or len(rows) < number:
            return found
        search = replace(search, cursor=_write_cursor(rows[-1].key, rows[-1].id))
        query = _next(search, read_order, tx.dialect).where(_conditions_for_all(tx, app, search))


def _is_by_users(search: Search) -> bool:
    """Return whether the users' table alone can sort them; records need not be read."""
    return search.key == "last_seen_at" and not search.field


# Building the statement takes longer than reading a few users, as tests often do.
@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def _next(search: Search, read_order: str, dialect_name: str) -> Select[Any]:
    """Return the query for the next `number` users of the app `app_name` after the cursor.

    They are read in the order of *read_order*.
    """
    app, number = bindparam("app_name", type_=Text), bindparam("number", type_=Integer)
    key = _SORT_KEYS[search.key]
    if read_order.removeprefix("-") == "last_seen_at":
        # An index on this time would change at every call. Instead, users are sorted without
        # their records.
        query = select(users.c.id, key.label("key"))
        query = query.where(user_conditions.is_in_app(app, dialect_name))
        return _from_cursor(query, search, key, users.c.id).limit(number)
    if read_order.removeprefix("-") == "created_at":
        are_users = user_conditions.is_user_record_by_time(app, dialect_name)
    else:
        are_users = user_conditions.is_user_record(app)
    query = select(records.c.id, key.label("key")).where(*are_users)
    if search.key == "last_seen_at":
        query = query.join(users, user_conditions.is_same_user())
    return _from_cursor(query, search, key, records.c.id).limit(number)


def _conditions_for_all(tx: Transaction, app: str, search: Search) -> ColumnElement[bool]:
    """Combine the conditions on all users, which `_conditions` gives for one."""
    by_users, found = _is_by_users(search), list[ColumnElement[bool]]()
    user_id = users.c.id if by_users else records.c.id
    if search.field:
        found.append(user_conditions.has_field(search.field, search.value, tx.dialect))
    if search.disabled is not None:
        disabled = user_conditions.ids_disabled(app, tx.dialect)
        is_disabled = (
            users.c.disabled.is_(True)
            if by_users
            else dialect.is_among(user_id, disabled, tx.dialect)
        )
        found.append(is_disabled if search.disabled else ~is_disabled)
    if search.text:
        like = user_conditions.ids_like(app, search.text)
        found.append(dialect.is_among(user_id, like, tx.dialect))
    return user_conditions.all_in_order(found)


# --- order and cursors -------------------------------------------------------------

# A user who was never seen comes before all others.
_NEVER = literal(datetime(1, 1, 1, tzinfo=UTC), Timestamp)
_SORT_KEYS: dict[str, ColumnElement[Any]] = {
    "created_at": records.c.created_at,
    "id": records.c.id,
    "last_seen_at": func.coalesce(users.c.last_seen_at, _NEVER, type_=Timestamp),
}


def _from_cursor(
    query: Select[Any], search: Search, key: ColumnElement[Any], user_id: ColumnElement[str]
) -> Select[Any]:
    """Return *query* in the order of the search, beginning after its cursor."""
    columns = (key, user_id)
    query = query.order_by(*(one.desc() if search.is_descending else one for one in columns))
    if not search.cursor:
        return query
    value, last_id = read_cursor(search.cursor, search.key)
    place, last = tuple_(*columns), tuple_(literal(value, key.type), literal(last_id))
    return query.where(place < last if search.is_descending else place > last)


def _write_cursor(value: object, user_id: str) -> str:
    text = rfc3339.stored(value) if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([text, user_id]).encode()).decode()


def read_cursor(cursor: str, key: str) -> tuple[str | datetime, str]:
    """Return the *key* and the id of the last user before a page. Raises ValueError."""
    try:
        value, user_id = json.loads(base64.urlsafe_b64decode(cursor))
        # A lone surrogate cannot be encoded, and PostgreSQL cannot store U+0000.
        if b"\0" not in f"{value}{user_id}".encode() and isinstance(user_id, str):
            if key == "id" and isinstance(value, str):
                return value, user_id
            if rfc3339.is_stored(value):
                return datetime.fromisoformat(value), user_id
    except (ValueError, TypeError, RecursionError):
        pass
    raise ValueError("this is not a cursor of this list")


# --- principals and numbers --------------------------------------------------------


async def load_principals(tx: Transaction, app: str, user_id: str) -> list[Principal]:
    """Return the principals that a user logs in with."""
    columns = principals.c
    query = (
        select(
            columns.kind, columns.principal, columns.user_id, columns.created_at, columns.provider
        )
        .where(columns.app == app, columns.user_id == user_id)
        .order_by(columns.kind, columns.provider, columns.principal)
    )
    return [Principal(*row) for row in await tx.connection.execute(query)]


async def count(tx: Transaction, app: str) -> int:
    """Return the number of users of *app*."""
    return await table_rows.count(tx, app, users)
