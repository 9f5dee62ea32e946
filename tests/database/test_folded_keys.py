"""Unique keys of earlier versions, which folded some letters otherwise than queries did."""

from pathlib import Path

import pytest
from skylogin.actions.services import Services
from skylogin.database import Store, Transaction, migrate, tables
from skylogin.database.tables import auth_keys
from skylogin.database.version_table import version_table
from skylogin.store.apps import KeysTakenError
from skylogin.web import database_setup
from sqlalchemy import insert, text, update

from tests.factories import NOW
from tests.processes import run_skylogin
from tests.stores import LogIn, MakeServices, Query

EQUAL = {"a": "ismail", "b": "İSMAİL"}
LATER = (
    "DROP TABLE imports",
    "DROP TABLE limit_counts",
    "ALTER TABLE users DROP COLUMN origin",
    "ALTER TABLE records DROP COLUMN origin",
)
KEYS = "SELECT user_id, key, folded FROM auth_keys ORDER BY user_id, key"


async def make_earlier(store: Store, folded: dict[str, str]) -> None:
    """Let a database be of the version before, with other keys: *folded*, by the present ones."""

    async def work(tx: Transaction) -> None:
        for new, old in folded.items():
            is_new = auth_keys.c.folded == new
            await tx.connection.execute(update(auth_keys).where(is_new).values(folded=old))
        await tx.connection.execute(update(version_table).values(version_num="0006"))
        for later in LATER:
            await tx.connection.execute(text(later))

    await store.run(work)


@pytest.fixture
async def services(make_services: MakeServices) -> Services:
    """The services of a new database."""
    return await make_services()


async def test_keys_are_rewritten(
    services: Services, store: Store, log_in: LogIn, query: Query
) -> None:
    """Those that differ, hashes too; then they are those of a new database."""
    long = "Σ" * 600
    for subject, name in (("a", "İSMAİL"), ("b", "ΝΙΚΟΣ"), ("c", "Ünal"), ("d", "x"), ("e", long)):
        await log_in(services, subject, username=name, email=f"{subject}@İ")
    new = await query(KEYS)
    hashed = [folded for _, _, folded in new if folded.startswith("sha256:")]
    assert len(hashed) == 1
    emails = {f"{one}@i": f"{one}@i\u0307" for one in "abcde"}
    earlier = {"ismail": "i\u0307smai\u0307l", "νικοσ": "νικος", hashed[0]: "sha256:1", **emails}
    await make_earlier(store, earlier)
    assert await query(KEYS) != new

    await migrate.upgrade(store)

    assert await query(KEYS) == new
    assert await store.version() == tables.VERSION


async def test_two_users_with_one_key_are_named(
    services: Services, store: Store, log_in: LogIn, query: Query
) -> None:
    """Nothing changes, and the version stays, until one of them has another name."""
    one = await log_in(services, "a", username="ismail")
    await log_in(services, "b", username="ΝΙΚΟΣ")
    other = await log_in(services, "c", username="other")
    await make_earlier(store, {"other": "i\u0307smai\u0307l", "νικοσ": "νικος"})
    await change_username(store, other.user.id, "İSMAİL")
    before = await query(KEYS)

    with pytest.raises(KeysTakenError) as caught:
        await migrate.upgrade(store)

    said = str(caught.value)
    assert f"the users {one.user.id} and {other.user.id} of the app myapp have the same" in said
    assert "\n" not in database_setup.cannot_open(caught.value)
    assert await query(KEYS) == before
    assert await store.version() == "0006"
    await change_username(store, other.user.id, "İSMAİL 2")
    await migrate.upgrade(store)
    assert (other.user.id, "username", "ismail 2") in await query(KEYS)


async def test_two_keys_that_become_equal_are_named(
    services: Services, store: Store, log_in: LogIn
) -> None:
    """Although neither is of a user whose key stays."""
    one = await log_in(services, "a", username="ΝΙΚΟΣ")
    other = await log_in(services, "b", username="other")
    await make_earlier(store, {"νικοσ": "νικος", "other": "νικοσ and more"})
    await change_username(store, other.user.id, "νικΟΣ")

    with pytest.raises(KeysTakenError) as caught:
        await migrate.upgrade(store)

    assert {one.user.id, other.user.id} <= set(str(caught.value).split())


async def change_username(store: Store, user_id: str, name: str) -> None:
    """Change a user's record, not the keys: as an earlier version may have left it."""

    async def work(tx: Transaction) -> None:
        records = tables.records
        is_user = records.c.type == "user", records.c.id == user_id
        await tx.connection.execute(update(records).where(*is_user).values(data={"username": name}))

    await store.run(work)


@pytest.mark.slow
async def test_the_command_names_them_in_one_line(tmp_path: Path) -> None:
    """And changes nothing."""
    url = f"sqlite:///{tmp_path}/it.db"
    store = Store(url)
    await store.create()
    row = {"app": "myapp", "database_id": "", "type": "user", "access": None}
    row |= {"owner_id": "a", "created_by": "a", "updated_by": "a"}
    row |= {"created_at": NOW, "updated_at": NOW}
    users = [{**row, "id": name, "data": {"username": data}} for name, data in EQUAL.items()]
    keys = [
        {"app": "myapp", "key": "username", "folded": data.lower(), "user_id": name}
        for name, data in EQUAL.items()
    ]

    async def work(tx: Transaction) -> None:
        await tx.connection.execute(insert(tables.records), users)
        await tx.connection.execute(insert(auth_keys), keys)

    await store.run(work)
    await make_earlier(store, {})
    await store.close()

    refused = run_skylogin(tmp_path, "migrate", "--database", url)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1
    assert "the users a and b of the app myapp have the same username" in refused.stderr
