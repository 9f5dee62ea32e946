"""Repeated resets of apps."""

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skylogin.database import Store, Transaction
from skylogin.database.tables import metadata
from skylogin.domain.unique_keys import KeySet
from skylogin.store import snapshots
from skylogin.store.snapshots import AppSnapshot
from sqlalchemy import Boolean, Integer, delete, insert, select
from sqlalchemy.schema import Table

from tests.factories import NOW

APPS = ("here", "there")
KEYS: tuple[KeySet, ...] = (frozenset({"username"}),)
EMPTIED = {
    table.name: table for table in metadata.sorted_tables if table.name in snapshots._EMPTIED
}
EVERY = ""


class FailedError(Exception):
    """Raised by a test in the middle of a transaction."""


def row_of(table: Table, app: str) -> dict[str, Any]:
    """Return a possible row of *table*."""
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.name == "app":
            values["app"] = app
        elif isinstance(column.type, Boolean):
            values[column.name] = True
        elif isinstance(column.type, Integer):
            values[column.name] = 1
        elif type(column.type).__name__ == "Timestamp":
            values[column.name] = NOW
        elif type(column.type).__name__ == "Json":
            values[column.name] = ["written"]
        else:
            values[column.name] = "written"
    return values


async def write(tx: Transaction, table: Table, app: str) -> None:
    """Add a new row to *table*."""
    await tx.connection.execute(delete(table).where(*written(table, app)))
    await tx.connection.execute(insert(table), row_of(table, app))


def written(table: Table, app: str) -> list[Any]:
    """Return the condition that finds that row."""
    row = row_of(table, app)
    return [column == row[column.name] for column in table.primary_key.columns]


async def everything(tx: Transaction, app: str) -> Mapping[str, Any]:
    """Return all rows of *app* in tables that a reset replaces."""
    rows = {}
    for name, table in EMPTIED.items():
        found = await tx.connection.execute(select(table).where(table.c.app == app))
        rows[name] = sorted(str(tuple(row)) for row in found)
    return rows


def open_copy(file_with_tables: Path, folder: Path) -> Store:
    """Return a store with its tables."""
    path = folder / "it.db"
    shutil.copyfile(file_with_tables, path)
    return Store(f"sqlite:///{path}", durable=False)


class Playing:
    """Apps in a store, and the rows that each had when it was new."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.first: dict[str, AppSnapshot] = {}
        self.new: dict[str, Mapping[str, Any]] = {}

    async def begin(self) -> None:
        """Make every app new."""
        for app in APPS:
            await self.reset(app, EVERY)
            self.new[app] = await self.seen(app)

    async def seen(self, app: str) -> Mapping[str, Any]:
        """Return all rows of an app."""
        return await self.store.run(lambda tx: everything(tx, app))

    async def reset(self, app: str, _name: str, *, fail: bool = False) -> None:
        """Reset an app."""

        async def work(tx: Transaction) -> None:
            first, _ = await snapshots.reset(tx, app, KEYS, self.first.get(app))
            tx.on_commit.append(lambda: self.first.update({app: first}))
            if fail:
                raise FailedError

        await self.store.run(work)

    async def write(self, app: str, name: str, *, fail: bool = False) -> None:
        """Write into a table."""

        async def work(tx: Transaction) -> None:
            await write(tx, EMPTIED[name], app)
            if fail:
                raise FailedError

        await self.store.run(work)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["write", "reset"]),
        st.booleans(),
        st.sampled_from(APPS),
        st.sampled_from(sorted(EMPTIED)),
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for all examples."""
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def store(
    runner: asyncio.Runner, file_with_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    """A store for all examples: each begins by making its apps new."""
    opened = open_copy(file_with_tables, tmp_path_factory.mktemp("apps"))
    yield opened
    runner.run(opened.close())


@pytest.mark.slow
@given(steps=STEPS)
def test_a_reset_leaves_an_app_as_new(
    steps: list[tuple[str, bool, str, str]], runner: asyncio.Runner, store: Store
) -> None:
    """After any writes to any app, also rolled back ones."""

    async def play() -> None:
        playing = Playing(store)
        await playing.begin()
        for what, fail, app, name in steps:
            with suppress(FailedError):
                await getattr(playing, what)(app, name, fail=fail)
        for app in APPS:
            await playing.reset(app, EVERY)
            assert await playing.seen(app) == playing.new[app]

    runner.run(play())
