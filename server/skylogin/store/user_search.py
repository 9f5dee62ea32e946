"""Searching users, a page at a time."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import CompoundSelect, Select, Text, and_, func, literal, select, tuple_, union
from sqlalchemy.sql.elements import ColumnElement

from skylogin import rfc3339
from skylogin.store import dialect
from skylogin.store import users as stored_users
from skylogin.store.dialect import Moment
from skylogin.store.tables import auth_keys, principals, records, users
from skylogin.store.transaction import PUBLIC, USER_TYPE, Transaction
from skylogin.user import Principal, User

SORTS = ("created_at", "-created_at", "id", "-id", "last_seen_at", "-last_seen_at")
# Sorts behind whatever a prefix goes on with, in the order of the characters' numbers.
BEHIND = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Search:
    """Which users are meant, in which order, and how many of them.

    *text* is what the id, a principal, or a unique field such as the user name or the
    e-mail is or begins with. *subject* is the principal of custom tokens, and *field* of the
    profile is to be *value*.
    """

    text: str = ""
    subject: str = ""
    field: str = ""
    value: str = ""
    disabled: bool | None = None
    sort: str = "-created_at"
    cursor: str = ""
    limit: int = 50


async def find(tx: Transaction, app: str, search: Search) -> tuple[list[User], str]:
    """Return the users of a page, and the cursor of the next one, empty on the last.

    Raises ValueError on a cursor or an order that is none.
    """
    if search.sort not in SORTS:
        raise ValueError(f"{search.sort} is none of {', '.join(SORTS)}")
    name, is_down = search.sort.removeprefix("-"), search.sort.startswith("-")
    key, user_id = _SORT_KEYS[name], records.c.id
    order = (key.desc(), user_id.desc()) if is_down else (key.asc(), user_id.asc())
    query = (
        select(user_id, key.label("key"))
        .join(users, and_(users.c.app == records.c.app, users.c.id == records.c.id))
        .where(
            records.c.app == app,
            records.c.database_id == PUBLIC,
            records.c.type == USER_TYPE,
            *_conditions(tx, app, search),
        )
        .order_by(*order)
        .limit(search.limit + 1)
    )
    if search.cursor:
        query = query.where(_behind(search.cursor, key, is_down=is_down))
    rows = (await tx.connection.execute(query)).all()
    page = rows[: search.limit]
    found = await stored_users.load(tx, app, [row.id for row in page])
    cursor = _write_cursor(page[-1].key, page[-1].id) if len(rows) > len(page) else ""
    return [found[row.id] for row in page if row.id in found], cursor


def _conditions(tx: Transaction, app: str, search: Search) -> Iterator[ColumnElement[bool]]:
    if search.text:
        yield records.c.id.in_(_ids_like(app, search.text))
    if search.subject:
        yield records.c.id.in_(_ids_of(app, search.subject))
    if search.disabled is not None:
        yield users.c.disabled.is_(search.disabled)
    if search.field:
        yield dialect.has_member(records.c.data, search.field, search.value, tx.dialect)


def _ids_of(app: str, subject: str) -> Select[Any]:
    """Return the id of the user whose custom tokens have this subject."""
    columns = principals.c
    return select(columns.user_id).where(
        columns.app == app,
        columns.kind == "custom_token",
        columns.provider == "",
        columns.principal == subject,
    )


def _ids_like(app: str, text: str) -> CompoundSelect[Any]:
    """Return the ids of users whose id, principal or unique field begins with *text*."""
    keys, subjects = auth_keys.c, principals.c
    folded = text.lower()
    return union(
        select(users.c.id).where(users.c.app == app, users.c.id == text),
        select(subjects.user_id).where(
            subjects.app == app,
            subjects.kind == "custom_token",
            subjects.provider == "",
            _begins(subjects.principal, text),
        ),
        select(subjects.user_id).where(
            subjects.app == app,
            subjects.kind == "oauth",
            _begins(subjects.principal, text),
        ),
        *(
            select(keys.user_id).where(
                keys.app == app, keys.key == name, _begins(keys.folded, folded)
            )
            for name in ("username", "email")
        ),
    )


def _begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.between(literal(text, Text), literal(text + BEHIND, Text))


def _behind(cursor: str, key: ColumnElement[Any], *, is_down: bool) -> ColumnElement[bool]:
    value, user_id = _read_cursor(cursor)
    if key is not records.c.id:
        value = datetime.fromisoformat(value)
    place, last = tuple_(key, records.c.id), tuple_(literal(value, key.type), literal(user_id))
    return place < last if is_down else place > last


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
    raise ValueError("that is no cursor of this list")


# What never was, was before everything.
_NEVER = literal(datetime(1, 1, 1, tzinfo=UTC), Moment)
_SORT_KEYS: dict[str, ColumnElement[Any]] = {
    "created_at": records.c.created_at,
    "id": records.c.id,
    "last_seen_at": func.coalesce(users.c.last_seen_at, _NEVER, type_=Moment),
}


async def load_principals(tx: Transaction, app: str, user_id: str) -> list[Principal]:
    """Return as whom a user logs in."""
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
