"""Roles: default roles, admin roles, and the roles of users."""

import functools
from collections.abc import Collection

from sqlalchemy import Select, Text, bindparam, delete, select, update
from sqlalchemy.sql.schema import Column

from skylogin.database import dialect
from skylogin.database.tables import roles, user_roles, users
from skylogin.database.transaction import Transaction


async def load_default(tx: Transaction, app: str) -> tuple[str, ...]:
    """Return the roles that new users get."""
    return await _load_marked(tx, app, roles.c.by_default)


async def load_admin(tx: Transaction, app: str) -> tuple[str, ...]:
    """Return the roles with the rights of admins."""
    return await _load_marked(tx, app, roles.c.is_admin)


async def _load_marked(tx: Transaction, app: str, mark: Column[bool]) -> tuple[str, ...]:
    rows = await tx.connection.execute(_marked(mark.name), {"name": app})
    return tuple(sorted(row.id for row in rows))


@functools.cache
def _marked(mark: str) -> Select[tuple[str]]:
    return select(roles.c.id).where(roles.c.app == bindparam("name"), roles.c[mark])


async def set_default(tx: Transaction, app: str, names: Collection[str]) -> None:
    """Make exactly *names* the default roles."""
    await _mark_only(tx, app, roles.c.by_default, names)


async def set_admin(tx: Transaction, app: str, names: Collection[str]) -> None:
    """Make exactly *names* the admin roles."""
    await _mark_only(tx, app, roles.c.is_admin, names)


async def _mark_only(tx: Transaction, app: str, mark: Column[bool], names: Collection[str]) -> None:
    await add_missing(tx, app, names)
    name = dialect.json_rows("rows", tx.dialect, id=Text)["id"]
    is_named = roles.c.id.in_(select(name))
    await tx.connection.execute(
        update(roles).where(roles.c.app == app).values({mark.name: is_named}),
        {"rows": [{"id": one} for one in names]},
    )


async def add_missing(tx: Transaction, app: str, names: Collection[str]) -> None:
    """Make the roles in *names* that do not exist."""
    rows = [{"app": app, "id": name} for name in sorted(set(names))]
    if rows:
        await tx.connection.execute(dialect.insert_missing(roles, tx.dialect), rows)


async def assign(
    tx: Transaction, app: str, user_ids: Collection[str], names: Collection[str]
) -> None:
    """Assign the roles *names* to the users that exist; missing roles are made."""
    await add_missing(tx, app, names)
    wanted = dialect.json_rows("rows", tx.dialect, id=Text)["id"]
    query = select(users.c.id).where(users.c.app == app, users.c.id.in_(select(wanted)))
    values = {"rows": [{"id": user_id} for user_id in set(user_ids)]}
    existing = sorted(row.id for row in await tx.connection.execute(query, values))
    rows = [
        {"app": app, "user_id": user_id, "role": name}
        for user_id in existing
        for name in sorted(set(names))
    ]
    if rows:
        await tx.connection.execute(dialect.insert_missing(user_roles, tx.dialect), rows)


async def revoke(
    tx: Transaction, app: str, user_ids: Collection[str], names: Collection[str]
) -> None:
    """Revoke the roles *names* from the users *user_ids*."""
    user_id = dialect.json_rows("user_ids", tx.dialect, id=Text)["id"]
    name = dialect.json_rows("names", tx.dialect, id=Text)["id"]
    await tx.connection.execute(
        delete(user_roles).where(
            user_roles.c.app == app,
            user_roles.c.user_id.in_(select(user_id)),
            user_roles.c.role.in_(select(name)),
        ),
        {
            "user_ids": [{"id": one} for one in sorted(set(user_ids))],
            "names": [{"id": one} for one in sorted(set(names))],
        },
    )


async def load_of(tx: Transaction, app: str, user_ids: Collection[str]) -> dict[str, list[str]]:
    """Return the roles of each of *user_ids*; an unknown user has none."""
    wanted = dialect.json_rows("rows", tx.dialect, id=Text)["id"]
    query = (
        select(user_roles.c.user_id, user_roles.c.role)
        .where(user_roles.c.app == app, user_roles.c.user_id.in_(select(wanted)))
        .order_by(user_roles.c.user_id, user_roles.c.role)
    )
    values = {"rows": [{"id": user_id} for user_id in sorted(set(user_ids))]}
    found: dict[str, list[str]] = {user_id: [] for user_id in user_ids}
    for row in await tx.connection.execute(query, values):
        found[row.user_id].append(row.role)
    return {user_id: sorted(names) for user_id, names in found.items()}
