"""Servers of one database that keep to their limits together."""

import functools
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from skylogin.apps import shared_limits
from skylogin.apps.attempt_limits import FREE_FAILURES, AttemptLimits
from skylogin.apps.limits import Limits
from skylogin.apps.shared_limits import ALIVE, SERVER, SharedLimits
from skylogin.database import Store, Transaction
from skylogin.database.tables import limit_counts
from skylogin.domain.limit_table import PORTAL_SIGN_INS
from skylogin.domain.rate import Rule
from skylogin.errors import SkygearError
from skylogin.store.limit_counts import ServerUsage
from sqlalchemy import select

from tests.factories import NOW
from tests.statement_counter import statements_counted
from tests.stores import Clock

RULES = {
    "calls": Rule(600, 60),
    "sign_ups": Rule(10, 3600, is_paced=False),
    PORTAL_SIGN_INS: Rule(FREE_FAILURES, 0),
}
SECOND = timedelta(seconds=1)
# Of writing and of reading.
STATEMENTS_MAX = 2


class Server:
    """A server's limits, and what it reports to the others."""

    def __init__(self, store: Store, clock: Clock, name: str) -> None:
        self._clock = clock
        self.limits = Limits(RULES, now=self._seconds)
        self.shared = SharedLimits(self.limits, store, clock, name)

    def _seconds(self) -> float:
        return self._clock().timestamp()

    def call(self, number: int, limit: str = "calls", key: str = "a") -> int:
        """Return how many of *number* pass."""
        passed = 0
        for _ in range(number):
            try:
                self.limits.check(limit, key)
            except SkygearError:
                continue
            passed += 1
        return passed


MakeServers = Callable[[int], Awaitable[list[Server]]]


@pytest.fixture
def make_servers(store: Store, clock: Clock) -> MakeServers:
    """Return servers that know of each other."""

    async def make(number: int) -> list[Server]:
        servers = [Server(store, clock, f"server-{i}") for i in range(number)]
        await exchange(servers, clock)
        return servers

    return make


async def exchange(servers: list[Server], clock: Clock) -> None:
    """Let a second pass, and each server report and read the reports."""
    clock.moment += SECOND
    for one in servers:
        await one.shared.report()
    for one in servers:
        await one.shared.read_reports()


async def rows_of(store: Store) -> list[tuple[str, str, int]]:
    """Return the names, keys and numbers in the table."""
    table = limit_counts

    async def load(tx: object) -> list[tuple[str, str, int]]:
        query = select(table.c.name, table.c.key, table.c.number).where(table.c.name != SERVER)
        rows = await tx.connection.execute(query)  # type: ignore[attr-defined]
        return sorted(tuple(row) for row in rows)  # type: ignore[arg-type]

    return await store.run(load, write=False)


async def test_servers_share_what_a_limit_lets_pass(
    make_servers: MakeServers, clock: Clock
) -> None:
    """Of too many calls, the first second takes four times the average, a minute the limit."""
    servers = await make_servers(4)
    first = sum(one.call(100) for one in servers)
    assert all(one.limits.period.servers == len(servers) for one in servers)
    assert first <= 4 * RULES["calls"].per_second

    passed = first
    for _ in range(59):
        await exchange(servers, clock)
        passed += sum(one.call(100) for one in servers)
    assert passed == pytest.approx(600, rel=0.02)


async def test_what_one_server_let_pass_counts_on_all(
    make_servers: MakeServers, clock: Clock
) -> None:
    """A call that one refuses is refused by the others too."""
    servers = await make_servers(2)
    passed = 0
    while more := servers[0].call(10, "sign_ups"):
        passed += more
        await exchange(servers, clock)

    assert passed == RULES["sign_ups"].number
    assert servers[1].call(10, "sign_ups") == 0
    assert servers[1].call(1, "sign_ups", "b") == 1


async def test_an_exchange_is_two_statements(make_servers: MakeServers, clock: Clock) -> None:
    """However many calls there were."""
    servers = await make_servers(2)
    await exchange(servers, clock)
    for key in range(50):
        servers[0].call(5, key=str(key))
    with statements_counted() as statements:
        await exchange(servers[:1], clock)

    assert len([one for one in statements if "limit_counts" in one]) == STATEMENTS_MAX


