"""The files of a server on SQLite: other users of the machine cannot read them."""

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from skylogin import config
from skylogin.database import Store
from skylogin.web import server

pytestmark = pytest.mark.heavy

FOLDER_MODE, FILE_MODE, GROUP_MODE = 0o700, 0o600, 0o640


def modes_in(folder: Path) -> dict[str, int]:
    """Return the modes of everything in *folder*, by name."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Set the umask of the process: what a user's shell may have."""
    before = os.umask(request.param)
    yield
    os.umask(before)


async def test_the_files_of_a_database_are_private(
    umask: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its directory, its log and its lock file as well."""
    monkeypatch.chdir(tmp_path)
    settings = config.read({"PORT": "0"}, config.DEV)
    async with server.running(settings):
        modes = modes_in(tmp_path)

    assert modes.pop(".skylogin") == FOLDER_MODE
    names = {"skylogin.db", "skylogin.db-wal", "skylogin.db-shm", "skylogin.db.lock"}
    assert modes == dict.fromkeys(names, FILE_MODE)


async def test_a_file_that_a_migration_creates_is_private(umask: None, tmp_path: Path) -> None:
    """Whichever command is the first to open it."""
    store = Store(f"sqlite:///{tmp_path}/skylogin.db")
    await store.create()
    await store.close()

    assert set(modes_in(tmp_path).values()) == {FILE_MODE}


async def test_a_database_that_others_may_read_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its mode stays as its owner set it."""
    path = tmp_path / "shared.db"
    path.touch()
    path.chmod(GROUP_MODE)
    settings = config.read({"PORT": "0", "SKYLOGIN_DATABASE_URL": f"sqlite:///{path}"}, config.DEV)
    with caplog.at_level(logging.WARNING):
        async with server.running(settings):
            pass

    assert f"may read {path}: its mode is 640" in caplog.text
    assert stat.S_IMODE(path.stat().st_mode) == GROUP_MODE
