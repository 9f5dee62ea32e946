"""The login log, limited in rows and days."""

import asyncio
import logging
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from skylogin.apps.login_log import WAITING_MAX, LoginLog
from skylogin.database import Store, Transaction
from skylogin.domain import login_attempt
from skylogin.domain.login_attempt import LogEntry, Origin, Refusal
from skylogin.errors import Reason, not_decodable
from skylogin.ids import timed_prefix
from skylogin.store import login_attempts as stored_attempts
from skylogin.tokens.custom_token import describe

from tests.factories import NOW, make_token
from tests.stores import Clock, LogIn, MakeServices
from tests.waiting import wait_until_async

APP = "myapp"
DAY = timedelta(days=1)
ROWS_MAX = 10


@pytest.fixture
def writer(store: Store, clock: Clock) -> LoginLog:
    """A login log of ten rows and two days."""
    return LoginLog(store, APP, rows_max=ROWS_MAX, days=2, now=clock)


def make_entry(number: int, at: datetime = NOW) -> LogEntry:
    """Return the entry of a refused attempt; those with a higher *number* are later."""
    # Ids are in the order of time, so the number counts milliseconds.
    identifier = f"{timed_prefix(at + timedelta(milliseconds=number))}-{uuid.uuid4()}"
    error = not_decodable(Reason.EXPIRED, f"attempt {number}")
    refusal = Refusal(error, describe(make_token(sub=f"person {number}")))
    return login_attempt.refused(identifier, at, "sso:custom_token:login", Origin("", ""), refusal)


async def add(store: Store, writer: LoginLog, *entries: LogEntry) -> None:
    """Write *entries*, each in its own transaction."""
    for entry in entries:
        await store.run(lambda tx, entry=entry: writer.add(tx, [entry]))  # type: ignore[misc]


async def subjects_in(store: Store) -> list[str]:
    """Return the subjects in the login log, newest first."""
    latest = await store.run(lambda tx: stored_attempts.load_latest(tx, APP, 1000), write=False)
    return [entry.subject for entry in latest]


async def test_an_entry_comes_back_as_it_was(store: Store, writer: LoginLog) -> None:
    """With all its details."""
    entry = make_entry(1)

    await add(store, writer, entry)

    latest = await store.run(lambda tx: stored_attempts.load_latest(tx, APP, 1), write=False)
    assert latest == [entry]


async def test_only_the_latest_rows_are_kept(store: Store, writer: LoginLog) -> None:
    """Up to twice as many may exist until the oldest are dropped together."""
    for number in range(35):
        await add(store, writer, make_entry(number))
        kept = await subjects_in(store)
        assert min(number + 1, ROWS_MAX) <= len(kept) < 2 * ROWS_MAX
        assert kept == [f"person {latest}" for latest in range(number, number - len(kept), -1)]

    await store.run(lambda tx: writer.add(tx, [make_entry(number) for number in range(35, 90)]))
    assert len(await subjects_in(store)) == ROWS_MAX


async def test_entries_of_other_apps_do_not_count(store: Store, writer: LoginLog) -> None:
    """Each app has its own login log."""
    await store.run(lambda tx: stored_attempts.add(tx, "other", [make_entry(0)]))

    await store.run(lambda tx: writer.add(tx, [make_entry(number) for number in range(1, 90)]))

    assert await store.run(lambda tx: stored_attempts.count(tx, "other"), write=False) == 1


async def test_entries_of_an_earlier_server_count(
    store: Store, writer: LoginLog, clock: Clock
) -> None:
    """A lower limit applies from the next attempt on."""
    await add(store, writer, *(make_entry(number) for number in range(10)))
    smaller = LoginLog(store, APP, rows_max=3, days=2, now=clock)
    await smaller.open()

    await add(store, smaller, make_entry(10))

    assert await subjects_in(store) == ["person 10", "person 9", "person 8"]


