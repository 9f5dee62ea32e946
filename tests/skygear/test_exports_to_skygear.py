"""What `export-skygear` writes loads into the recorded schema, and is equal when imported."""

import pytest

from tests.local_services import PostgreSQL
from tests.skygear.databases import (
    RECORDED,
    UNRECORDED_DATA,
    USERS,
    NewDatabase,
    OldDatabase,
    by_content,
    log_in,
    psql,
)

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("new", ["sqlite"], indirect=True)]
SHAPES = """
UPDATE note SET area = ST_GeomFromGeoJSON(shape) FROM (VALUES
    ('first', '{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]]]}'),
    ('second',
        '{"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2.5]}]}'),
    ('mine', '{"type":"LineString","coordinates":[[1,2],[3,1e-7]]}')
) AS shapes (id, shape) WHERE _id = id;
UPDATE note SET title = E'tab\\t, line\\n, \\\\N and \\\\.', extra = '"text"' WHERE _id = 'second';
"""


def recorded_schema() -> str:
    """Return the SQL that makes the tables of the recorded database, without rows."""
    dump = (RECORDED / "dump.sql").read_text(encoding="utf-8")
    lines, in_rows = [], False
    for line in dump.splitlines(keepends=True):
        in_rows = in_rows or line.startswith("COPY ")
        if not in_rows:
            lines.append(line)
        if line == "\\.\n":
            in_rows = False
    return "".join(lines)


@pytest.mark.parametrize(
    "is_made",
    [True, pytest.param(False, marks=pytest.mark.long)],
    ids=["recorded schema", "empty database"],
)
def test_the_old_server_gets_everything_back(
    old: OldDatabase, new: NewDatabase, postgresql: PostgreSQL, *, is_made: bool
) -> None:
    """Users who logged in here since too."""
    old.sql(UNRECORDED_DATA, SHAPES)
    new.load(old.url)
    with new.server() as server:
        assert server.app().login("somebody new", profile={"colour": "red"})
        log_in(server.url, USERS[0])
    file = new.folder / "back.sql"
    done = new.run("export-skygear", str(file), "--app-name", "_")
    assert done.returncode == 0, done.stderr
    url = postgresql.make_database()
    if is_made:
        schema = new.folder / "schema.sql"
        schema.write_text(recorded_schema(), encoding="utf-8")
        psql(url, file=schema)
    psql(url, file=file)
    again = new.beside("again")
    again.load(url)

    assert without_origins(again.export()) == without_origins(new.export())
    with pytest.raises(AssertionError, match="has users: load this into a new database"):
        psql(url, file=file)
    assert new.run("export-skygear", str(file), "--app-name", "_", "--replace").returncode == 0
    psql(url, file=file)
    assert by_content(again.export()) == by_content(again.export())
    assert again.load(url)["rows"]["users"].keys() == {"there", "same"}
    assert file.stat().st_mode & 0o077 == 0
    postgresql.drop_database(url)


def without_origins(export: list[str]) -> list[str]:
    """Return rows without where they come from: a new user was not imported the first time."""
    return [line.replace(', "origin": "skygear _"', "") for line in by_content(export)]
