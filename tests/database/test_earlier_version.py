"""A database and an export of an earlier version can be used as they are.

The last version before aiosqlite made them, with `skylogin dev`, a seed, some calls,
`skylogin secret rotate`, `skylogin apps create shop` and `skylogin apps export`.
"""

import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from skylogin.database import Store, migrate, tables
from skylogin.operations import exports
from skylogin.operations.operator import Operator
from skylogin.store import apps, secrets

from tests.stores import LogIn, MakeOperator, MakeServices

APP = "myapp"
FOLDER = Path(__file__).parent / "earlier_version"
EXPORT = (FOLDER / "export.jsonl").read_bytes()
ALICE = "2931a4cb-5f5d-4ed6-9cea-57464b6cb0c8"


@pytest.fixture
async def earlier(tmp_path: Path) -> AsyncIterator[Store]:
    """A store with the database."""
    path = tmp_path / "earlier.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / "database.sql").read_text())
    store = Store(f"sqlite:///{path}")
    await migrate.upgrade(store)
    yield store
    await store.close()


def rows_of(export: bytes) -> list[str]:
    """Return the rows of an export, in an order that does not depend on the database."""
    return sorted(json.dumps(json.loads(line), sort_keys=True) for line in export.splitlines()[1:])


async def exported(operator: Operator) -> list[str]:
    """Return the rows of the app."""
    file = io.BytesIO()
    await exports.export(operator, APP, file)
    return rows_of(file.getvalue())


async def test_a_database_is_migrated(earlier: Store, make_operator: MakeOperator) -> None:
    """Every row is read as it was written."""
    assert await earlier.version() == tables.VERSION
    assert await exported(make_operator(earlier)) == rows_of(EXPORT)
    [shop] = await earlier.run(apps.load_all, write=False)
    assert shop.name == "shop"
    stored = await earlier.run(lambda tx: secrets.load(tx, APP), write=False)
    assert [secret.ends_at is None for secret in stored] == [True, False]


async def test_a_user_logs_in_again(
    earlier: Store, make_services: MakeServices, log_in: LogIn
) -> None:
    """As the same user, with the stored profile and role."""
    services = await make_services(earlier)

    login = await log_in(services, "alice", city="Basel")

    assert not login.created
    assert (login.user.id, login.user.roles) == (ALICE, ("editor",))
    assert login.user.record is not None
    assert login.user.record.data["motto"] == "hi"
    assert login.user.record.data["city"] == "Basel"


async def test_an_export_is_loaded(operator: Operator) -> None:
    """What is exported afterwards is the same."""
    await exports.load(operator, APP, io.BytesIO(EXPORT))

    assert await exported(operator) == rows_of(EXPORT)
