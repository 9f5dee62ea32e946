"""SQL conditions on users, for `user_search`.

Most conditions are written twice: as a set of ids, found once for all users, and for one user at a
time. With 100,000 users, each form is fast where the other is slow. A database that was just
filled has no statistics and would choose the wrong index, so some conditions hide a column from
the indexes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import (
    Select,
    Table,
    Text,
    and_,
    bindparam,
    case,
    false,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from skylogin.database import dialect, json_members
from skylogin.database.tables import auth_keys, principals, records, users
from skylogin.domain.folding import fold
from skylogin.domain.stored_names import OAUTH, PUBLIC_DATABASE, USER_TYPE
from skylogin.store.principals import OF_CUSTOM_TOKENS

UNIQUE_FIELDS = ("username", "email")
# Sorts after every continuation of a prefix.
LAST_CHARACTER = "\U0010ffff"

# The id of the user with the custom token's subject `subject` in the app `app_name`.
ID_OF_SUBJECT = select(principals.c.user_id).where(
    principals.c.app == bindparam("app_name"),
    *OF_CUSTOM_TOKENS,
    principals.c.principal == bindparam("subject"),
)


def is_same_user() -> ColumnElement[bool]:
    """Join a user with their record."""
    return and_(users.c.app == records.c.app, users.c.id == records.c.id)


def is_user_record(app: str | ColumnElement[str]) -> tuple[ColumnElement[bool], ...]:
    """Select the records that are users' profiles."""
    return (
        records.c.app == app,
        records.c.database_id == PUBLIC_DATABASE,
        records.c.type == USER_TYPE,
    )


def is_user_record_by_time(
    app: str | ColumnElement[str], dialect_name: str
) -> tuple[ColumnElement[bool], ...]:
    """Select the same records, read in the order of their creation.

    By the primary key they would have to be sorted.
    """
    is_in_app, _, is_user = is_user_record(app)
    return is_in_app, dialect.is_empty(records.c.database_id, dialect_name), is_user


def is_in_app(app: str | ColumnElement[str], dialect_name: str) -> ColumnElement[bool]:
    """Select the users of an app, read in the order of the file, not of their ids."""
    return dialect.unindexed(users.c.app, dialect_name) == app


def has_field(name: str, value: str, dialect_name: str) -> ColumnElement[bool]:
    """Select the records whose field *name* is *value*. No index helps."""
    return json_members.has_member(records.c.data, name, value, dialect_name)


def ids_disabled(app: str, dialect_name: str) -> Select[Any]:
    """Return the ids of all disabled users."""
    return select(users.c.id).where(is_in_app(app, dialect_name), users.c.disabled.is_(True))


def ids_like(app: str, text: str) -> Select[Any]:
    """Return the ids of the users with the id *text*, or a principal or unique field beginning so.

    Some come twice: removing those would take longer.
    """
    by_id = select(users.c.id).where(users.c.app == app, users.c.id == text)
    others = (
        select(table.c.user_id.label("id")).where(table.c.app == app, condition)
        for table, condition in _begin_with(text, lambda column: column)
    )
    return select(union_all(by_id, *others).subquery().c.id)


def is_like(text: str, dialect_name: str) -> ColumnElement[bool]:
    """Select the same users by their records, one at a time."""
    # The indexes by user are faster here than those by text, which many users may share.
    sources = _begin_with(text, lambda column: dialect.unindexed(column, dialect_name))
    found = (
        select(table.c.app)
        .where(table.c.app == records.c.app, table.c.user_id == records.c.id, condition)
        .limit(1)
        .scalar_subquery()
        for table, condition in sources
    )
    # With EXISTS, PostgreSQL may look for all users at once.
    return or_(records.c.id == text, *(one.is_not(None) for one in found))


Columns = Callable[[ColumnElement[str]], ColumnElement[str]]


def _begin_with(text: str, spelled: Columns) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Yield the tables to search for *text*, with the conditions on their rows."""
    begins = _begins(spelled(principals.c.principal), text)
    yield principals, and_(*OF_CUSTOM_TOKENS, begins)
    yield principals, and_(principals.c.kind == OAUTH, begins)
    begins = _begins(spelled(auth_keys.c.folded), fold(text))
    for name in UNIQUE_FIELDS:
        yield auth_keys, and_(auth_keys.c.key == name, begins)


def _begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return column.between(literal(text, Text), literal(text + LAST_CHARACTER, Text))


def all_in_order(conditions: Sequence[ColumnElement[bool]]) -> ColumnElement[bool]:
    """Combine conditions so that each is evaluated only if those before it are true."""
    first, *others = conditions or [true()]
    return case((first, all_in_order(others)), else_=false()) if others else first