async def test_a_statement_has_a_limited_number_of_rows(
    make_servers: MakeServers, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys with the highest usage go first, the others later."""
    monkeypatch.setattr(shared_limits, "WRITTEN_MAX", 3)
    servers = await make_servers(1)
    for key in range(5):
        servers[0].call(key + 1, key=str(key))

    await exchange(servers, clock)
    assert await rows_of(store) == [("calls", "2", 3), ("calls", "3", 4), ("calls", "4", 5)]
    await exchange(servers, clock)
    assert [number for _, _, number in await rows_of(store)] == [1, 2, 3, 4, 5]


async def test_ended_windows_are_dropped(
    make_servers: MakeServers, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the table has the rows of one window."""
    monkeypatch.setattr(shared_limits, "DROP_SECONDS", 0)
    servers = await make_servers(1)
    for _ in range(4):
        servers[0].call(3)
        await exchange(servers, clock)
        clock.moment += timedelta(seconds=60)
    clock.moment += ALIVE + SECOND
    await exchange(servers, clock)

    assert await rows_of(store) == []


async def test_what_cannot_be_written_waits(
    make_servers: MakeServers, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is not available costs no call anything."""
    servers = await make_servers(1)
    servers[0].call(3)
    with monkeypatch.context() as broken:
        broken.setattr(shared_limits.limit_counts, "save", None)
        await exchange(servers, clock)
    assert await rows_of(store) == []
    servers[0].call(2)

    await exchange(servers, clock)
    assert await rows_of(store) == [("calls", "a", 5)]


async def test_what_could_not_be_written_ends_with_its_window(
    make_servers: MakeServers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is gone, no more is kept than of one window."""
    monkeypatch.setattr(shared_limits, "DROP_SECONDS", 0)
    servers = await make_servers(1)
    servers[0].call(3)
    written: list[ServerUsage] = []

    async def save(tx: Transaction, rows: list[ServerUsage]) -> None:
        written[:] = rows
        raise OSError

    monkeypatch.setattr(shared_limits.limit_counts, "save", save)
    await servers[0].shared.report()
    assert [row.name for row in written] == ["calls", SERVER]
    clock.moment += timedelta(seconds=120) + ALIVE
    await servers[0].shared.report()
    assert [row.name for row in written] == [SERVER]


async def test_wrong_passwords_of_operators_count_on_all_servers(
    make_servers: MakeServers, clock: Clock
) -> None:
    """So an address has as many as on one server."""
    servers = await make_servers(2)
    attempts = [
        AttemptLimits(report=functools.partial(one.limits.report, PORTAL_SIGN_INS))
        for one in servers
    ]
    for one, counts in zip(servers, attempts, strict=True):
        one.limits.counters[PORTAL_SIGN_INS] = counts.count
    for number in range(1, FREE_FAILURES):
        assert await attempts[0].fail("password 192.0.2.1") == number
    await exchange(servers, clock)

    assert await attempts[1].wait_seconds("password 192.0.2.1") == 0
    assert await attempts[1].fail("password 192.0.2.1") == FREE_FAILURES
    assert await attempts[1].wait_seconds("password 192.0.2.1") > 0
    assert await attempts[0].wait_seconds("password 192.0.2.1") == 0
    await exchange(servers, clock)
    assert await attempts[0].wait_seconds("password 192.0.2.1") > 0
    assert await attempts[0].wait_seconds("password 192.0.2.2") == 0


async def test_a_new_server_knows_the_window(make_servers: MakeServers, store: Store) -> None:
    """One that is restarted does not begin anew."""
    clock = Clock(NOW)
    servers = await make_servers(1)
    servers[0].call(10, "sign_ups")
    await servers[0].shared.report()
    again = Server(store, clock, "another")
    await again.shared.read_reports()

    assert again.call(10, "sign_ups") == 0


async def test_a_server_that_is_gone_is_forgotten(
    make_servers: MakeServers, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the others have its part."""
    servers = await make_servers(3)
    await exchange(servers, clock)
    assert servers[0].limits.period.servers == len(servers)
    monkeypatch.setattr(shared_limits, "ALIVE", timedelta())

    await exchange(servers[:1], clock)
    assert servers[0].limits.period.servers == 1
