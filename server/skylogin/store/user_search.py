"""Searches users, one page at a time."""

import base64
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect
from skylogin.database.dialect import Timestamp
from skylogin.database.tables import auth_keys, principals, records, users
from skylogin.database.transaction import Transaction
from skylogin.domain.stored_names import CUSTOM_TOKEN, OAUTH, PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.user import Principal, User
from skylogin.encoding import rfc3339
from skylogin.store import users as stored_users
from skylogin.store.principals import OF_CUSTOM_TOKENS

SORTS = ("created_at", "-created_at", "id", "-id", "last_seen_at", "-last_seen_at")
# A suffix that sorts after every other one, in the order of code points.
LAST_SUFFIX = "\U0010ffff"
# With more matches than this, users are scanned in order instead, the next thousand first.
LOOKED_UP_MAX, LOOKED_AT = 5000, 1000
STATEMENTS_KEPT = 32
UNIQUE_FIELDS = ("username", "email")


@dataclass(frozen=True, slots=True)
class Search:
    """Which users to find, in which order, and how many.

    *text* is the id, or the beginning of a principal or of a unique field such as the user name
    or the e-mail. *subject* is the subject of custom tokens. The profile's *field* has to be
    *value*.
    """

    text: str = ""
    subject: str = ""
    field: str = ""
    value: str = ""
    disabled: bool | None = None
    sort: str = "-created_at"
    cursor: str = ""
    limit: int = 50


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of users, and the subjects of those that have one, by user id.

    *next_cursor* is empty on the last page.
    """

    users: list[User]
    subjects: Mapping[str, str]
    next_cursor: str


async def find(tx: Transaction, app: str, search: Search) -> UserPage:
    """Return a page of users. Raises ValueError on an invalid cursor or sort order."""
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
    return UserPage([found[row.id] for row in page if row.id in found], subjects, cursor)


async def _load_candidates(
    tx: Transaction, app: str, search: Search
) -> tuple[list[str] | None, Search]:
    """Return the ids of users that may match, and the conditions that are still to be checked.

    None if too many may match, or if no condition has an index.
    """
    if search.subject:
        values = {"of": app, "subject": search.subject}
        found = await tx.connection.execute(_OF_SUBJECT, values)
        return [row.user_id for row in found], replace(search, subject="")
    if search.text:
        ids = await _load_ids(tx, _ids_like(app, search.text), LOOKED_UP_MAX)
        if ids is not None:
            return ids, replace(search, text="")
    if search.disabled:
        ids = await _load_ids(tx, _ids_disabled(tx, app), LOOKED_UP_MAX)
        if ids is not None:
            return ids, replace(search, disabled=None)
    return None, search


# The id of the user whose custom tokens have this subject.
_OF_SUBJECT = select(principals.c.user_id).where(
    principals.c.app == bindparam("of"),
    *OF_CUSTOM_TOKENS,
    principals.c.principal == bindparam("subject"),
)


async def _load_ids(tx: Transaction, query: Select[Any], most: int) -> list[str] | None:
    """Return the ids that *query* finds, None if they are more than *most*."""
    some = query.limit(most + 1).subquery()
    # As one value: sending this many rows would take longer than finding them.
    listed = select(dialect.list_of(some.c.id, tx.dialect))
    ids: list[str] = (await tx.connection.execute(listed)).scalar() or []
    return ids if len(ids) <= most else None


async def _load_among(
    tx: Transaction, app: str, ids: Sequence[str], search: Search
) -> Sequence[Any]:
    if not ids:
        # An invalid cursor is an error here too.
        if search.cursor:
            _read_cursor(search.cursor)
        return []
    values = {"ids": [{"app": app, "id": one} for one in dict.fromkeys(ids)]}
    rows: Sequence[Any] = (await tx.connection.execute(_among(search, tx.dialect), values)).all()
    return rows


# Building it takes longer than looking up one user by subject, which tests do often.
@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def _among(search: Search, dialect_name: str) -> Select[Any]:
    # One user after the other: without statistics, the database would scan all users for
    # each id.
    row = dialect.json_rows("ids", dialect_name, app=Text, id=Text)
    key = _sort_key(search.sort)
    is_one = (*_is_user(row["app"]), records.c.id == row["id"])
    of_one = _matching(search, dialect_name, key).where(*is_one).scalar_subquery()
    checked = select(row["id"].label("id"), of_one.label("key")).cte("looked")
    some = checked.prefix_with("MATERIALIZED").c
    query = select(some.id, some.key).where(some.key.is_not(None))
    return _page(query, search, some.key, some.id)


async def _load_in_order(tx: Transaction, app: str, search: Search) -> list[Any]:
    """Return the rows of a page if many users match.

    The next users in order are checked one by one. If they do not fill the page, the matches may
    be the last users of all: then a query over all the others finds them.
    """
    is_search = search.text or search.field or search.disabled is not None
    number = LOOKED_AT if is_search else search.limit + 1
    values = {"of": app, "number": number}
    query = _next(search, search.sort, tx.dialect)
    # Reading in the order of creation and then sorting is quicker than reading by id.
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
    """Return whether the table of users is enough, so that records need not be read."""
    return search.sort.removeprefix("-") == "last_seen_at" and not search.field


def _matching(search: Search, dialect_name: str, *columns: ColumnElement[Any]) -> Select[Any]:
    return (
        select(*columns)
        .select_from(records)
        .join(users, _is_same_user())
        .where(*_conditions(search, dialect_name))
    )


def _is_same_user() -> ColumnElement[bool]:
    return and_(users.c.app == records.c.app, users.c.id == records.c.id)


def _is_user(app: str | ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    return (
        records.c.app == app,
        records.c.database_id == PUBLIC_DATABASE,
        records.c.type == USER_TYPE,
    )


def _is_user_in_order(
    app: ColumnElement[str], sort: str, dialect_name: str
) -> tuple[ColumnElement[bool], ...]:
    """Return the condition `_is_user`, written so that rows are read in the order of *sort*."""
    is_in_app, is_public, is_user = _is_user(app)
    if sort.removeprefix("-") == "created_at":
        # By the primary key, as many rows would be found, but would have to be sorted.
        is_public = dialect.is_empty(records.c.database_id, dialect_name)
    return is_in_app, is_public, is_user


def _is_of(app: str | ColumnElement[str], dialect_name: str) -> ColumnElement[bool]:
    """Return whether a user is of *app*, written so that the table is scanned without an index."""
    return dialect.unindexed(users.c.app, dialect_name) == app


# Building it takes longer than reading a few users, which tests do often.
@functools.lru_cache(maxsize=STATEMENTS_KEPT)
def _next(search: Search, read_order: str, dialect_name: str) -> Select[Any]:
    """Return the query for `number` users of the app `of`, in order, after the cursor.

    They are read in the order of *read_order*.
    """
    app, number = bindparam("of", type_=Text), bindparam("number", type_=Integer)
    key = _sort_key(search.sort)
    if read_order.removeprefix("-") == "last_seen_at":
        # An index on it would change with every call, so the users are sorted.
        query = select(users.c.id, key.label("key")).where(_is_of(app, dialect_name))
        return _after_cursor(query, search, key, users.c.id).limit(number)
    query = select(records.c.id, key.label("key")).where(
        *_is_user_in_order(app, read_order, dialect_name)
    )
    if search.sort.removeprefix("-") == "last_seen_at":
        query = query.join(users, _is_same_user())
    return _after_cursor(query, search, key, records.c.id).limit(number)


def _sort_key(sort: str) -> ColumnElement[Any]:
    return _SORT_KEYS[sort.removeprefix("-")]


def _in_order(
    sort: str, key: ColumnElement[Any], user_id: ColumnElement[str]
) -> list[ColumnElement[Any]]:
    """Return the ORDER BY of a *sort* whose column is *key*."""
    is_descending = sort.startswith("-")
    return [one.desc() if is_descending else one.asc() for one in (key, user_id)]


def _page(
    query: Select[Any], search: Search, key: ColumnElement[Any], user_id: ColumnElement[str]
) -> Select[Any]:
    """Return *query* for a page and one more row, which tells whether another page follows."""
    return _after_cursor(query, search, key, user_id).limit(search.limit + 1)


def _after_cursor(
    query: Select[Any], search: Search, key: ColumnElement[Any], user_id: ColumnElement[str]
) -> Select[Any]:
    """Return *query* in order, after the cursor."""
    query = query.order_by(*_in_order(search.sort, key, user_id))
    if not search.cursor:
        return query
    value, last_id = _read_cursor(search.cursor)
    if search.sort.removeprefix("-") != "id":
        value = datetime.fromisoformat(value)
    place, last = tuple_(key, user_id), tuple_(literal(value, key.type), literal(last_id))
    return query.where(place < last if search.sort.startswith("-") else place > last)


def _finds_row(query: Select[Any]) -> ColumnElement[bool]:
    """Return whether *query* finds a row, checked for each user on its own.

    With EXISTS, PostgreSQL may check it for all users at once.
    """
    return query.limit(1).scalar_subquery().is_not(None)


def _conditions(search: Search, dialect_name: str) -> Iterator[ColumnElement[bool]]:
    if search.text:
        yield _is_like(search.text, dialect_name)
    if search.disabled is not None:
        yield users.c.disabled.is_(search.disabled)
    if search.field:
        yield _has_field(search, dialect_name)


def _conditions_for_all(tx: Transaction, app: str, search: Search) -> ColumnElement[bool]:
    """Return the same as `_conditions`, but quicker for all users and slower for a few."""
    found: list[ColumnElement[bool]] = []
    user_id = records.c.id
    is_disabled = dialect.is_among(user_id, _ids_disabled(tx, app), tx.dialect)
    if _is_by_users(search):
        user_id, is_disabled = users.c.id, users.c.disabled.is_(True)
    if search.field:
        found.append(_has_field(search, tx.dialect))
    if search.disabled is not None:
        found.append(is_disabled if search.disabled else ~is_disabled)
    if search.text:
        found.append(dialect.is_among(user_id, _ids_like(app, search.text), tx.dialect))
    return _all_in_order(found)


def _all_in_order(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Return whether all are true; a subquery runs only if the conditions before it are true."""
    first, *others = conditions or [true()]
    return case((first, _all_in_order(others)), else_=false()) if others else first


