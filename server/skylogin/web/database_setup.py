"""Preparing a server's database: its directory and tables."""

import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from skylogin.config import DEV, SERVE, SQLITE_PREFIX, ConfigurationError, Settings
from skylogin.database import ForeignDatabaseError, Store, failures, tables
from skylogin.domain.stored_names import EVERY_APP
from skylogin.errors import SkygearError
from skylogin.store import apps
from skylogin.store.apps import KeysTakenError

# Deletes a directory when its standard input ends.
KEEPER = 'cd / && read -r line; rm -rf -- "$1"'


@contextmanager
def ephemeral_url() -> Iterator[str]:
    """Yield the URL of a database in a new directory, which is deleted at the end."""
    directory = tempfile.mkdtemp(prefix="skylogin-")
    # If this process is killed, the keeper's input ends, and it deletes the directory.
    with subprocess.Popen(
        ["/bin/sh", "-c", KEEPER, "skylogin-keeper", directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A terminal's signals must only reach the server, which then stops the keeper.
        start_new_session=True,
    ):
        try:
            yield f"{SQLITE_PREFIX}{directory}/skylogin.db"
        finally:
            shutil.rmtree(directory, ignore_errors=True)


async def prepare_tables(store: Store, settings: Settings, *, migrate: bool) -> None:
    """Create, migrate or check the tables. Raises ConfigurationError if the server cannot run."""
    may_change = migrate or settings.mode == DEV or store.dialect == "sqlite"
    try:
        version = await store.version()
        if version is not None and settings.mode == DEV:
            await _check_deployment(store)
        if version != tables.VERSION:
            if not may_change:
                empty = "the database is empty: run `skylogin migrate`"
                raise ConfigurationError([empty if version is None else other_version(version)])
            if version is None:
                await store.create()
            else:
                await _upgrade(store, version)
        if settings.mode == SERVE:
            await store.run(lambda tx: apps.keep_setting(tx, EVERY_APP, apps.DEPLOYMENT, SERVE))
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError([cannot_open(error)]) from error


def check_is_not_newer(version: str | None) -> None:
    """Raise ConfigurationError if a later skylogin has migrated the database to *version*."""
    if version is not None and version > tables.VERSION:
        raise ConfigurationError([other_version(version)])


async def _upgrade(store: Store, version: str) -> None:
    check_is_not_newer(version)
    # Alembic is on the start-up list.
    from skylogin.database import migrate  # noqa: PLC0415

    try:
        await migrate.upgrade(store)
    except Exception as error:
        problem = f"the database has version {version}, which this skylogin cannot migrate"
        raise ConfigurationError([f"{problem}: {failures.in_one_line(error)}"]) from error


def other_version(version: str) -> str:
    """Return the message for a database whose schema has another version."""
    text = f"the database has version {version}, this skylogin needs {tables.VERSION}"
    newer = "use a newer one, or restore a backup from before the upgrade"
    return f"{text}: {'run `skylogin migrate`' if version < tables.VERSION else newer}"


def cannot_open(error: Exception) -> str:
    """Return the message for a database that cannot be opened, without passwords."""
    if isinstance(error, ForeignDatabaseError | KeysTakenError):
        return str(error)
    if isinstance(error, SkygearError):
        return error.explanation
    return f"the database cannot be opened: {failures.in_one_line(error)}"


async def _check_deployment(store: Store) -> None:
    """Refuse the database of `serve` in `dev`, where tests may empty it."""
    read = functools.partial(apps.read_setting, app=EVERY_APP, name=apps.DEPLOYMENT)
    mark = await store.run(read, write=False)
    if mark == SERVE:
        problem = "this database belongs to `skylogin serve`; `skylogin dev` does not touch it"
        raise ConfigurationError([problem])
