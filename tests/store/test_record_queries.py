"""Queries for records return the same rows on every database as a plain evaluation in Python.

The evaluation reads the query in its wire format and does not use SQL.
"""

import asyncio
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from skylogin.database import Store, Transaction
from skylogin.database.tables import records
from skylogin.domain.fields import new_field
from skylogin.domain.user import Actor, Field
from skylogin.encoding import rfc3339
from skylogin.query import planner, reader
from skylogin.store import fields, record_queries
from skylogin.store import schema as stored_schema
from skylogin.store.record_queries import Found, Scope
from sqlalchemy import delete, insert

from tests.factories import NOW

APP = "_"
TYPE = "thing"
ODD = "a \"b\" 'c' \\ %s :d 50% ü"
FIELDS = {
    "name": new_field("string"),
    "nick": Field("string", column="citext"),
    "age": new_field("number"),
    "level": new_field("integer"),
    "ok": new_field("boolean"),
    "born": new_field("datetime"),
    "tags": new_field("json"),
    "place": new_field("location"),
    "best": new_field("reference", TYPE),
    ODD: new_field("string"),
}
TEXTS = st.text("aAbäÄ%_\\ σΣ", max_size=4)
NUMBERS = st.sampled_from([-1, 0, 0.5, 1, 2, 1e300, 12345678901234567000])
MOMENTS = st.sampled_from([datetime(year, 1, 1, tzinfo=UTC) for year in (1, 1999, 2026, 9999)])
# All different, with different distances from ORIGIN.
PLACES = st.tuples(st.integers(-179, 180), st.integers(-89, 89)).map(list)
ORIGIN = [12.3456789, 1.23456789]
PLAIN = st.sampled_from([True, False, 1, 0, 1.5, "", "a", "b", "1"])
TAGS = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=2),
    st.dictionaries(st.sampled_from(["a", "b", 'c"']), PLAIN, max_size=2),
)
ANYTHING = st.one_of(st.none(), TAGS, NUMBERS, TEXTS, PLACES, st.just([1, "a"]))
IDS = [f"r{number}" for number in range(6)]
STORED: dict[str, st.SearchStrategy[Any]] = {
    "name": TEXTS,
    "nick": TEXTS,
    "age": NUMBERS,
    "level": st.integers(-2, 2),
    "ok": st.booleans(),
    "born": MOMENTS.map(rfc3339.stored),
    "tags": TAGS,
    "place": PLACES,
    "best": st.sampled_from([*IDS, "gone"]),
    ODD: TEXTS,
}
ACCESS = st.sampled_from(
    [
        None,
        [],
        [{"public": True, "level": "read"}],
        [{"role": "editor", "level": "write"}, "what?"],
        [{"user_id": "al", "level": "read"}],
        [{"user_id": "bo", "level": "read"}, {"relation": "_friend", "level": "read"}],
        [{"public": "yes", "role": 5, "user_id": None}],
    ]
)
ACTORS = st.sampled_from(
    [Actor(), Actor("al"), Actor("bo", ("editor", "author")), Actor("_god", has_master_key=True)]
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw records, some with values that do not have the type of their field."""
    made = []
    for key in draw(st.lists(st.sampled_from(IDS), unique=True, max_size=6)):
        held = draw(st.lists(st.sampled_from(sorted(FIELDS)), unique=True))
        data = {
            name: draw(ANYTHING if draw(st.integers(0, 9)) == 0 else STORED[name]) for name in held
        }
        owner, changed = draw(st.sampled_from(["al", "bo"])), draw(MOMENTS)
        made.append(make_row(key, data, owner=owner, access=draw(ACCESS), updated_at=changed))
    return made


def make_row(key: str, data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a row of the table of records."""
    owner = changes.pop("owner", "al")
    row = {"app": APP, "database_id": "", "type": TYPE, "id": key, "owner_id": owner}
    row |= {"access": None, "created_at": NOW, "created_by": owner}
    return {**row, "updated_at": NOW, "updated_by": "", "data": data, **changes}


def path(name: str) -> dict[str, str]:
    """Return a key path in its wire format."""
    return {"$type": "keypath", "$val": name}


def date(moment: datetime) -> dict[str, str]:
    """Return a time in its wire format."""
    return {"$type": "date", "$date": rfc3339.on_wire(moment)}


def geo(place: list[float]) -> dict[str, Any]:
    """Return a place in its wire format."""
    return {"$type": "geo", "$lng": place[0], "$lat": place[1]}


# Comparable expressions by type family, each with its literals.
FAMILIES: list[tuple[list[str], st.SearchStrategy[Any]]] = [
    (
        ["name", "best", ODD, "_id", "_owner_id", "best.name", "best._id"],
        TEXTS | st.sampled_from(IDS),
    ),
    (["nick", "best.nick"], TEXTS),
    (["age", "level", "best.age"], NUMBERS),
    (["ok"], st.booleans()),
    (["born", "_updated_at", "best.born", "best._updated_at"], MOMENTS.map(date)),
]
ORDERING = ["gt", "gte", "lt", "lte", "eq", "neq"]


@st.composite
def comparisons(draw: st.DrawFn) -> list[Any]:  # noqa: PLR0911
    """Draw a comparison of two sides of the same family."""
    kind = draw(st.integers(0, 7))
    names, literals = draw(st.sampled_from(FAMILIES))
    names = [name for name in names if name != "level" or literals is not NUMBERS or kind > 1]
    one, other = path(draw(st.sampled_from(names))), path(draw(st.sampled_from(names)))
    if kind == 0:
        return [draw_operator(draw), *draw(st.permutations([one, draw(literals)]))]
    if kind == 1:
        return ["in", one, draw(st.lists(st.none() | literals, max_size=3))]
    if kind == 2:  # noqa: PLR2004
        return [draw_operator(draw), one, other]
    if kind == 3:  # noqa: PLR2004
        nullable = path(draw(st.sampled_from([*FIELDS, "_id", "best.tags", "best.place"])))
        return [draw(st.sampled_from(["eq", "neq"])), *draw(st.permutations([nullable, None]))]
    if kind == 4:  # noqa: PLR2004
        pattern = draw(TEXTS.filter(lambda text: not re.search(r"(^|[^\\])(\\\\)*\\$", text)))
        text = path(draw(st.sampled_from(["name", "nick", ODD, "best.nick", "_owner_id"])))
        other = path(draw(st.sampled_from(["name", ODD])))
        sides = draw(st.sampled_from([[text, pattern], [text, other]]))
        return [draw(st.sampled_from(["like", "ilike"])), *sides]
    if kind == 5:  # noqa: PLR2004
        return ["in", draw(st.sampled_from(["a", "b", "1", 'c"'])), path("tags")]
    if kind == 6:  # noqa: PLR2004
        return [draw(st.sampled_from(["eq", "neq"])), path("place"), geo(draw(PLACES))]
    function = ["func", "distance", path("place"), geo(draw(PLACES))]
    return [draw(st.sampled_from(ORDERING)), function, draw(st.integers(0, 20000)) * 1000 + 0.5]


def draw_operator(draw: st.DrawFn) -> str:
    """Draw an operator that every comparable type has."""
    return draw(st.sampled_from(ORDERING))


PREDICATES = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ["and", *parts]),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: ["or", *parts]),
        inner.map(lambda part: ["not", part]),
    ),
    max_leaves=4,
)
SORTABLE = [name for name in FIELDS if name not in ("tags", "place")]
SORTS = st.lists(
    st.tuples(
        st.sampled_from([*SORTABLE, "_id", "_updated_at", "_owner_id"]).map(path)
        | st.just(["func", "distance", path("place"), geo(ORIGIN)]),
        st.sampled_from(["asc", "desc"]),
    ).map(list),
    max_size=3,
)
PAYLOADS = st.fixed_dictionaries(
    {"record_type": st.just(TYPE), "predicate": st.none() | PREDICATES, "sort": SORTS},
    optional={"limit": st.integers(0, 4), "offset": st.integers(-1, 3), "count": st.just(True)},
)


