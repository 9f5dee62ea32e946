"""SQLite: whether and where a commit is on the disk, and what a failed transaction leaves."""

from pathlib import Path

import pytest
from skylogin.database import Store, Transaction
from skylogin.store import apps
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

FULL, OFF = 2, 0


@pytest.mark.parametrize(("durable", "level"), [(True, FULL), (False, OFF)])
async def test_a_commit_waits_for_the_disk_if_it_has_to(
    durable: bool, level: int, tmp_path: Path
) -> None:
    """Unless the database is deleted with the server."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db", durable=durable)
    try:
        found = await store.run(lambda tx: tx.connection.execute(text("PRAGMA synchronous")))
        assert found.scalar_one() == level
    finally:
        await store.close()


@pytest.mark.parametrize("name", ["a?b", "?mode=ro", "a%20b", "100%", "a#b", "a b", "file:a", "ä"])
async def test_the_path_of_the_file_is_taken_as_it_is(name: str, tmp_path: Path) -> None:
    """Not as a part of a URL: data would be in another file."""
    path = tmp_path / name / f"{name}.db"
    path.parent.mkdir()
    store = Store(f"sqlite:///{path}", durable=False)
    try:
        await store.create()
        await store.run(lambda tx: apps.keep_setting(tx, "app", "name", "kept"))
        assert await _kept(store) == "kept"
    finally:
        await store.close()

    assert _files(tmp_path) == [path.parent, path]
    assert path.read_bytes()[:6] == b"SQLite"


def _files(directory: Path) -> list[Path]:
    return list(directory.rglob("*"))


async def test_a_failed_transaction_leaves_nothing_behind(tmp_path: Path) -> None:
    """The writing connection can be used after any error."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db", durable=False)

    async def break_off(tx: Transaction) -> None:
        await apps.keep_setting(tx, "app", "name", "lost")
        raise KeyError

    try:
        await store.create()
        with pytest.raises(KeyError):
            await store.run(break_off)
        assert await _kept(store) is None
        await store.run(lambda tx: apps.keep_setting(tx, "app", "name", "kept"))
        assert await _kept(store) == "kept"
    finally:
        await store.close()


async def test_a_commit_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its error stays the same, and the next transaction works."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db", durable=False)

    async def refer_to_nothing(tx: Transaction) -> None:
        for statement in _REFERRING:
            await tx.connection.execute(text(statement))

    try:
        await store.create()
        with pytest.raises(IntegrityError):
            await store.run(refer_to_nothing)
        await store.run(lambda tx: apps.keep_setting(tx, "app", "name", "kept"))
        assert await _kept(store) == "kept"
    finally:
        await store.close()


# COMMIT checks deferred constraints.
_REFERRING = (
    "CREATE TABLE one (id INTEGER PRIMARY KEY)",
    "CREATE TABLE other (id INTEGER REFERENCES one DEFERRABLE INITIALLY DEFERRED)",
    "INSERT INTO other VALUES (1)",
)


async def _kept(store: Store) -> str | None:
    return await store.run(lambda tx: apps.read_setting(tx, "app", "name"), write=False)
