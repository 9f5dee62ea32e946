"""Counts of login attempts and of uses of secrets."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin.apps import login_log
from skylogin.apps.login_counter import COUNTS_AGE_MAX
from skylogin.database import Store, Transaction
from skylogin.operations import overview, secrets
from skylogin.operations.operator import Operator
from skylogin.store import login_counts
from skylogin.store.login_counts import Counts, SecretUse

from tests.factories import NOW, make_token
from tests.stores import Ask, Blocked, Clock, MakeOperator, MakeServices

APP = "myapp"
LOG_IN = "sso:custom_token:login"
SECRET = "a secret"


async def test_every_attempt_counts_once(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """Counts of two servers add up; attempts that the login log leaves out count too."""
    servers = [await make_services() for _ in range(2)]
    for services in servers:
        accepted = [make_token(secret=SECRET, sub=f"s{number}") for number in range(5)]
        refused = [make_token(secret="wrong")] * 3
        await asyncio.gather(*(ask(services, LOG_IN, token=one) for one in accepted + refused))
        await services.app.login_log.close()

    seen = await overview.overview(operator, APP)

    this_minute = seen.hour.points[-1]
    assert this_minute.at == NOW.replace(second=0, microsecond=0)
    assert (this_minute.accepted, this_minute.refused) == (10, {"signature_wrong": 6})
    assert seen.day.points[-1].accepted == 10  # noqa: PLR2004
    assert sum(point.accepted for point in seen.hour.points) == 10  # noqa: PLR2004
    assert (len(seen.hour.points), len(seen.day.points)) == (60, 96)
    assert (seen.users, seen.attempts) == (5, 16)
    assert await overview.overview(operator, "other") != seen


async def test_attempts_that_the_login_log_leaves_out_are_reported(
    make_services: MakeServices, ask: Ask, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a warning; by their reason they count once, like the others."""
    monkeypatch.setattr(login_log, "WAITING_MAX", 3)
    services = await make_services()
    for _ in range(5):
        await ask(services, LOG_IN, token=make_token(secret="wrong"))
    await services.app.login_log.flush()

    seen = await overview.overview(operator, APP)

    assert seen.hour.points[-1].refused == {"signature_wrong": 5}
    assert seen.attempts == 3  # noqa: PLR2004
    assert any(text.startswith("2 refused logins of the last day") for text in seen.warnings)


async def test_uses_of_a_secret_are_counted_by_the_day(
    make_services: MakeServices, ask: Ask, operator: Operator, clock: Clock
) -> None:
    """They show when an old secret can be revoked."""
    services = await make_services()
    for days in (9, 2, 0, 0):
        clock.moment = NOW - timedelta(days=days)
        seconds = int(clock.moment.timestamp())
        token = make_token(secret=SECRET, iat=seconds, exp=seconds + 60)
        assert (await ask(services, LOG_IN, token=token)).status == HTTPStatus.OK
    await services.app.login_log.close()

    uses = await overview.secret_uses(operator, APP)

    assert uses.keys() == {"environment"}
    assert uses["environment"].last_7_days == [0, 0, 0, 0, 1, 0, 2]
    assert uses["environment"].last_used_at == NOW


@pytest.mark.slow
@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
async def test_a_secret_first_used_between_two_queries_is_not_a_crash(
    make_store: Callable[[], Awaitable[Store]],
    make_operator: MakeOperator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another server counts it between the queries for last uses and for numbers of uses."""
    here, there = await make_store(), await make_store()
    today = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
    uses = {("late", today): SecretUse(1, NOW)}
    load_uses = login_counts.load_uses

    async def load_after_a_use(tx: Transaction, *arguments: Any) -> Any:
        await there.run(lambda other: login_counts.add(other, APP, Counts({}, uses)))
        return await load_uses(tx, *arguments)

    monkeypatch.setattr(login_counts, "load_uses", load_after_a_use)
    assert await overview.secret_uses(make_operator(here), APP) == {}
    monkeypatch.undo()
    assert (await overview.secret_uses(make_operator(here), APP)).keys() == {"late"}


async def test_counts_that_cannot_be_written_wait(
    make_services: MakeServices, ask: Ask, store: Store, operator: Operator, writes_blocked: Blocked
) -> None:
    """No count is lost or added twice."""
    services = await make_services()
    await ask(services, LOG_IN, token=make_token(secret="wrong"))
    await services.app.login_log.flush()
    counter = services.app.login_log._counter
    run, store_run_fails = store.run, True

    async def fail(*arguments: object, **named: object) -> object:
        if store_run_fails:
            raise OSError("gone")
        return await run(*arguments, **named)  # type: ignore[arg-type]

    store.run = fail  # type: ignore[method-assign, assignment]
    await counter.flush()
    store_run_fails = False
    await ask(services, LOG_IN, token=make_token(secret="wrong"))
    await counter.flush()
    await counter.flush()

    seen = await overview.overview(operator, APP)
    assert seen.hour.points[-1].refused == {"signature_wrong": 2}


async def test_old_counts_are_dropped(
    make_services: MakeServices, ask: Ask, store: Store, clock: Clock
) -> None:
    """From time to time, when counts are written."""
    services = await make_services()

    async def load(tx: Transaction) -> int:
        return len(await login_counts.load_attempts(tx, APP, NOW - 3 * COUNTS_AGE_MAX))

    for days in (20, 9, 0):
        clock.moment = NOW - timedelta(days=days)
        await ask(services, LOG_IN, token=make_token(secret="wrong"))
        await services.app.login_log._counter.flush()
    assert await store.run(load, write=False) == 1


async def test_a_secret_that_expires_while_in_use_has_a_warning(
    make_operator: MakeOperator, clock: Clock
) -> None:
    """So has an app without an accepted secret."""
    operator = make_operator(CUSTOM_TOKEN_SECRET="")
    assert await overview.warnings(operator, APP) == [
        "custom token logins to myapp fail: no secret is accepted"
    ]
    operator = make_operator()
    old = (await secrets.rotate(operator, APP)).new
    assert await overview.warnings(operator, APP) == []
    used = Counts({}, {(old.id, NOW.replace(hour=0, minute=0, second=0)): SecretUse(1, NOW)})
    await operator.store.run(lambda tx: login_counts.add(tx, APP, used))
    await secrets.rotate(operator, APP)
    assert await overview.warnings(operator, APP) == [
        f"the secret {old.id} expires in 1 day and was used just now: "
        "give your authentication server the new one"
    ]
    clock.moment = NOW + timedelta(days=1)
    assert await overview.warnings(operator, APP) == []
