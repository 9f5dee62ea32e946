"""An import that was killed, or repeated, leaves what one import leaves."""

import signal
from pathlib import Path

import pytest

from tests.processes import run_python
from tests.skygear.databases import SETTINGS, UNRECORDED_DATA, NewDatabase, OldDatabase, by_content

pytestmark = pytest.mark.slow
# Kills itself when it has written half of the rows.
KILLED = """
import asyncio, os, signal, sys
from skylogin import config
from skylogin.database import Store
from skylogin.operations import skygear_import
from skylogin.operations.operator import Operator

def show(done, of):
    if done > of * 5 / 8:
        os.kill(os.getpid(), signal.SIGKILL)

async def main(old, new):
    store = Store(new)
    await store.create()
    operator = Operator(store, config.read({"APP_NAME": "_"}, config.DEV))
    wanted = skygear_import.Wanted("_", "_")
    await skygear_import.load(operator, Store(old), wanted, show)

asyncio.run(main(*sys.argv[1:]))
"""
CHANGES = """
UPDATE "user" SET username = 'swap' WHERE username = 'al1x0';
UPDATE "user" SET username = 'al1x0' WHERE username = 'Bo1x1';
UPDATE "user" SET username = 'Bo1x1', _updated_at = now() WHERE username = 'swap';
UPDATE _auth SET password = '$2a$10$other', token_valid_since = now() WHERE password IS NOT NULL;
UPDATE _auth SET disabled = false, disabled_message = NULL, disabled_expiry = NULL;
DELETE FROM _auth_role WHERE role_id = 'Writer';
DELETE FROM _record_field_access WHERE record_field = 'username';
UPDATE _sso_custom_token SET principal_id = 'another' WHERE user_id = 'gone';
DELETE FROM _sso_oauth WHERE provider = 'facebook';
DELETE FROM _password_history WHERE id = '1';
DELETE FROM _device WHERE id = 'phone';
DELETE FROM note WHERE _id = 'mine';
DELETE FROM _auth WHERE id = 'long';
INSERT INTO note (_id, _database_id, _owner_id, _created_at, _updated_at, title)
    VALUES ('third', '', '', '2020-01-02', '2020-01-02', 'new');
ALTER TABLE note ADD colour text, DROP due;
UPDATE note SET colour = 'red';
"""


def test_a_second_import_brings_changes(old: OldDatabase, new: NewDatabase) -> None:
    """The result is that of one import of what there is now: rows changed, came and went."""
    old.sql(UNRECORDED_DATA)
    new.load(old.url)
    old.sql(CHANGES)
    report = new.load(old.url)
    once = new.beside("once")
    once.load(old.url)

    assert report["unclear"] == []
    assert by_content(new.export()) == by_content(once.export())
    with new.server() as server, once.server() as other:
        assert len(server.app().users) == len(other.app().users)


def test_a_killed_import_can_be_continued(
    old: OldDatabase, new: NewDatabase, tmp_path: Path
) -> None:
    """What was written before the kill stays, and the next import writes the rest."""
    done = run_python(tmp_path, "-c", KILLED, old.url, new.url, **SETTINGS)
    assert done.returncode == -signal.SIGKILL
    part = new.export()
    report = new.load(old.url)
    once = new.beside("once")
    once.load(old.url)

    assert 0 < len(part) < len(new.export())
    assert report["rows"]["users"]["same"] > 0
    assert by_content(new.export()) == by_content(once.export())
    acts = new.run("audit").stdout.splitlines()
    assert len([one for one in acts if "app.import_skygear" in one]) == 1
