"""Queries for records: the schema they need, their results, and included records."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Text, func, select

from skylogin.database import dialect
from skylogin.database.tables import records
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain.fields import TypeAndField
from skylogin.domain.stored_names import PUBLIC_DATABASE
from skylogin.domain.user import Actor, Record
from skylogin.query.paths import Schema, paths_of, reach
from skylogin.query.plan import Plan
from skylogin.query.predicate import Query
from skylogin.store import fields, record_rows
from skylogin.store import schema as stored_schema
from skylogin.store.query_sql import QuerySql


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a query found, and if asked for, how many there are without a limit."""

    records: tuple[Record, ...]
    count: int | None


class Scope:
    """The records of an app and a database that an actor may read.

    Without a *database_id*, the records of every database.
    """

    def __init__(self, tx: Transaction, app: str, database_id: str | None, actor: Actor) -> None:
        self.tx = tx
        self.app = app
        self.database_id = database_id
        self.actor = actor

    def sql(self) -> QuerySql:
        """Return an SQL writer for this scope."""
        return QuerySql(self.tx.dialect, self.app, self.database_id, self.actor)


async def load_schema(tx: Transaction, app: str, query: Query) -> Schema:
    """Return the existing fields of the record types that *query* reads."""
    schema: dict[str, FieldMap] = {}
    loaded: set[TypeAndField] = set()
    paths = [[""], *paths_of(query)]
    # One round for each reference that a path follows.
    while missing := {at for names in paths for at in reach(names, query.type, schema)} - loaded:
        loaded |= missing
        types = {record_type for record_type, _ in missing}
        for record_type in await stored_schema.find_types(tx, app, types):
            names = [name for of, name in missing if of == record_type and not _is_reserved(name)]
            found = await fields.load(tx, app, record_type, names)
            schema[record_type] = {**schema.get(record_type, {}), **found}
    return schema


def _is_reserved(name: str) -> bool:
    return not name or name.startswith("_")


async def run(scope: Scope, plan: Plan, *, count: bool) -> Found:
    """Return what *plan* finds in *scope*."""
    sql = scope.sql()
    where = sql.where(plan)
    query = select(*record_rows.COLUMNS).where(*where).order_by(*sql.order(plan))
    if plan.limit is not None:
        query = query.limit(plan.limit)
    if plan.offset:
        query = query.offset(plan.offset)
    rows = await _fetch(scope, query, sql)
    total = None
    if count:
        total = len(rows)
        if plan.limit is not None or plan.offset:
            counted = select(func.count()).select_from(records).where(*where)
            [(total,)] = await _fetch(scope, counted, sql)
    return Found(tuple(Record(*row) for row in rows), total)


async def load_referred(scope: Scope, record_type: str, ids: Collection[str]) -> dict[str, Record]:
    """Return the readable records of a type that references to *ids* mean."""
    if not ids:
        return {}
    sql = scope.sql()
    row = dialect.json_rows("ids", scope.tx.dialect, id=Text)
    sql.values["ids"] = [{"id": key} for key in sorted(ids)]
    query = select(*record_rows.COLUMNS).where(
        records.c.app == scope.app,
        records.c.type == record_type,
        records.c.id.in_(select(row["id"])),
        sql.readable(records),
    )
    if scope.database_id is not None:
        query = query.where(records.c.database_id.in_([PUBLIC_DATABASE, scope.database_id]))
    rows = await _fetch(scope, query.order_by(records.c.database_id), sql)
    # A record of the same database replaces a public one with the same id.
    return {row.id: Record(*row) for row in rows}


async def _fetch(scope: Scope, query: Select[Any], sql: QuerySql) -> Sequence[Any]:
    rows: Sequence[Any] = (await scope.tx.connection.execute(query, sql.values)).all()
    return rows
