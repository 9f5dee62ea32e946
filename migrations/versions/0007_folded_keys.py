"""Fold each letter of a unique key alone: a user who signed up as `İSMAİL` logs in as `ismail`.

Keys whose letters all have one lower case stay as they are.
"""

import sqlalchemy as sa
from alembic import op
from skylogin.database.dialect import Json
from skylogin.domain.fields import FIRST_USER_FIELDS
from skylogin.domain.stored_names import PUBLIC_DATABASE, USER_TYPE
from skylogin.domain.unique_keys import NAMES_JOINED_BY, key_of
from skylogin.domain.user import Field
from skylogin.store.apps import KeysTakenError

revision = "0007"
down_revision = "0006"

KEYS = sa.table("auth_keys", *map(sa.column, ("app", "key", "folded", "user_id")))
RECORDS = sa.table(
    "records", *map(sa.column, ("app", "database_id", "type", "id")), sa.column("data", Json())
)
FIELDS = sa.table("record_fields", *map(sa.column, ("app", "type", "field", "kind", "column_type")))


def upgrade() -> None:
    connection = op.get_bind()
    fields: dict[str, dict[str, Field]] = {}
    for row in connection.execute(sa.select(FIELDS).where(FIELDS.c.type == USER_TYPE)):
        of_app = fields.setdefault(row.app, dict(FIRST_USER_FIELDS))
        of_app[row.field] = Field(row.kind, column=row.column_type)
    changed = []
    for row in connection.execute(_keys_and_records(connection.dialect.name)).all():
        names = tuple(row.key.split(NAMES_JOINED_BY))
        new = key_of(row.data, names, fields.get(row.app, FIRST_USER_FIELDS))
        if new is not None and new.folded != row.folded:
            changed.append((row, new.folded))
    for row, _ in changed:
        connection.execute(sa.delete(KEYS).where(*_is(row.app, row.key, row.folded)))
    for row, folded in changed:
        is_taken = sa.select(KEYS.c.user_id).where(*_is(row.app, row.key, folded))
        holder = connection.execute(is_taken).scalar()
        if holder is not None:
            raise KeysTakenError(
                f"the users {holder} and {row.user_id} of the app {row.app} have the same "
                f"{row.key} if case is ignored: change one of them with the version that wrote "
                "this database, then migrate"
            )
        values = {"app": row.app, "key": row.key, "folded": folded, "user_id": row.user_id}
        connection.execute(sa.insert(KEYS).values(values))


def _keys_and_records(dialect: str) -> sa.Select:
    """Return the query for keys that may change: those that are not ASCII, and hashes."""
    folded = KEYS.c.folded
    size = sa.func.octet_length(folded)
    if dialect == "sqlite":
        size = sa.func.length(sa.cast(folded, sa.LargeBinary))
    may_change = sa.or_(size != sa.func.length(folded), folded.like("sha256:%"))
    is_record = (
        RECORDS.c.app == KEYS.c.app,
        RECORDS.c.database_id == PUBLIC_DATABASE,
        RECORDS.c.type == USER_TYPE,
        RECORDS.c.id == KEYS.c.user_id,
    )
    query = sa.select(KEYS, RECORDS.c.data).join(RECORDS, sa.and_(*is_record))
    return query.where(may_change).order_by(KEYS.c.app, KEYS.c.key, KEYS.c.folded)


def _is(app: str, key: str, folded: str) -> tuple:
    return KEYS.c.app == app, KEYS.c.key == key, KEYS.c.folded == folded


def downgrade() -> None:
    """Leave the keys as they are: the earlier version cannot tell which ones have changed."""