def _has_field(search: Search, dialect_name: str) -> ColumnElement[bool]:
    return dialect.has_member(records.c.data, search.field, search.value, dialect_name)


def _ids_disabled(tx: Transaction, app: str) -> Select[Any]:
    return select(users.c.id).where(_is_of(app, tx.dialect), users.c.disabled.is_(True))


def _ids_like(app: str, text: str) -> Select[Any]:
    """Return the ids of users whose id, principal or unique field begins with *text*."""
    keys, subjects = auth_keys.c, principals.c
    folded = text.lower()
    sources = [
        select(users.c.id).where(users.c.app == app, users.c.id == text),
        select(subjects.user_id.label("id")).where(
            subjects.app == app,
            *OF_CUSTOM_TOKENS,
            _begins(subjects.principal, text),
        ),
        select(subjects.user_id.label("id")).where(
            subjects.app == app,
            subjects.kind == OAUTH,
            _begins(subjects.principal, text),
        ),
        *(
            select(keys.user_id.label("id")).where(
                keys.app == app, keys.key == name, _begins(keys.folded, folded)
            )
            for name in UNIQUE_FIELDS
        ),
    ]
    # With duplicates: removing them takes longer than checking a user twice.
    return select(union_all(*sources).subquery().c.id)


def _is_like(text: str, dialect_name: str) -> ColumnElement[bool]:
    """Return for one user what `_ids_like` finds among all."""
    keys, subjects = auth_keys.c, principals.c
    # By the index on the user, because many users may have the same prefix.
    subject, folded = (
        dialect.unindexed(one, dialect_name) for one in (subjects.principal, keys.folded)
    )
    has_principal = select(subjects.app).where(
        subjects.app == records.c.app,
        subjects.user_id == records.c.id,
        subjects.kind.in_((CUSTOM_TOKEN, OAUTH)),
        _begins(subject, text),
    )
    has_key = select(keys.app).where(
        keys.app == records.c.app,
        keys.user_id == records.c.id,
        keys.key.in_(UNIQUE_FIELDS),
        _begins(folded, text.lower()),
    )
    return or_(records.c.id == text, *(_finds_row(one) for one in (has_principal, has_key)))


def _begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.between(literal(text, Text), literal(text + LAST_SUFFIX, Text))


def _write_cursor(value: object, user_id: str) -> str:
    text = rfc3339.stored(value) if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([text, user_id]).encode()).decode()


def _read_cursor(cursor: str) -> tuple[Any, str]:
    try:
        value, user_id = json.loads(base64.urlsafe_b64decode(cursor))
        if isinstance(value, str) and isinstance(user_id, str):
            return value, user_id
    except (ValueError, TypeError):
        pass
    raise ValueError("this is not a cursor of this list")


# Users that were never seen count as seen before all others.
_NEVER = literal(datetime(1, 1, 1, tzinfo=UTC), Timestamp)
_SORT_KEYS: dict[str, ColumnElement[Any]] = {
    "created_at": records.c.created_at,
    "id": records.c.id,
    "last_seen_at": func.coalesce(users.c.last_seen_at, _NEVER, type_=Timestamp),
}


async def load_principals(tx: Transaction, app: str, user_id: str) -> list[Principal]:
    """Return the principals that log in as a user."""
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
    query = select(func.count()).select_from(users).where(users.c.app == app)
    return int((await tx.connection.execute(query)).scalar_one())
