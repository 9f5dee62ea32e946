"""Read a database of the original: what an app has, and its rows in our columns.

All statements run in one read-only transaction.
"""

import re
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import JSON, Select, Text, case, cast, column, func, null, select, table, text
from sqlalchemy.sql.elements import ColumnElement, quoted_name
from sqlalchemy.sql.selectable import TableClause

from skylogin.database.transaction import Transaction
from skylogin.domain import skygear
from skylogin.domain.skygear import FIXED_TABLES, LEFT_BEHIND, RECORD_COLUMNS, FixedTable, Skygear
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.unique_keys import KeySet
from skylogin.encoding import json_text
from skylogin.errors import ExpectedError

ROWS_AT_ONCE = 1000
_DIGITS = 15
_TYPES_SCHEMA = re.compile(r'^(?:"[^"]*"|\w+)\.')
# Tables that have no counterpart of ours, but whose rows are read.
_RULES = ("_record_creation", "_record_default_access")
_VERSION_TABLE = "_version"
_NEEDED = (_VERSION_TABLE, *(one.name for one in FIXED_TABLES), *_RULES, *LEFT_BEHIND, USER_TYPE)

_BEGIN = (
    "SET TRANSACTION READ ONLY",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL statement_timeout = 0",
    # Off for our own statements, but here whole tables are joined.
    "SET LOCAL enable_hashjoin = on",
    # A server before 9.6 does not know it.
    "SELECT set_config(name, '0', true) FROM pg_settings "
    "WHERE name = 'idle_in_transaction_session_timeout'",
)
_SCHEMAS = text(r"SELECT nspname FROM pg_namespace WHERE nspname LIKE 'app\_%' ORDER BY nspname")
_RIGHTS = text("SELECT has_schema_privilege(:schema, 'USAGE'), current_user")
_RELATIONS = text("""
    SELECT c.relname AS name, c.relkind::text AS kind,
        has_table_privilege(c.oid, 'SELECT') AS readable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'S') ORDER BY c.relname
""")
_COLUMNS = text("""
    SELECT c.relname AS relation, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
        target.relname AS target
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_constraint f
        ON f.conrelid = c.oid AND f.contype = 'f' AND f.conkey = ARRAY[a.attnum]
    LEFT JOIN pg_class target ON target.oid = f.confrelid
    WHERE n.nspname = :schema AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY c.relname, a.attnum, target.relname
""")
_KEY_SETS = text("""
    SELECT ARRAY(
        SELECT a.attname FROM pg_attribute a
        WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
    )::text[] AS names
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :type AND k.contype = 'u'
        AND left(k.conname::text, length(:prefix)) = :prefix
    ORDER BY k.conname
""")
_POSTGIS = text("""
    SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'postgis'
""")


class NotSkygearError(ExpectedError):
    """The database cannot be imported. The text is one line."""


async def describe(tx: Transaction, app_name: str) -> Skygear:
    """Return what the database has for an app. Raises NotSkygearError."""
    for statement in _BEGIN:
        await tx.connection.execute(text(statement))
    schema = skygear.schema_of(app_name)
    await _check_schema(tx, schema)
    postgis = (await tx.connection.execute(_POSTGIS)).scalar()
    relations = (await tx.connection.execute(_RELATIONS, {"schema": schema})).all()
    tables = {row.name: row.readable for row in relations if row.kind != "S"}
    _check_tables(schema, tables, has_postgis=postgis is not None)
    for name in _NEEDED:
        if not tables[name]:
            raise await _not_readable(tx, schema, name)
    await _check_version(tx, schema)
    columns: dict[str, dict[str, tuple[str, str | None]]] = {}
    for row in await tx.connection.execute(_COLUMNS, {"schema": schema}):
        type_name = _TYPES_SCHEMA.sub("", row.type)
        columns.setdefault(row.relation, {}).setdefault(row.name, (type_name, row.target))
    sequences = {row.name for row in relations if row.kind == "S"}
    found, others = [], []
    for name, is_readable in tables.items():
        if name in _NEEDED and name != USER_TYPE:
            continue
        if name.startswith("_") or not set(RECORD_COLUMNS.values()) <= set(columns.get(name, ())):
            others.append(name)
            continue
        if not is_readable:
            raise await _not_readable(tx, schema, name)
        found.append(_record_table(name, columns[name], sequences))
    # The types may be in any order: a field refers to its target by name.
    return Skygear(
        app_name, schema, tuple(found), await _key_sets(tx, schema), postgis, tuple(others)
    )