# The plain evaluation.


def readable(row: dict[str, Any], actor: Actor) -> bool:
    """Return whether *actor* may read a record."""
    entries = [entry for entry in row["access"] or [] if isinstance(entry, dict)]
    return (
        actor.has_master_key
        or row["access"] is None
        or (actor.user_id != "" and row["owner_id"] == actor.user_id)
        or any(
            entry.get("public") is True
            or (actor.user_id != "" and entry.get("user_id") == actor.user_id)
            or entry.get("role") in actor.roles
            for entry in entries
        )
    )


def fitting(name: str, value: Any) -> Any:
    """Return a stored value, null if it does not have the type of its field."""
    kinds: dict[str, Any] = {"age": (int, float), "level": (int, float), "ok": bool}
    if name == "tags":
        return value
    if name == "place":
        fits = isinstance(value, list) and len(value) > 1
        fits = fits and all(type(number) in (int, float) for number in value[:2])
        return value if fits else None
    fits = isinstance(value, kinds.get(name, str)) and (name == "ok" or not isinstance(value, bool))
    return value if fits else None


def look_up(name: str, row: dict[str, Any] | None, all_rows: dict[str, Any], actor: Actor) -> Any:
    """Return the value of a key path in a record."""
    first, _, rest = name.partition(".")
    if row is None:
        return None
    if rest:
        other = all_rows.get(fitting(first, row["data"].get(first)))
        return look_up(rest, other if other and readable(other, actor) else None, all_rows, actor)
    if first.startswith("_"):
        value = row[{"_id": "id"}.get(first, first[1:])]
        return rfc3339.stored(value) if isinstance(value, datetime) else value
    return fitting(first, row["data"].get(first))


