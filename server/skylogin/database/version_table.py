"""The version table: it holds the version of the schema, and marks a database as ours.

A database without it that has any table belongs to another program, and is never written to.
"""

import sqlite3
from collections.abc import Collection

from sqlalchemy import Column, MetaData, String, Table, insert, select, text
from sqlalchemy.engine import Connection

from skylogin.database.failures import UnusableDatabaseError

# Alembic writes it as well, so that creating and migrating record the same version.
version_table = Table(
    "skylogin_version",
    MetaData(),
    Column("version_num", String(32), primary_key=True),
)
# Until version 0004 it had Alembic's default name, which an app's own database may have too.
# Such a database is ours if it also has these tables.
_FORMER_TABLE = Table("alembic_version", MetaData(), Column("version_num", String(32)))
_FORMER_TABLES = frozenset(
    ("alembic_version", "auth_keys", "custom_token_secrets", "journal", "principals")
)

_ON_SQLITE = (
    "SELECT name FROM sqlite_master "
    r"WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\_%' ESCAPE '\'"
)
# The extensions of a hosted database bring tables and views of their own.
_ON_POSTGRESQL = """
    SELECT relname FROM pg_class
    WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    AND relkind IN ('r', 'p', 'f', 'v', 'm')
    AND NOT EXISTS (
        SELECT 1 FROM pg_depend
        WHERE classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid AND deptype = 'e'
    )
"""
_RIGHTS = """
    SELECT current_user, current_schema(), has_schema_privilege(current_schema(), 'CREATE')
"""


class ForeignDatabaseError(Exception):
    """The database belongs to another program. The text is one line."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"the database has tables of another program, such as {table!r}, so skylogin does "
            "not touch it: name another one with --database or SKYLOGIN_DATABASE_URL"
        )


def check_file(connection: sqlite3.Connection) -> None:
    """Raise ForeignDatabaseError unless the database is empty or ours. Writes nothing."""
    _check(tables_of_file(connection))


def tables_of_file(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables and views of a file."""
    return {name for (name,) in connection.execute(_ON_SQLITE)}


def read_file(connection: sqlite3.Connection) -> str | None:
    """Do as `read` for a file that no engine has open."""
    tables = tables_of_file(connection)
    _check(tables)
    for table in (version_table, _FORMER_TABLE):
        if table.name in tables:
            row = connection.execute(f"SELECT version_num FROM {table.name}").fetchone()
            if row is not None:
                return str(row[0])
    return None


def read(connection: Connection) -> str | None:
    """Return the version of the schema, None if the database is empty.

    Raises ForeignDatabaseError.
    """
    tables = _tables(connection)
    version: str | None = None
    if version_table.name in tables:
        version = connection.execute(select(version_table.c.version_num)).scalar()
    if version is None and tables >= _FORMER_TABLES:
        version = connection.execute(select(_FORMER_TABLE.c.version_num)).scalar()
    return version


def make(connection: Connection) -> None:
    """Create the table if it is missing. Raises ForeignDatabaseError."""
    if version_table.name not in _tables(connection):
        version_table.create(connection)


def take_over(connection: Connection) -> None:
    """Move the version out of the table with the former name, if there is one."""
    if connection.execute(select(version_table.c.version_num)).scalar() is None:
        version = read(connection)
        if version is not None:
            connection.execute(insert(version_table), {"version_num": version})
            _FORMER_TABLE.drop(connection)


def _tables(connection: Connection) -> set[str]:
    """Return the names of the database's tables. Raises ForeignDatabaseError."""
    query = _ON_SQLITE if connection.dialect.name == "sqlite" else _ON_POSTGRESQL
    tables = set(connection.execute(text(query)).scalars())
    _check(tables)
    if not tables and connection.dialect.name == "postgresql":
        _check_rights(connection)
    return tables


def _check_rights(connection: Connection) -> None:
    """Raise UnusableDatabaseError if the user lacks the rights to see or create tables."""
    user, schema, may_create = connection.execute(text(_RIGHTS)).one()
    if schema is None:
        path = connection.execute(text("SHOW search_path")).scalar_one()
        raise UnusableDatabaseError(f"user {user!r} has no rights on any schema of {path}")
    if not may_create:
        raise UnusableDatabaseError(
            f"user {user!r} may not create tables in schema {schema!r}: an owner of it can "
            "GRANT CREATE, USAGE ON SCHEMA"
        )


def _check(tables: Collection[str]) -> None:
    is_ours = version_table.name in tables or _FORMER_TABLES.issubset(tables)
    if tables and not is_ours:
        raise ForeignDatabaseError(min(tables))
