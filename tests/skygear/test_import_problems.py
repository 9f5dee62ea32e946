"""What keeps an import from beginning is one line; what is unclear is named, and can be skipped."""

import json
from http import HTTPStatus
from typing import Any

import pytest

from tests.local_services import ADDRESS, PostgreSQL, free_port
from tests.skygear.databases import USERS, NewDatabase, OldDatabase, log_in, psql

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("new", ["sqlite"], indirect=True)]
RECORDS = 57
NAMED = ("--app-name", "_")
FIRST, SECOND = (user["user_id"] for user in USERS[:2])


def refused(new: NewDatabase, old: OldDatabase, *skip: str) -> dict[str, Any]:
    """Run an import that finds something unclear, and return what by its kind."""
    options = [part for kind in skip for part in ("--skip", kind)]
    done = new.run("import-skygear", "--from", old.url, *NAMED, "--json", *options)
    assert done.returncode == 1, done.stdout
    assert done.stderr.startswith("nothing was written: ")
    assert new.export() == [] or "newer" in done.stderr or "taken" in done.stderr
    return {one["kind"]: one for one in json.loads(done.stdout)["unclear"]}


def test_what_cannot_be_imported_is_one_line(
    old: OldDatabase, new: NewDatabase, postgresql: PostgreSQL
) -> None:
    """A wrong name, a missing schema, no rights, another version, no whole app, no server."""
    assert new.error("mysql://x", *NAMED) == "--from has to begin with postgres:// or postgresql://"
    assert new.error(old.url, "--skip", "all").startswith("--skip all: use locations, ")
    nowhere = f"postgresql://postgres@{ADDRESS}:{free_port()}/x"
    assert "the Skygear database cannot be used: " in new.error(nowhere, *NAMED)
    missing = new.error(old.url.rpartition("/")[0] + "/nothing", *NAMED)
    assert missing.endswith('database "nothing" does not exist')
    assert new.error(old.url, "--app-name", "Shop") == (
        "the Skygear database has no schema app_shop; it has the app _: name one with --app-name"
    )
    empty = postgresql.make_database()
    assert new.error(empty, *NAMED) == (
        "the Skygear database has no schema app__; it has no schema of any Skygear app"
    )
    psql(empty, "CREATE SCHEMA app__", "CREATE TABLE app__._auth (id text)")
    assert "has no PostGIS, without which a dump is not restored" in new.error(empty, *NAMED)
    postgresql.drop_database(empty)
    old.sql("REVOKE SELECT ON _sso_oauth FROM reader")
    assert new.error(old.reader_url, *NAMED) == (
        "user 'reader' may not read the table '_sso_oauth' of app__: GRANT USAGE ON SCHEMA "
        '"app__" TO "reader"; GRANT SELECT ON ALL TABLES IN SCHEMA "app__" TO "reader"'
    )
    old.sql("UPDATE _version SET version_num = 'older'")
    assert "has the version older, and only 7469be11899e can be" in new.error(old.url, *NAMED)
    old.sql("DROP TABLE _device CASCADE")
    assert new.error(old.url, *NAMED) == (
        "the schema app__ has no table '_device': it is not a whole app of skygear-server"
    )


def test_what_is_unclear_is_skipped_by_name(old: OldDatabase, new: NewDatabase) -> None:
    """Nothing is written before; then the rest is imported."""
    old.sql(
        f"""UPDATE "user" SET score = 'NaN', birthday = 'infinity', vip = true
            WHERE _id = '{FIRST}'""",
        'ALTER TABLE "user" ADD "a.b" text, ADD "why?" text',
        f"""UPDATE "user" SET username = 'ÜN', name = 'kept' WHERE _id = '{FIRST}'""",
        f"""UPDATE "user" SET username = 'ün' WHERE _id = '{SECOND}'""",
        "INSERT INTO _sso_custom_token VALUES ('x', repeat('x', 2501), '2020-01-02')",
    )
    unclear = refused(new, old, "values")

    assert {kind: one["number"] for kind, one in unclear.items()} == {
        "field-names": 2,
        "values": 2,
        "long-keys": 1,
        "duplicate-keys": 1,
    }
    new.load(old.url, "--skip", ",".join(unclear))
    records = {
        row["row"]["id"]: row["row"]["data"]
        for row in map(json.loads, new.export())
        if row["table"] == "records"
    }
    assert records[FIRST]["name"] == "kept"
    assert not {"score", "birthday"} & set(records[FIRST])
    assert sum("username" in records[one] for one in (FIRST, SECOND)) == 1


@pytest.mark.long
def test_a_database_without_postgis_is_imported(old: OldDatabase, new: NewDatabase) -> None:
    """Its columns of geometry are gone; the rest is imported all the same."""
    old.sql("DROP EXTENSION postgis CASCADE")

    assert set(refused(new, old)) == {"locations"}
    assert new.load(old.url, "--skip", "locations")["rows"]["records"]["new"] == RECORDS


def test_what_changed_on_both_sides_is_unclear(old: OldDatabase, new: NewDatabase) -> None:
    """A user who was changed here stays; the others follow the original."""
    new.load(old.url)
    with new.server() as server:
        assert log_in(server.url, USERS[0])[0] == HTTPStatus.OK
        server.app().users[USERS[0]["principal_id"]].edit(name="changed here")
    old.sql(f"""UPDATE "user" SET name = 'changed there' WHERE _id IN ('{FIRST}', '{SECOND}')""")
    before = new.export()
    unclear = refused(new, old)

    assert {kind: one["examples"] for kind, one in unclear.items()} == {
        "newer-here": [f"records user {FIRST}"]
    }
    assert new.export() == before
    report = new.load(old.url, "--skip", "newer-here")
    assert report["rows"]["records"]["changed"] == 1
    names = {
        row["row"]["id"]: row["row"]["data"].get("name")
        for row in map(json.loads, new.export())
        if row["table"] == "records"
    }
    assert (names[FIRST], names[SECOND]) == ("changed here", "changed there")


def test_users_of_the_app_are_not_replaced(old: OldDatabase, new: NewDatabase) -> None:
    """A user who signed up here with a subject or a name of the original stays."""
    with new.server() as server:
        here = server.app().login(USERS[0]["principal_id"], profile={"username": "BO1X1"})
    unclear = refused(new, old)

    assert {kind: one["number"] for kind, one in unclear.items()} == {
        "taken": 1,
        "duplicate-keys": 1,
    }
    new.load(old.url, "--skip", "taken", "--skip", "duplicate-keys")
    with new.server() as server:
        again = server.app().login(USERS[0]["principal_id"])
    assert again.user_id == here.user_id
