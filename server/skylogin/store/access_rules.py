"""Access rules: loaded together, replaced one kind at a time."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from skylogin.database import dialect
from skylogin.database.tables import field_access, record_types
from skylogin.database.transaction import Transaction
from skylogin.domain import schema
from skylogin.domain.access import AccessRules, TypeRules
from skylogin.domain.field_rules import FieldRule, FieldRules
from skylogin.encoding.json_text import JsonValue
from skylogin.store.schema import count_types

# The names of the tables that hold the rules.
TABLES = frozenset((record_types.name, field_access.name))


async def load(tx: Transaction, app: str) -> AccessRules:
    """Return all rules of *app*."""
    rows = await tx.connection.execute(_TYPES, {"name": app})
    types = {row.type: TypeRules(tuple(row.create_roles or ()), row.default_access) for row in rows}
    return AccessRules(await load_field_rules(tx, app), types)


_TYPES = select(
    record_types.c.type, record_types.c.create_roles, record_types.c.default_access
).where(record_types.c.app == bindparam("name"))


async def load_field_rules(tx: Transaction, app: str) -> FieldRules:
    """Return the field rules of *app*."""
    rows = await tx.connection.execute(_FIELD_RULES, {"name": app})
    return FieldRules(FieldRule(*tuple(row)) for row in rows)


# In the order of the fields of FieldRule.
_FIELD_RULES = select(*(column for column in field_access.c if column.name != "app")).where(
    field_access.c.app == bindparam("name")
)


async def replace_field_rules(tx: Transaction, app: str, rules: Sequence[FieldRule]) -> None:
    """Replace all field rules of *app* with *rules*."""
    await tx.connection.execute(delete(field_access).where(field_access.c.app == app))
    await add_field_rules(tx, app, rules)


async def add_field_rules(tx: Transaction, app: str, rules: Sequence[FieldRule]) -> None:
    """Add *rules*, except where a rule for the same type, field and users exists."""
    rows = [
        {
            "app": app,
            "type": rule.record_type,
            "field": rule.record_field,
            "user_role": rule.user_role,
            "writable": rule.writable,
            "readable": rule.readable,
            "comparable": rule.comparable,
            "discoverable": rule.discoverable,
        }
        for rule in rules
    ]
    if rows:
        await tx.connection.execute(dialect.insert_missing(field_access, tx.dialect), rows)


async def set_create_roles(
    tx: Transaction, app: str, record_type: str, roles: Sequence[str]
) -> None:
    """Let only users with one of *roles* create records of a type; no roles means all users."""
    await _set(tx, app, record_type, create_roles=list(roles))


async def set_default_access(
    tx: Transaction, app: str, record_type: str, access: list[JsonValue]
) -> None:
    """Set the access list of records of a type that are saved without one."""
    await _set(tx, app, record_type, default_access=access)


async def _set(tx: Transaction, app: str, record_type: str, **values: JsonValue) -> None:
    table = record_types
    changed = await tx.connection.execute(
        update(table).where(table.c.app == app, table.c.type == record_type).values(**values)
    )
    if not changed.rowcount:
        # Rules do not make a type: its first record will.
        row = {"app": app, "type": record_type, "made": False, **values}
        await tx.connection.execute(insert(table), row)
        schema.check_count(await count_types(tx, app))
