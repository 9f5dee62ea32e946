"""No thread of a database is left, however its store or its server ended."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from skylogin.database import Store, Transaction
from skylogin.errors import SkygearError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Check that every thread that a test starts ends with the test."""
    before = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - before:
        # It may be about to end.
        thread.join(1)
    assert set(threading.enumerate()) - before == set()


async def look(tx: Transaction) -> int:
    """Read from the database."""
    return int((await tx.connection.execute(text("SELECT 1"))).scalar_one())


async def test_closing_a_store_ends_its_threads(tmp_path: Path) -> None:
    """Those of the readers and of the writer."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db")
    await store.create()
    assert await store.run(look) == await store.run(look, write=False) == 1
    assert threading.active_count() > 1

    await store.close()


async def test_a_store_is_closed_although_its_caller_left(tmp_path: Path) -> None:
    """Both pools: the one that was not closed yet would keep the process from ending."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db")
    await store.create()
    await store.run(look, write=False)
    closing = asyncio.create_task(store.close())
    await asyncio.sleep(0)

    closing.cancel()

    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


async def test_a_store_that_never_connected_is_closed(tmp_path: Path) -> None:
    """It had no thread."""
    await Store(f"sqlite:///{tmp_path}/skylogin.db").close()


@pytest.mark.parametrize("name", ["text.db", "folder", "missing/folder.db"])
async def test_a_failed_connection_leaves_no_thread(name: str, tmp_path: Path) -> None:
    """If the file cannot be opened, or is not a database."""
    (tmp_path / "text.db").write_text("this is not a database, but long enough to be read" * 99)
    (tmp_path / "folder").mkdir()
    store = Store(f"sqlite:///{tmp_path}/{name}")

    for _ in range(2):
        with pytest.raises(DBAPIError):
            await store.version()
        with pytest.raises(SkygearError, match="unable to open"):
            await store.run(look, write=False)

    await store.close()
