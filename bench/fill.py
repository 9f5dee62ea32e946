"""Filling an embedded database with users, faster than by logging each of them in.

One user who has logged in is the pattern: every row about them is copied with another id and
another name. The one table named here is `journal`, the login log, which is about logins and not
about users; so this stays right when tables change. The server has to be stopped.
"""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from load import name
from servers import Failed

TABLES_LEFT_OUT = {"journal"}
Row = tuple[object, ...]


def copy_user(database: Path, user_id: str, users: int) -> None:
    """Copy the user number 0, whose id is *user_id*, until there are *users* of them."""
    ids = [user_id, *(str(uuid.uuid4()) for _ in range(users - 1))]
    connection = sqlite3.connect(database)
    # Nobody reads what a crash would leave behind here.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA foreign_keys = OFF")
    with connection:
        copied = sum(_copy_rows(connection, table, ids) for table in _tables(connection))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    if not copied:
        raise Failed(f"no table of {database} speaks of the user {user_id}")


def _tables(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return [table for (table,) in connection.execute(query) if table not in TABLES_LEFT_OUT]


def _copy_rows(connection: sqlite3.Connection, table: str, ids: Sequence[str]) -> int:
    columns = _columns(connection, table)
    listed = ", ".join(f'"{column}"' for column in columns)
    insert = f'INSERT INTO "{table}" ({listed}) VALUES ({", ".join("?" * len(columns))})'
    patterns = [
        row
        for row in connection.execute(f'SELECT {listed} FROM "{table}"')
        if any(isinstance(value, str) and (ids[0] in value or name(0) in value) for value in row)
    ]
    for pattern in patterns:
        connection.executemany(insert, _copies(pattern, ids))
    return len(patterns)


def _columns(connection: sqlite3.Connection, table: str) -> list[str]:
    """Return the columns of *table*, without a key that SQLite numbers by itself."""
    columns = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    keys = [column for column in columns if column[5]]
    numbered = keys[0][1] if len(keys) == 1 and keys[0][2].upper() == "INTEGER" else None
    return [column[1] for column in columns if column[1] != numbered]


def _copies(pattern: Row, ids: Sequence[str]) -> Iterator[Row]:
    fill_in = [_template(value, ids[0]) for value in pattern]
    for number, user_id in enumerate(ids[1:], start=1):
        own_name = name(number)
        yield tuple(fill(user_id, own_name) for fill in fill_in)


def _template(value: object, user_id: str) -> Callable[[str, str], object]:
    if not isinstance(value, str) or (user_id not in value and name(0) not in value):
        return lambda _id, _name: value
    return lambda own_id, own_name: value.replace(user_id, own_id).replace(name(0), own_name)