def metres(one: list[float], other: list[float]) -> float:
    """Return the distance of two places, with another formula than the server's."""
    (x, y), (u, v) = (map(math.radians, place[:2]) for place in (one, other))
    across = math.cos(v) * math.sin(u - x)
    along = math.cos(y) * math.sin(v) - math.sin(y) * math.cos(v) * math.cos(u - x)
    between = math.sin(y) * math.sin(v) + math.cos(y) * math.cos(v) * math.cos(u - x)
    return 6371008.7714 * math.atan2(math.hypot(across, along), between)


class Evaluation:
    """The result of a query, found without SQL."""

    def __init__(self, all_rows: list[dict[str, Any]], actor: Actor) -> None:
        self.rows = {row["id"]: row for row in all_rows}
        self.actor = actor

    def ids(self, payload: dict[str, Any]) -> tuple[list[str], int]:
        """Return the ids in order, and their number without a limit."""
        predicate = payload["predicate"]
        found = [
            row
            for row in sorted(self.rows.values(), key=lambda row: row["id"])
            if readable(row, self.actor) and (not predicate or self.holds(predicate, row) is True)
        ]
        for by, order in reversed(payload["sort"]):
            keys = {row["id"]: self.key(by, row) for row in found}
            found.sort(key=lambda row: keys[row["id"]], reverse=order == "desc")
        first = max(payload.get("offset", 0), 0)
        last = first + payload["limit"] if "limit" in payload else None
        return [row["id"] for row in found[first:last]], len(found)

    def key(self, by: Any, row: dict[str, Any]) -> tuple[bool, Any]:
        """Return the sort key of a record: null is greater than everything."""
        value = self.value(by, row)
        if isinstance(value, str) and by == path("nick"):
            value = value.lower()
        return (value is None, value if value is not None else 0)

    def value(self, expression: Any, row: dict[str, Any]) -> Any:
        """Return the value of an expression for a record; times are text that sorts."""
        if isinstance(expression, list):
            place = look_up("place", row, self.rows, self.actor)
            other = [expression[3]["$lng"], expression[3]["$lat"]]
            return None if place is None else metres(place, other)
        if not isinstance(expression, dict):
            return expression
        match expression["$type"]:
            case "keypath":
                return look_up(expression["$val"], row, self.rows, self.actor)
            case "date":
                return rfc3339.stored(rfc3339.read(expression["$date"])[0])
        return [expression["$lng"], expression["$lat"]]

    def holds(self, predicate: list[Any], row: dict[str, Any]) -> bool | None:
        """Return whether a predicate holds, None if unknown."""
        operator, *parts = predicate
        if operator in ("and", "or"):
            held = [self.holds(part, row) for part in parts]
            decisive = operator == "or"
            if decisive in held:
                return decisive
            return None if None in held else not decisive
        if operator == "not":
            held_one = self.holds(parts[0], row)
            return None if held_one is None else not held_one
        return self.compares(operator, *parts, row)

    def compares(self, operator: str, left: Any, right: Any, row: dict[str, Any]) -> bool | None:
        """Return whether a comparison holds, None if unknown."""
        if operator == "in":
            return self.contains(left, right, row)
        one, other = self.value(left, row), self.value(right, row)
        if None in (left, right) and operator in ("eq", "neq"):
            return (one is None and other is None) == (operator == "eq")
        if one is None or other is None:
            return None
        sides = [
            side["$val"] for side in (left, right) if isinstance(side, dict) and "$val" in side
        ]
        if all(side.endswith("nick") for side in sides) or (
            "like" in operator and (operator == "ilike" or sides[0].endswith("nick"))
        ):
            one, other = (v.lower() if isinstance(v, str) else v for v in (one, other))
        if "like" in operator:
            return matches(one, other)
        if isinstance(one, list):
            one, other = one[:2], other[:2]
        return {
            "eq": lambda: one == other,
            "neq": lambda: one != other,
            "gt": lambda: one > other,
            "gte": lambda: one >= other,
            "lt": lambda: one < other,
            "lte": lambda: one <= other,
        }[operator]()

    def contains(self, left: Any, right: Any, row: dict[str, Any]) -> bool | None:
        """Return whether `in` holds, in either form."""
        if isinstance(left, str):
            tags = self.value(right, row)
            if isinstance(tags, list | dict):
                return left in [tag for tag in tags if isinstance(tag, str)]
            return None if tags is None else tags == left
        results = [
            self.compares("eq", left, item, row) if item is not None else None for item in right
        ]
        if not right or (None in results and True not in results):
            return None
        return True in results


