"""One pass over the rows of the original: compare each with the row here, write it if needed."""

import functools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from skylogin.database import Store, Transaction
from skylogin.domain.fields import FIRST_USER_FIELDS
from skylogin.domain.importing import DESCRIBING, Here, Outcome, Report
from skylogin.domain.skygear import FIXED_TABLES, FixedTable, Row, Skygear
from skylogin.domain.unique_keys import KeySet
from skylogin.operations.import_rows import RowReader
from skylogin.store import imports, login_batch, skygear
from skylogin.store.table_rows import OTHER_KEYS, ROWS_AT_ONCE

Advance = Callable[[Transaction, int], Awaitable[None]]
# Rows of these tables are removed here once they are gone from the original.
REMOVED = ("users", "user_roles", "password_history", "principals", "devices", "records")


@dataclass(frozen=True, slots=True)
class Place:
    """Where rows go: an app in a *store*. Without a store, the app is taken as empty.

    *advance* stores the number of rows done so far, in the transaction of their batch. Without
    it, the pass only checks. *show* displays the same number.
    """

    app: str
    key_sets: tuple[KeySet, ...]
    store: Store | None
    show: Callable[[int], None]
    advance: Advance | None = None

    @property
    def is_written(self) -> bool:
        """Return whether the pass writes rows, or only checks them."""
        return self.advance is not None


