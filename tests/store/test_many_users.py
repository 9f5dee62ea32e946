"""With 100,000 users and login attempts, every page needs little work from the database.

The tests measure work, not time: steps of SQLite's virtual machine, and rows that PostgreSQL
reads. Reading every user once takes some 50 milliseconds.
"""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from skylogin.database import Store, Transaction, dialect
from skylogin.database.tables import auth_keys, login_log, operator_audit, principals, records
from skylogin.database.tables import users as users_table
from skylogin.domain.login_attempt import Filter
from skylogin.encoding import rfc3339
from skylogin.ids import IdMaker
from skylogin.operations import login_attempts, overview, users
from skylogin.operations.operator import Operator, list_acts
from skylogin.store.user_search import SORTS, Search
from sqlalchemy import Table, text

from tests.factories import NOW
from tests.stores import MakeOperator

pytestmark = pytest.mark.slow

APP = "myapp"
NUMBER = 100_000
AT_ONCE = 5000
THE_ONE_IN_BERN = 77_777
HALF = timedelta(seconds=NUMBER / 2)
# The number of users that are last in an order and have an e-mail that begins with its name.
LAST = 45_000
# Every user once, some of them twice; in PostgreSQL with two more rows each.
STEPS_MAX = {"sqlite": 3_500_000, "postgresql": 3 * NUMBER}
# In addition, the users whose e-mail begins so are read once.
STEPS_OF_MANY_MAX = {"sqlite": 5_000_000, "postgresql": 4 * NUMBER}

Row = Mapping[str, object]


def _places(number: int) -> dict[str, int]:
    """Return the position of a user in each order."""
    return {
        "created_at": number,
        "id": (number * 7919) % NUMBER,
        "last_seen_at": (number * 31) % NUMBER if number % 9 else 0,
    }


def _last_by(number: int) -> str:
    """Return the order in which a user is one of the last, empty if in none."""
    return next((sort for sort, place in _places(number).items() if place < LAST), "")


def _user_rows(number: int) -> Iterator[tuple[Table, Row]]:
    places = _places(number)
    user_id = f"{places['id']:08d}-user"
    at = rfc3339.stored(NOW + timedelta(seconds=number))
    seen = rfc3339.stored(NOW + timedelta(seconds=places["last_seen_at"])) if number % 9 else None
    data = {
        "username": f"name{number}",
        "email": f"{_last_by(number) or 'name'}{number}@example.com",
        "age": number % 90,
        "city": "Bern" if number == THE_ONE_IN_BERN else ("Oslo", "Paris")[number % 2],
        "about": "x" * 200,
    }
    mine = {"app": APP, "user_id": user_id}
    disabled = number % 1000 == 0
    yield users_table, {"app": APP, "id": user_id, "last_seen_at": seen, "disabled": disabled}
    yield (
        records,
        {
            "app": APP, "database_id": "", "type": "user", "id": user_id, "owner_id": user_id,
            "created_at": at, "created_by": user_id, "updated_at": at, "updated_by": user_id,
            "data": data,
        },
    )  # fmt: skip
    principal = f"subject-{number}"
    yield (
        principals,
        {**mine, "kind": "custom_token", "provider": "", "principal": principal, "created_at": at},
    )
    for key in ("username", "email"):
        yield auth_keys, {**mine, "key": key, "folded": data[key]}


def _other_rows(number: int, ids: IdMaker) -> Iterator[tuple[Table, Row]]:
    moment = NOW + timedelta(seconds=number)
    common = {"app": APP, "id": ids.timed_id(moment), "at": rfc3339.stored(moment)}
    user_id = f"{number:08d}-user"
    details = {"claim_names": ["sub", "iat", "exp"], "claims": {}, "explanation": "x" * 200}
    yield (
        login_log,
        {
            **common, "accepted": bool(number % 10), "subject": f"subject-{number}",
            "reason": "updated" if number % 10 else "expired", "user_id": user_id,
            "secret_id": "first" if number else "second", "details": details,
        },
    )  # fmt: skip
    of_act = {"act": "user.edit", "target": user_id, "via": "portal", "address": "192.0.2.1"}
    yield operator_audit, {**common, **of_act, "details": {}}