def matches(text: str, pattern: str) -> bool | None:
    """Return whether a text matches a pattern, None if that ends with an escape."""
    if re.search(r"(?:^|[^\\])(?:\\\\)*\\$", pattern):
        return None
    expression = ""
    for mark in re.findall(r"\\.|.", pattern, re.DOTALL):
        expression += {"%": ".*", "_": "."}.get(mark) or re.escape(mark[-1])
    return re.fullmatch(expression, text, re.DOTALL) is not None


# The databases.


class Database:
    """A store with the record type, and an event loop, for tests that are not async."""

    def __init__(self, url: str) -> None:
        self.runner = asyncio.Runner()
        self.store: Store = Store(url)

        async def prepare() -> None:
            await self.store.create()
            await self.store.run(self.make_type)

        self.runner.run(prepare())

    async def make_type(self, tx: Transaction) -> None:
        """Make the record type and its fields."""
        await stored_schema.make_type(tx, APP, TYPE)
        await fields.add_missing(tx, APP, TYPE, FIELDS)

    def find(
        self,
        rows: list[dict[str, Any]],
        payload: dict[str, Any],
        actor: Actor,
        database_id: str | None = "",
    ) -> Found:
        """Replace all records by *rows*, and run the query."""
        asked = reader.read(json.loads(json.dumps(payload)))

        async def work(tx: Transaction) -> Found:
            await tx.connection.execute(delete(records))
            if rows:
                await tx.connection.execute(insert(records), rows)
            schema = await record_queries.load_schema(tx, APP, asked)
            plan = planner.plan(asked, schema)
            scope = Scope(tx, APP, database_id, actor)
            return await record_queries.run(scope, plan, count=asked.count)

        return self.runner.run(self.store.run(work))

    def ids(self, rows: list[dict[str, Any]], **payload: Any) -> list[str]:
        """Return the ids that a query finds with the master key."""
        actor = payload.pop("actor", Actor(has_master_key=True))
        database_id = payload.pop("database_id", "")
        found = self.find(rows, {"record_type": TYPE, **payload}, actor, database_id)
        return [record.id for record in found.records]

    def close(self) -> None:
        """Close what was opened."""
        self.runner.run(self.store.close())
        self.runner.close()


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One database for all examples."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        url = server.make_database()
    else:
        folder: Path = tmp_path_factory.mktemp("queries")
        url = f"sqlite:///{folder / 'skylogin.db'}"
    opened = Database(url)
    yield opened
    opened.close()
    if request.param == "postgresql":
        server.drop_database(url)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(rows=rows(), payload=PAYLOADS, actor=ACTORS)
def test_a_query_finds_what_a_plain_evaluation_finds(database, rows, payload, actor):
    """The same records in the same order, and the same count."""
    found = database.find(rows, payload, actor)

    ids, count = Evaluation(rows, actor).ids(payload)
    assert [record.id for record in found.records] == ids
    assert found.count == (count if "count" in payload else None)


@pytest.mark.parametrize("place", [[5e-324, 0], [0, 1e-160], [180, 135], [1e300, -1e300]])
def test_every_place_has_a_distance(database, place):
    """Also with tiny degrees, and beyond the poles."""
    rows = [make_row("r0", {"place": place})]
    for asked in ([0, 0], [0, 45], place):
        function = ["func", "distance", path("place"), geo(asked)]
        assert database.ids(rows, predicate=["gte", function, 0]) == ["r0"]


@pytest.mark.parametrize("place", [[1], 1.5, [1, None], [None, 1], [], {"0": 1}])
@pytest.mark.parametrize("operator", ["eq", "neq"])
def test_an_incomplete_place_is_null(database, place, operator):
    """It is neither equal nor unequal to a place."""
    rows = [make_row("r0", {"place": place})]
    assert database.ids(rows, predicate=[operator, path("place"), geo([0, 0])]) == []
    assert database.ids(rows, predicate=["not", [operator, path("place"), geo([1, 1])]]) == []