class ImportPass:
    """A pass. A row that is unclear goes into the *report*, and the row here stays as it is."""

    def __init__(self, tx: Transaction, source: Skygear, place: Place, report: Report) -> None:
        self.tx, self.source, self.place, self.report = tx, source, place, report
        self.here = Here(source.origin)
        self.reader = RowReader(source, report, self.here, place.key_sets)
        self.done = 0
        self._had: dict[str, bool] = {}
        self._seen: dict[str, set[imports.Key]] = {name: set() for name in REMOVED}

    async def run(self) -> None:
        """Process all tables, roles and types before the rows that refer to them."""
        if self.place.store is not None:
            await self.place.store.run(self._load_here, write=False)
        by_table: dict[str, list[FixedTable]] = {}
        for fixed in FIXED_TABLES:
            by_table.setdefault(fixed.table, []).append(fixed)
        await self._import_fixed("roles", by_table.pop("roles"))
        await self._import_types()
        for name, tables in by_table.items():
            await self._import_fixed(name, tables)
        for one in self.source.tables:
            async for rows in skygear.read_records(self.tx, self.source, one):
                await self._import("records", (self.reader.record(one, row) for row in rows))
        await self._remove_stale("records")
        await self._remove_stale_fields()
        await self._move_keys()

    async def _load_here(self, tx: Transaction) -> None:
        app, origin = self.place.app, self.source.origin
        for name in (*DESCRIBING, *REMOVED):
            self._had[name] = await imports.has_rows(tx, app, name)
        self.here.others = await imports.load_other_users(tx, app, origin)
        self.reader.owners_here = await imports.load_key_owners(tx, app)

    async def _import_fixed(self, name: str, tables: Sequence[FixedTable]) -> None:
        listed: set[imports.Key] = set()
        for fixed in tables:
            async for rows in skygear.read_fixed(self.tx, self.source, fixed):
                taken = await self._import(name, (self.reader.fixed(fixed, row) for row in rows))
                if name == "field_access":
                    listed.update(imports.key_of(row, imports.key_names(name)) for row in taken)
        if name in REMOVED:
            await self._remove_stale(name)
        elif name == "field_access" and not self.here.others:
            here = await self._load_all(name)
            await self._remove(name, [row for key, row in here.items() if key not in listed])

    async def _import_types(self) -> None:
        """Import record types, even those that only have rules, and their fields."""
        roles, access = await skygear.read_rules(self.tx, self.source)
        made = {one.name for one in self.source.tables}
        here = await self._load_all("record_types")
        types: list[Row | None] = []
        for name in sorted(made | set(roles) | set(access)):
            same = here.get((name,))
            row: Row = {"type": name, "made": name in made or bool(same and same["made"])}
            row |= {"default_access": access[name]} if access.get(name) is not None else {}
            row |= {"create_roles": list(roles[name])} if name in roles else {}
            types.append(self.reader.with_valid_key("record_types", row))
        await self._import("record_types", types, is_read=False)
        next_values = await skygear.read_next_values(self.tx, self.source)
        fields_here = await self._load_all("record_fields")
        for one in self.source.tables:
            fields = self.reader.fields(one, fields_here, next_values)
            await self._import("record_fields", fields, is_read=False)

    async def _load_all(self, name: str) -> dict[imports.Key, Row]:
        if self.place.store is None:
            return {}
        app = self.place.app
        rows = await self.place.store.run(lambda tx: imports.load_all(tx, app, name), write=False)
        return {imports.key_of(row, imports.key_names(name)): row for row in rows}

    # --- any rows ------------------------------------------------------------------------

    async def _import(
        self, table: str, rows: Iterable[Row | None], *, is_read: bool = True
    ) -> list[Row]:
        """Compare *rows* with those here, write what is new or changed, and return valid ones."""
        cleaned = list(rows)
        wanted = [row for row in cleaned if row is not None]
        names, done = imports.key_names(table), self.done + len(cleaned) * is_read
        self.report.count(table, "there", len(cleaned))
        if self._had.get(table) and table in self._seen:
            self._seen[table].update(imports.key_of(row, names) for row in wanted)

        async def work(tx: Transaction) -> list[Outcome]:
            decided = await self._decide(tx, table, wanted)
            if self.place.advance is not None:
                by_outcome: dict[Outcome, list[Row]] = {}
                for row, outcome in zip(wanted, decided, strict=True):
                    by_outcome.setdefault(outcome, []).append(row)
                changed = by_outcome.get(Outcome.CHANGED, [])
                new = by_outcome.get(Outcome.NEW, [])
                await imports.write(tx, self.place.app, table, new, changed)
                await self.place.advance(tx, done)
            return decided

        decided = [Outcome.NEW] * len(wanted)
        if self.place.store is not None:
            decided = await self.place.store.run(work, write=self.place.is_written)
        self._count(table, wanted, decided)
        self.done = done
        self.place.show(done)
        return wanted

    async def _decide(self, tx: Transaction, table: str, rows: Sequence[Row]) -> list[Outcome]:
        if not self._had.get(table):
            return [Outcome.NEW] * len(rows)
        app, names = self.place.app, imports.key_names(table)
        same = await imports.load_same(tx, app, table, rows, names)
        others: dict[imports.Key, Row] = {}
        other_names = OTHER_KEYS.get(table, ())
        if other_names:
            others = await imports.load_same(tx, app, table, rows, other_names)
        decided = []
        for row in rows:
            here = same.get(imports.key_of(row, names))
            other = others.get(imports.key_of(row, other_names)) if other_names else None
            decided.append(self.here.compare(table, row, here, None if other == here else other))
        return decided

    def _count(self, table: str, rows: Sequence[Row], decided: Sequence[Outcome]) -> None:
        names = imports.key_names(table)
        for row, outcome in zip(rows, decided, strict=True):
            self.report.count(table, outcome.value)
            if outcome in (Outcome.TAKEN, Outcome.NEWER):
                key = " ".join(str(part) for part in imports.key_of(row, names) if part)
                self.report.doubt(outcome.value, f"{table} {key}")
                user_id = Here.user_of(table, row)
                if user_id is not None and table in ("users", "records"):
                    self.here.left.add(user_id)
            if table == "records":
                kind = str(row["type"])
                self.report.records[kind] = self.report.records.get(kind, 0) + 1

    # --- rows that are gone from the original ----------------------------------------------

    async def _remove_stale(self, table: str) -> None:
        store = self.place.store
        if store is None or not self._had[table]:
            return
        names = imports.key_names(table)
        column = "origin" if table in ("users", "records") else "user_id"
        rows = await store.run(
            lambda tx: imports.load_keys(tx, self.place.app, table, [column]), write=False
        )
        await self._remove(
            table,
            [
                row
                for row in rows
                if imports.key_of(row, names) not in self._seen[table]
                and self.here.is_stale(table, row)
            ],
        )

    async def _remove_stale_fields(self) -> None:
        """Remove fields that are gone from the original, unless a record here uses them."""
        store, app = self.place.store, self.place.app
        if store is None or not self._had["record_fields"]:
            return
        there = {one.name: one.fields for one in self.source.tables}
        kept = {*FIRST_USER_FIELDS, *(name for names in self.place.key_sets for name in names)}
        stale = []
        for row in (await self._load_all("record_fields")).values():
            kind, name = str(row["type"]), str(row["field"])
            if name in there.get(kind, {name}) or name in kept:
                continue
            used = functools.partial(imports.is_used, app=app, record_type=kind, field=name)
            if not await store.run(used, write=False):
                stale.append(row)
        await self._remove("record_fields", stale)

    async def _remove(self, table: str, stale: Sequence[Row]) -> None:
        store = self.place.store
        if not stale or store is None:
            return
        if self.place.is_written:
            await store.run(lambda tx: imports.remove(tx, self.place.app, table, stale))
        self.report.count(table, "removed", len(stale))

    async def _move_keys(self) -> None:
        """Save the owners of the unique keys, after removing the keys whose owners change."""
        store, app = self.place.store, self.place.app
        if store is None or not self.place.is_written:
            return
        owners, here, left = self.reader.owners, self.reader.owners_here, self.here.left
        staying = self.here.others | left
        freed = [k for k, owner in here.items() if owner not in staying and owners.get(k) != owner]
        added = [k for k, owner in owners.items() if here.get(k) != owner and owner not in left]
        await store.run(lambda tx: login_batch.save_keys(tx, app, freed, {}))
        for at in range(0, len(added), ROWS_AT_ONCE):
            part = {key: owners[key] for key in added[at : at + ROWS_AT_ONCE]}
            add = functools.partial(login_batch.save_keys, app=app, released=(), owners=part)
            await store.run(add)
            self.place.show(self.done + at + len(part))