async def test_entries_that_are_too_old_are_dropped(
    store: Store, writer: LoginLog, clock: Clock
) -> None:
    """At the next attempt, even if the number of rows is within the limit."""
    old = [make_entry(1, NOW - 3 * DAY), make_entry(2, NOW - 2 * DAY - timedelta(seconds=1))]
    await store.run(lambda tx: stored_attempts.add(tx, APP, [*old, make_entry(3, NOW - DAY)]))

    await add(store, writer, make_entry(4))
    assert await subjects_in(store) == ["person 4", "person 3"]

    clock.moment = NOW + 2 * DAY
    await add(store, writer, make_entry(5, clock.moment))
    assert await subjects_in(store) == ["person 5", "person 4"]


async def test_work_that_is_rolled_back_drops_no_entries(store: Store, writer: LoginLog) -> None:
    """Its own entries do not count."""

    async def fail(tx: Transaction) -> None:
        await writer.add(tx, [make_entry(number) for number in range(50, 60)])
        raise KeyError

    for _ in range(5):
        with pytest.raises(KeyError):
            await store.run(fail)
    await add(store, writer, *(make_entry(number) for number in range(ROWS_MAX)))

    assert len(await subjects_in(store)) == ROWS_MAX


async def test_a_flood_of_refusals_is_written_together_and_left_out_beyond_a_bound(
    store: Store, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory and database stay limited; a warning has the number of entries left out."""
    monkeypatch.setattr(logging.getLogger("skylogin"), "propagate", True)
    writer = LoginLog(store, APP, rows_max=100_000, days=2, now=clock)
    for number in range(WAITING_MAX + 200):
        writer.note(make_entry(number))

    await writer.flush()

    assert len(await subjects_in(store)) == WAITING_MAX
    assert "left out 200 refused attempts" in caplog.text
    for _ in range(2):
        for number in range(WAITING_MAX + 100):
            writer.note(make_entry(number, NOW + timedelta(seconds=number)))
        await writer.flush()
    assert caplog.text.count("left out") == 1
    await writer.close()
    assert "left out 200 refused attempts" in caplog.messages[-1]
    assert caplog.text.count("left out") == 2  # noqa: PLR2004


async def test_closing_does_not_lose_refusals_that_wait(store: Store, writer: LoginLog) -> None:
    """Even the most recent ones."""
    writer.note(make_entry(1))
    writer.note(make_entry(2))

    await writer.close()

    assert await subjects_in(store) == ["person 2", "person 1"]


@pytest.mark.slow
async def test_a_refusal_is_written_soon(store: Store, writer: LoginLog) -> None:
    """Without a request for it, the first time and later."""
    for number in (1, 2):
        writer.note(make_entry(number))

        async def is_written(number: int = number) -> bool:
            return len(await subjects_in(store)) == number

        await wait_until_async(is_written, seconds_max=5)

    await writer.close()


async def test_a_login_log_that_cannot_be_written_stops_no_login(
    store: Store,
    writer: LoginLog,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The number of lost entries is logged."""
    monkeypatch.setattr(logging.getLogger("skylogin"), "propagate", True)
    twice = make_entry(1)
    writer.note(twice)
    writer.note(twice)

    await writer.flush()

    assert "the login log lost 2 entries" in caplog.text
    await add(store, writer, make_entry(2))
    await writer.close()


async def test_an_accepted_login_is_written_in_its_own_transaction(
    make_services: MakeServices, log_in: LogIn, query: Any
) -> None:
    """The log has every answered login, also when there are many logins."""
    services = await make_services(SKYLOGIN_LOGIN_LOG_ROWS_MAX="20")

    logins = await asyncio.gather(*(log_in(services, f"person {n}") for n in range(50)))

    [(rows,)] = await query("SELECT count(*) FROM journal")
    assert rows == 20  # noqa: PLR2004
    told = {user_id for (user_id,) in await query("SELECT user_id FROM journal WHERE accepted")}
    assert told <= {login.user.id for login in logins}