def _record_table(
    name: str, columns: Mapping[str, tuple[str, str | None]], sequences: Collection[str]
) -> skygear.RecordTable:
    fields = {
        column_name: skygear.field_of(
            type_name, target, has_sequence=f"{name}_{column_name}_seq" in sequences
        )
        for column_name, (type_name, target) in columns.items()
        if column_name not in RECORD_COLUMNS.values()
    }
    return skygear.RecordTable(name, fields)


async def _check_schema(tx: Transaction, schema: str) -> None:
    schemas = list((await tx.connection.execute(_SCHEMAS)).scalars())
    if schema not in schemas:
        has = "it has no schema of any Skygear app"
        if schemas:
            names = ", ".join(skygear.app_of(one) for one in schemas)
            has = f"it has the app{'s' * (len(schemas) > 1)} {names}: name one with --app-name"
        raise NotSkygearError(f"the Skygear database has no schema {schema}; {has}")
    may_use, user = (await tx.connection.execute(_RIGHTS, {"schema": schema})).one()
    if not may_use:
        raise _not_permitted(user, f"the schema {schema}", schema)


def _check_tables(schema: str, tables: Mapping[str, bool], *, has_postgis: bool) -> None:
    missing = [name for name in _NEEDED if name not in tables]
    if not missing:
        return
    why = "it is not a whole app of skygear-server"
    if not has_postgis:
        why = (
            "the database has no PostGIS, without which a dump is not restored whole: install it "
            "(Debian: postgresql-postgis) and restore the dump again"
        )
    raise NotSkygearError(f"the schema {schema} has no table {missing[0]!r}: {why}")


async def _check_version(tx: Transaction, schema: str) -> None:
    query: Select[Any] = select(column("version_num")).select_from(_table(schema, _VERSION_TABLE))
    versions = [str(one) for one in (await tx.connection.execute(query)).scalars()]
    if versions != [skygear.VERSION]:
        raise NotSkygearError(
            f"the Skygear database has the version {', '.join(versions) or 'none'}, and only "
            f"{skygear.VERSION} can be imported: start skygear-server 1.7.3 on it once, with "
            "DEV_MODE=YES"
        )


async def _not_readable(tx: Transaction, schema: str, name: str) -> NotSkygearError:
    user = (await tx.connection.execute(text("SELECT current_user"))).scalar_one()
    return _not_permitted(user, f"the table {name!r} of {schema}", schema)