async def _write(store: Store, rows: Iterable[tuple[Table, Row]]) -> None:
    by_table: dict[Table, list[Row]] = {}
    for table, row in rows:
        by_table.setdefault(table, []).append(row)

    async def write(tx: Transaction) -> None:
        for table, some in by_table.items():
            statement = dialect.insert_rows(table, "rows", tx.dialect, tuple(some[0]))
            await tx.connection.execute(statement, {"rows": some})

    await store.run(write)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(database, marks=pytest.mark.xdist_group(f"many users in {database}"))
        for database in ("sqlite", "postgresql")
    ],
)
def large_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of a database that all tests share."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('large') / 'large.db'}"
        return
    cluster = request.getfixturevalue("postgresql")
    url = cluster.make_database()
    yield url
    cluster.drop_database(url)


@pytest.fixture
async def store(large_url: str) -> AsyncIterator[Store]:
    """A store with all these users."""
    store = Store(large_url)
    ids = IdMaker()
    if await store.version() is None:
        await store.create()
        for start in range(0, NUMBER, AT_ONCE):
            numbers = range(start, start + AT_ONCE)
            await _write(store, (row for one in numbers for row in _user_rows(one)))
            await _write(store, (row for one in numbers for row in _other_rows(one, ids)))
    yield store
    await store.close()


