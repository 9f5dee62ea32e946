"""Export an app as SQL that `psql` loads into a database of the original."""

from collections.abc import Sequence
from importlib import resources
from itertools import groupby
from typing import Any, BinaryIO

from skylogin.database import Transaction
from skylogin.domain import skygear, skygear_sql
from skylogin.domain.skygear_sql import Row
from skylogin.domain.unique_keys import KeySet
from skylogin.domain.user import Field
from skylogin.operations.exports import Progress
from skylogin.operations.operator import Operator
from skylogin.store import exports

ACT = "app.export_skygear"


async def export(  # noqa: PLR0913
    operator: Operator,
    app: str,
    app_name: str,
    file: BinaryIO,
    *,
    replaces: bool,
    progress: Progress,
) -> int:
    """Write the app, as of one moment, into *file*, and return the number of rows.

    *app_name* is the app's name on the old server. If it *replaces*, the SQL deletes what the
    schema contains; otherwise it refuses a schema with users.
    """
    await operator.note(app, ACT, app_name)
    key_sets = operator.settings.auth_record_keys

    async def write_all(tx: Transaction) -> int:
        file.seek(0)
        file.truncate()
        writer = _Writer(file, key_sets, replaces=replaces)
        directory = resources.files("skylogin.operations")
        tables = directory.joinpath("skygear_schema.sql").read_text(encoding="utf-8")
        schema = skygear.schema_of(app_name)
        writer.write(skygear_sql.beginning(schema, tables, replaces=replaces))
        total, done = await exports.count(tx, app), 0
        async for table, rows in exports.read(tx, app):
            writer.take(table, rows)
            done += len(rows)
            progress(done, total)
        writer.end()
        return done

    return await operator.store.run(write_all, write=False, snapshot=True)


class _Writer:
    """Writes rows as SQL, in the order of an export: types and fields come before records."""

    def __init__(self, file: BinaryIO, key_sets: Sequence[KeySet], *, replaces: bool) -> None:
        self._file, self._key_sets, self._replaces = file, key_sets, replaces
        self._fields: dict[str, dict[str, Field]] = {}
        self._rules: list[Row] = []
        self._assets: set[str] = set()
        self._has_types = False

    def write(self, text: str) -> None:
        """Write SQL."""
        self._file.write(text.encode())

    def take(self, table: str, rows: Sequence[Row]) -> None:
        """Write rows of one table, or keep them until other rows they need are written."""
        if table == "record_types":
            self._rules += rows
            self._fields |= {str(row["type"]): {} for row in rows if row["made"]}
        elif table == "record_fields":
            for row in rows:
                self._fields.setdefault(str(row["type"]), {})[str(row["field"])] = _field(row)
        elif table == "records":
            self._write_types()
            for name, some in groupby(rows, lambda row: str(row["type"])):
                self._write_records(name, list(some))
        else:
            self.write(skygear_sql.fixed_rows(table, rows))

    def end(self) -> None:
        """Write what depends on all rows."""
        self._write_types()
        self.write(skygear_sql.rules(self._rules))
        self.write(skygear_sql.ending(self._fields, self._assets))

    def _write_types(self) -> None:
        if not self._has_types:
            self._has_types = True
            self.write(skygear_sql.types(self._fields, self._key_sets, replaces=self._replaces))

    def _write_records(self, name: str, rows: Sequence[Row]) -> None:
        fields = self._fields[name]
        data: list[Any] = [row["data"] for row in rows]
        assets = [one for one, field in fields.items() if field.kind == "asset"]
        self._assets.update(str(one[asset]) for one in data for asset in assets if asset in one)
        self.write(skygear_sql.records(name, fields, rows))


def _field(row: Any) -> Field:
    return Field(row["kind"], row["target"], row["column_type"], row.get("next_value"))
