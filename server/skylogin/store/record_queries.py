"""Queries for records: the schema they are read by, the records found, those included."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Text, func, select

from skylogin.database import dialect
from skylogin.database.tables import records
from skylogin.database.transaction import FieldMap, Transaction
from skylogin.domain.access import Actor
from skylogin.domain.stored_names import PUBLIC_DATABASE
from skylogin.domain.user import Field, Record
from skylogin.query.field_rules import Schema
from skylogin.query.plan import Plan
from skylogin.query.predicate import Query, expressions, key_path
from skylogin.store import fields, record_types
from skylogin.store.query_sql import QuerySql


@dataclass(frozen=True, slots=True)
class Found:
    """The records that a query found, and how many there are beyond its limit, if asked."""

    records: tuple[Record, ...]
    count: int | None


class Scope:
    """Which records a query is about: those of an app and a database, that an actor may read.

    Without a *database_id* it is about those of every database.
    """

    def __init__(self, tx: Transaction, app: str, database_id: str | None, actor: Actor) -> None:
        self.tx = tx
        self.app = app
        self.database_id = database_id
        self.actor = actor

    def sql(self) -> QuerySql:
        """Return a writer of SQL for it."""
        return QuerySql(self.tx.dialect, self.app, self.database_id, self.actor)


async def load_schema(tx: Transaction, app: str, query: Query) -> Schema:
    """Return the fields of the record types that *query* speaks of, those that are made."""
    found: dict[str, FieldMap] = {}
    for names in [[], *_paths(query)]:
        record_type = query.type
        for name in names or [""]:
            if record_type not in found and not await record_types.find(tx, app, [record_type]):
                break
            field = await _load_field(tx, app, record_type, name, found)
            if field is None or field.kind != "reference":
                break
            record_type = field.target
    return found


async def _load_field(
    tx: Transaction, app: str, record_type: str, name: str, found: dict[str, FieldMap]
) -> Field | None:
    known = found.get(record_type, {})
    if record_type not in found or name not in known:
        wanted = [name] if name and not name.startswith("_") else []
        found[record_type] = {**known, **await fields.load(tx, app, record_type, wanted)}
    return found[record_type].get(name)


def _paths(query: Query) -> list[list[str]]:
    """Return the names of fields that *query* speaks of, one path each."""
    asked = [expression for expression, _ in _predicate_expressions(query)]
    asked += [sort.by for sort in query.sorts]
    asked += query.includes.values()
    paths = {path.text: path.names for path in map(key_path, asked) if path is not None}
    return [*paths.values(), *([key] for key in query.desired_keys or ())]


def _predicate_expressions(query: Query) -> Iterable[tuple[Any, bool]]:
    return expressions(query.predicate) if query.predicate is not None else ()


async def run(scope: Scope, plan: Plan, *, count: bool) -> Found:
    """Return what *plan* finds in *scope*."""
    sql = scope.sql()
    where = sql.where(plan)
    query = select(*_COLUMNS).where(*where).order_by(*sql.order(plan))
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
    """Return the records of a type that references mean by *ids*, those that may be read."""
    if not ids:
        return {}
    sql = scope.sql()
    row = dialect.json_rows("ids", scope.tx.dialect, id=Text)
    sql.values["ids"] = [{"id": key} for key in sorted(ids)]
    query = select(*_COLUMNS).where(
        records.c.app == scope.app,
        records.c.type == record_type,
        records.c.id.in_(select(row["id"])),
        sql.readable(records),
    )
    if scope.database_id is not None:
        query = query.where(records.c.database_id.in_([PUBLIC_DATABASE, scope.database_id]))
    rows = await _fetch(scope, query.order_by(records.c.database_id), sql)
    # A record of the same database counts more than a public one.
    return {row.id: Record(*row) for row in rows}


async def _fetch(scope: Scope, query: Select[Any], sql: QuerySql) -> Sequence[Any]:
    return (await scope.tx.connection.execute(query, sql.values)).fetchall()


async def load_fields(tx: Transaction, app: str, found: Iterable[Record]) -> dict[str, FieldMap]:
    """Return the fields of the types of records, with at least those that they hold."""
    names: dict[str, set[str]] = {}
    for record in found:
        names.setdefault(record.type, set()).update(record.data)
    return {
        record_type: await fields.load(tx, app, record_type, held)
        for record_type, held in names.items()
    }


# In the order of the fields of Record.
_COLUMNS = (
    records.c.id,
    records.c.owner_id,
    records.c.access,
    records.c.created_at,
    records.c.created_by,
    records.c.updated_at,
    records.c.updated_by,
    records.c.data,
    records.c.type,
)