class Meter:
    """Counts the work of a database in one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._connection: Any = tx.connection
        self._steps = 0

    async def start(self) -> None:
        """Count from now on."""
        if self._tx.dialect == "sqlite":
            await (await self._driver()).set_progress_handler(self._count, 1000)
        else:
            # An index-only scan does not count as rows read.
            await self._connection.execute(text("SET LOCAL statement_timeout = '3s'"))
            self._steps = await self._rows_read()

    async def stop(self) -> int:
        """Return the work since the start."""
        if self._tx.dialect != "sqlite":
            return await self._rows_read() - self._steps
        await (await self._driver()).set_progress_handler(None, 0)
        return self._steps

    async def _driver(self) -> Any:
        return (await self._connection.get_raw_connection()).driver_connection

    def _count(self) -> int:
        self._steps += 1000
        return 0

    async def _rows_read(self) -> int:
        read = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables"
        return int((await self._connection.execute(text(read))).scalar() or 0)


@pytest.fixture
def metered(
    store: Store, make_operator: MakeOperator, monkeypatch: pytest.MonkeyPatch
) -> tuple[Operator, list[int]]:
    """An operator, and the work of each of its transactions."""
    found: list[int] = []
    run = store.run

    async def metered_run(work: Callable[[Transaction], Awaitable[Any]], **more: Any) -> Any:
        async def both(tx: Transaction) -> Any:
            meter = Meter(tx)
            await meter.start()
            try:
                return await work(tx)
            finally:
                found.append(await meter.stop())

        return await run(both, **more)

    monkeypatch.setattr(store, "run", metered_run)
    return make_operator(), found


def _cursor(sort: str) -> str:
    """Return the cursor of a place in the middle."""
    value = "00050000-user" if sort.endswith("id") else rfc3339.stored(NOW + HALF)
    return base64.urlsafe_b64encode(json.dumps([value, "00050000-user"]).encode()).decode()


WANTED: dict[str, dict[str, Any]] = {
    "all": {},
    "a user name": {"text": "name4242"},
    "many user names": {"text": "name1"},
    "everybody's": {"text": "name"},
    "an e-mail": {"text": "name99998@example.com"},
    "a principal": {"text": "subject-500"},
    "everybody's principal": {"text": "subject"},
    "a subject": {"subject": "subject-500"},
    "an id": {"text": "00000077-user"},
    "nobody": {"text": "zzz"},
    "a rare value": {"field": "city", "value": "Bern"},
    "a value of half": {"field": "city", "value": "Oslo"},
    "a number": {"field": "age", "value": "77"},
    "a value of nobody": {"field": "city", "value": "Rome"},
    "a field of nobody": {"field": "town", "value": "Rome"},
    "the disabled": {"disabled": True},
    "the others": {"disabled": False},
    "the disabled of everybody": {"disabled": True, "text": "name"},
    "nobody of everybody": {"text": "name", "field": "city", "value": "Rome"},
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("wanted", WANTED.values(), ids=WANTED)
async def test_users_are_found_with_little_work(
    wanted: dict[str, Any], sort: str, store: Store, metered: tuple[Operator, list[int]]
) -> None:
    """With every search and order, on the first page and in the middle."""
    operator, steps = metered
    for cursor in ("", _cursor(sort)):
        await users.find(operator, APP, Search(**wanted, sort=sort, cursor=cursor))
    assert max(steps) <= STEPS_MAX[store.dialect]


@pytest.mark.parametrize("sort", [one for one in SORTS if one.startswith("-")])
@pytest.mark.parametrize("city", ["", "Oslo", "Rome"])
async def test_many_users_at_the_end_are_found_with_little_work(
    city: str, sort: str, store: Store, metered: tuple[Operator, list[int]]
) -> None:
    """Although all others come before them, and in order."""
    operator, steps = metered
    key = sort.removeprefix("-")
    field = "city" if city else ""
    search = Search(text=key, field=field, value=city, disabled=False, sort=sort)
    page = await users.find(operator, APP, search)

    meant = [one for one in range(NUMBER) if _last_by(one) == key and _is_meant(one, city)]
    last = sorted((_places(one) for one in meant), key=lambda one: (-one[key], -one["id"]))
    assert [one.id for one in page.users] == [f"{one['id']:08d}-user" for one in last[:50]]
    assert max(steps) <= STEPS_OF_MANY_MAX[store.dialect]


def _is_meant(number: int, city: str) -> bool:
    is_disabled, lives_in = number % 1000 == 0, ("Oslo", "Paris")[number % 2]
    return not is_disabled and city in ("", lives_in)


ATTEMPTS = {
    "all": Filter(),
    "a reason": Filter(reason="expired"),
    "a reason of none": Filter(reason="too_old"),
    "one subject": Filter(subject="subject-5"),
    "nobody": Filter(subject="nobody"),
    "a user": Filter(user_id="00000005-user"),
    "a secret": Filter(secret_id="second"),
    "refused for no reason": Filter(accepted=False, reason="updated"),
    "until then": Filter(until=NOW + timedelta(minutes=1)),
    "since then": Filter(since=NOW + HALF),
}


@pytest.mark.parametrize("wanted", ATTEMPTS.values(), ids=ATTEMPTS)
async def test_attempts_are_found_with_little_work(
    wanted: Filter, store: Store, metered: tuple[Operator, list[int]]
) -> None:
    """With every filter."""
    operator, steps = metered
    await login_attempts.find(operator, APP, wanted)
    assert max(steps) <= STEPS_MAX[store.dialect]


async def test_other_pages_need_little_work(
    store: Store, metered: tuple[Operator, list[int]]
) -> None:
    """A user, the overview, the audit list."""
    operator, steps = metered
    await overview.overview(operator, APP)
    assert max(steps) <= STEPS_MAX[store.dialect]
    steps.clear()

    found = await users.find(operator, APP, Search(text="name4242"))
    await users.get(operator, APP, found.users[0].id)
    acts = await list_acts(operator, APP)
    await list_acts(operator, APP, acts[-1].id)
    # No table is read completely here.
    assert max(steps) <= STEPS_MAX[store.dialect] // 100
