"""Statements that come again: SQLite's driver gets them ready made, and answers as before."""

import gc
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from skylogin.database import dialect
from skylogin.database.sqlite_statements import DriverResult, Parameters, SqliteStatements
from skylogin.database.tables import journal, metadata, operator_audit, settings
from sqlalchemy import Executable, Select, bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, IntegrityError, StatementError

from tests.statement_counter import statements_counted

ACTS = [
    {
        "app": "myapp",
        "id": f"{number:04}",
        "at": datetime(2026, 1, 2, 3, 4, 5, 678_900 + number, tzinfo=UTC),
        "act": "user.edit",
        "target": "alice",
        "via": "command",
        "address": "",
        "details": details,
    }
    for number, details in enumerate(
        [{"fields": ["größe"]}, {}, {"deep": [None, 1.5, {"a": True}]}]
    )
]
OF_APP = select(operator_audit).where(operator_audit.c.app == bindparam("of"))
ADD = insert(operator_audit)
RENAME = update(settings).where(settings.c.name == bindparam("old")).values(name=bindparam("new"))
DROP = delete(settings).where(settings.c.app == bindparam("of"))
SETTINGS = [{"app": "myapp", "name": name, "value": name.upper()} for name in ("a", "b", "c")]


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """A connection to an empty database, in a transaction."""
    engine = dialect.open_sqlite_writer(f"sqlite:///{tmp_path}/it.db", durable=False)
    metadata.create_all(engine)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


class Executing:
    """Executes statements, each until it is ready."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.statements = SqliteStatements(connection.dialect)

    def once(self, statement: Executable, parameters: Parameters) -> Any:
        """Return the result."""
        return self.statements.execute(self.connection, statement, parameters)

    def ready(self, statement: Executable, parameters: Parameters) -> DriverResult:
        """Return the driver's result, of the second time."""
        with self.connection.begin_nested() as first:
            self.once(statement, parameters)
            first.rollback()
        result = self.once(statement, parameters)
        assert isinstance(result, DriverResult)
        return result


@pytest.fixture
def executing(connection: Connection) -> Executing:
    """What executes in the transaction of that connection."""
    return Executing(connection)


def test_values_go_in_and_come_out_as_sqlalchemy_has_them(
    connection: Connection, executing: Executing
) -> None:
    """Times, JSON and null among them."""
    executing.ready(ADD, ACTS[0])
    executing.ready(ADD, ACTS[1:])

    result = executing.ready(OF_APP, {"of": "myapp"})
    rows = result.all()

    plain = connection.execute(OF_APP, {"of": "myapp"}).all()
    assert [dict(row._mapping) for row in rows] == ACTS == [dict(row._mapping) for row in plain]
    assert [(row.id, row.at, row.details) for row in rows] == [
        (act["id"], act["at"], act["details"]) for act in ACTS
    ]


def test_rows_that_changed_are_counted(executing: Executing) -> None:
    """Of one statement, of one for many values, and of one that met nothing."""
    assert executing.ready(insert(settings), SETTINGS[0]).rowcount == 1
    assert executing.ready(INSERT_MORE, SETTINGS[1:]).rowcount == len(SETTINGS[1:])
    assert executing.ready(RENAME, {"old": "a", "new": "z"}).rowcount == 1
    assert executing.ready(RENAME, {"old": "nobody", "new": "y"}).rowcount == 0
    assert executing.ready(DROP, {"of": "myapp"}).rowcount == len(SETTINGS)


INSERT_MORE = insert(settings)


def test_one_statement_is_ready_for_each_set_of_names(executing: Executing) -> None:
    """An INSERT has the columns that values are given for."""
    short = {"app": "myapp", "name": "a", "value": "1"}
    executing.ready(INSERT_MORE, short)
    entry = {"app": "myapp", "id": "1", "at": ACTS[0]["at"], "accepted": True, "reason": ""}
    some = {**entry, "subject": "s", "user_id": "u", "details": {}}
    add = insert(journal)

    executing.ready(add, some)
    executing.ready(add, {**some, "id": "2", "secret_id": "of it"})

    listed = executing.ready(
        select(journal).where(journal.c.app == bindparam("of")), {"of": "myapp"}
    )
    assert [(row.id, row.secret_id, row.accepted) for row in listed] == [
        ("1", "", True),
        ("2", "of it", True),
    ]


def test_a_fault_of_the_driver_is_one_of_sqlalchemy(executing: Executing) -> None:
    """So that who tries again, or says that a key is taken, sees which it is. No value is shown."""
    executing.ready(INSERT_MORE, SETTINGS[0])

    with pytest.raises(IntegrityError) as raised:
        executing.once(INSERT_MORE, {**SETTINGS[0], "value": "a secret"})

    assert isinstance(raised.value, DBAPIError)
    assert isinstance(raised.value.orig, sqlite3.IntegrityError)
    assert "a secret" not in str(raised.value)


def test_a_value_that_is_missing_is_said_to_be(executing: Executing) -> None:
    """By SQLAlchemy, which makes it ready no more than it executes it."""
    for _ in range(3):
        with pytest.raises(StatementError, match="old"):
            executing.once(RENAME, {"new": "z"})
    executing.ready(INSERT_MORE, SETTINGS)
    with pytest.raises(KeyError, match="value"):
        executing.once(INSERT_MORE, [{**SETTINGS[0], "name": "w"}, {"app": "myapp", "name": "x"}])


OF_NAME = settings.c.name == bindparam("name")
LEFT: dict[str, tuple[Executable, int]] = {
    "as many parameters as values": (
        select(settings).where(settings.c.name.in_(bindparam("name", expanding=True))),
        0,
    ),
    "returning": (insert(settings).returning(settings.c.name), 1),
    "a column without a name": (select(func.count()).where(OF_NAME), 1),
    "two columns of one name": (select(settings.c.name, settings.c.name).where(OF_NAME), 0),
}


@pytest.mark.parametrize(("statement", "rows"), LEFT.values(), ids=LEFT)
def test_what_sqlalchemy_does_at_the_time_is_left_to_it(
    statement: Executable, rows: int, executing: Executing
) -> None:
    """Each time."""
    for name in "abc":
        given: dict[str, Any] = {"app": "myapp", "name": name, "value": ""}
        if isinstance(statement, Select):
            given = {"name": [name] if " IN " in str(statement) else name}
        result = executing.once(statement, given)
        assert not isinstance(result, DriverResult)
        assert len(result.all()) == rows


def test_a_statement_for_one_call_is_not_kept(executing: Executing) -> None:
    """There would be more of them with each call."""
    for name in ("a", "b", "c"):
        executing.once(select(settings).where(settings.c.name == bindparam("n")), {"n": name})
    gc.collect()

    # The first is in the cache of SQLAlchemy.
    assert len(executing.statements._ready) <= 1


def test_who_listens_hears_every_statement(connection: Connection, executing: Executing) -> None:
    """Those that are ready too."""
    executing.ready(OF_APP, {"of": "myapp"})
    with statements_counted() as heard:
        executing.once(OF_APP, {"of": "myapp"})
    executing.once(OF_APP, {"of": "myapp"})

    [statement] = heard
    assert "operator_audit" in statement