def _not_permitted(user: str, what: str, schema: str) -> NotSkygearError:
    name, role = _quoted(schema), _quoted(user)
    return NotSkygearError(
        f"user {user!r} may not read {what}: GRANT USAGE ON SCHEMA {name} TO {role}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {role}"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def _key_sets(tx: Transaction, schema: str) -> tuple[KeySet, ...]:
    values = {"schema": schema, "type": USER_TYPE, "prefix": skygear.KEY_CONSTRAINTS}
    rows = await tx.connection.execute(_KEY_SETS, values)
    return tuple(dict.fromkeys(tuple(sorted(row.names)) for row in rows))


async def count(tx: Transaction, source: Skygear) -> int:
    """Return the number of rows that `read_fixed` and `read_records` yield."""
    names = [one.name for one in FIXED_TABLES] + [one.name for one in source.tables]
    return sum([await count_rows(tx, source, name) for name in names])


async def count_rows(tx: Transaction, source: Skygear, name: str, condition: str = "") -> int:
    """Return the number of rows of a table, or of those that meet *condition*."""
    query = select(func.count()).select_from(_table(source.schema, name))
    if condition:
        query = query.where(text(condition))
    return int((await tx.connection.execute(query)).scalar_one())


async def count_anonymous(tx: Transaction, source: Skygear) -> int:
    """Return the number of users with a record but without any stored way to log in."""
    users = _table(source.schema, "_auth").alias("u")
    others = {"_sso_custom_token": "user_id", "_sso_oauth": "user_id"}
    query = select(func.count()).select_from(users).where(text("u.password IS NULL"))
    for name, key in others.items():
        other = _table(source.schema, name, key)
        query = query.where(~select(null()).where(other.c[key] == text("u.id")).exists())
    record = _table(source.schema, USER_TYPE, RECORD_COLUMNS["id"])
    with_record = select(null()).where(record.c[RECORD_COLUMNS["id"]] == text("u.id")).exists()
    return int((await tx.connection.execute(query.where(with_record))).scalar_one())


async def find_password(tx: Transaction, source: Skygear, username: str) -> str | None:
    """Return the password hash of the user called *username*, None if it does not exist."""
    users = _table(source.schema, "_auth", "id", "password")
    key = RECORD_COLUMNS["id"]
    record = _table(source.schema, USER_TYPE, key, "username")
    if not any(one.name == USER_TYPE and "username" in one.fields for one in source.tables):
        return None
    query = select(users.c.password).join(record, record.c[key] == users.c.id)
    found = await tx.connection.execute(query.where(cast(record.c.username, Text) == username))
    return found.scalar()


async def read_rules(
    tx: Transaction, source: Skygear
) -> tuple[dict[str, list[str]], dict[str, Any]]:
    """Return the roles that may create records, and the default access lists, by record type."""
    creation = _table(source.schema, "_record_creation", "record_type", "role_id")
    rows = await tx.connection.execute(select(creation).order_by(*creation.c))
    roles = skygear.create_roles([(row.record_type, row.role_id) for row in rows])
    default = _table(source.schema, "_record_default_access", "record_type")
    access = cast(column("default_access"), Text).label("access")
    listed = await tx.connection.execute(select(default.c.record_type, access))
    return roles, {row.record_type: json_text.read_stored(row.access or "null") for row in listed}


async def read_next_values(tx: Transaction, source: Skygear) -> dict[tuple[str, str], int]:
    """Return the next number of each sequence, from the highest in use if it may not be read."""
    found = {}
    for one in source.tables:
        for name in (name for name, field in one.fields.items() if field.kind == "sequence"):
            sequence = f"{one.name}_{name}_seq"
            may_read = text("SELECT has_sequence_privilege(:name, 'SELECT')")
            whole = f"{_quoted(source.schema)}.{_quoted(sequence)}"
            if (await tx.connection.execute(may_read, {"name": whole})).scalar():
                state = _table(source.schema, sequence, "last_value", "is_called")
                last, is_called = (await tx.connection.execute(select(state))).one()
                found[one.name, name] = int(last) + bool(is_called)
            else:
                highest = select(func.max(_column(name))).select_from(
                    _table(source.schema, one.name)
                )
                found[one.name, name] = (
                    (await tx.connection.execute(highest)).scalar_one() or 0
                ) + 1
    return found


async def read_fixed(
    tx: Transaction, source: Skygear, fixed: FixedTable
) -> AsyncIterator[list[skygear.Row]]:
    """Yield the rows of a table under our column names, with times as PostgreSQL writes them."""
    columns = {ours: _column(theirs) for ours, theirs in fixed.columns.items()}
    query = _as_json(_table(source.schema, fixed.name), columns, fixed.order)
    async for rows in _stream(tx, query):
        yield [{**row, **fixed.constant} for row in rows]


async def read_records(
    tx: Transaction, source: Skygear, one: skygear.RecordTable
) -> AsyncIterator[list[skygear.Row]]:
    """Yield the records of a type: our columns, and each field under its number in *one*."""
    columns = {ours: _column(theirs) for ours, theirs in RECORD_COLUMNS.items()}
    for number, (name, field) in enumerate(one.fields.items()):
        columns[f"{number}"] = _value(_column(name), field.kind, source.postgis)
    order = (RECORD_COLUMNS["database_id"], RECORD_COLUMNS["id"])
    async for rows in _stream(tx, _as_json(_table(source.schema, one.name), columns, order)):
        yield rows


def _value(value: ColumnElement[Any], kind: str, postgis: str | None) -> ColumnElement[Any]:
    """Return *value* as JSON that `skygear.field_value` reads."""
    if kind in ("location", "geometry"):
        functions = getattr(func, postgis or "public")
        shown: ColumnElement[Any] = cast(functions.st_asgeojson(value, _DIGITS, 0), JSON)
        if kind == "location":
            shown = func.json_build_array(functions.st_x(value), functions.st_y(value), type_=JSON)
        return case((value.is_(None), null()), else_=shown)
    return cast(value, Text) if kind == "unknown" else value


def _as_json(
    of: TableClause, columns: Mapping[str, ColumnElement[Any]], order: Iterable[str]
) -> Select[Any]:
    """Return the query for rows as JSON, so that the driver need not know the values' types."""
    labelled = (value.label(quoted_name(name, True)) for name, value in columns.items())
    inner = select(*labelled).select_from(of).order_by(*map(_column, order)).subquery("rows")
    return select(cast(func.row_to_json(inner.table_valued()), Text))


async def _stream(tx: Transaction, query: Select[Any]) -> AsyncIterator[list[skygear.Row]]:
    options = {"yield_per": ROWS_AT_ONCE}
    result = await tx.connection.stream(query, execution_options=options)
    async for part in result.scalars().partitions():
        yield [json_text.read_stored(row) for row in part]  # type: ignore[misc]


def _table(schema: str, name: str, *columns: str) -> TableClause:
    return table(quoted_name(name, True), *map(_column, columns), schema=quoted_name(schema, True))


def _column(name: str) -> Any:
    return column(quoted_name(name, True))
