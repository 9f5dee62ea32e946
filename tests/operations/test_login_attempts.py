"""Finding, following and waiting for login attempts."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from skylogin.domain.login_attempt import Filter
from skylogin.operations import login_attempts
from skylogin.operations.operator import MissingError, Operator

from tests.factories import NOW, make_token
from tests.statement_counter import statements_counted
from tests.stores import Ask, Clock, MakeServices
from tests.waiting import wait_until_async

pytestmark = pytest.mark.slow

APP = "myapp"
LOG_IN = "sso:custom_token:login"
SECRET = "a secret"
SECONDS_MAX = 20


@pytest.fixture
async def logged(make_services: MakeServices, ask: Ask, clock: Clock) -> list[str]:
    """The subjects of six login attempts, a minute apart; every second one is refused."""
    services = await make_services()
    for number in range(6):
        clock.moment = NOW + timedelta(minutes=number)
        secret = SECRET if number % 2 == 0 else "wrong"
        claims = {"iat": int(clock().timestamp()), "exp": int(clock().timestamp()) + 60}
        token = make_token(secret=secret, sub=f"s{number}", **claims)
        await ask(services, LOG_IN, token=token)
        await services.app.login_log.flush()
    return [f"s{number}" for number in range(6)]


FILTERS = {
    "all": (Filter(), "s5 s4 s3 s2 s1 s0"),
    "accepted": (Filter(accepted=True), "s4 s2 s0"),
    "refused": (Filter(accepted=False), "s5 s3 s1"),
    "by reason": (Filter(reason="signature_wrong"), "s5 s3 s1"),
    "by subject": (Filter(subject="s4"), "s4"),
    "by secret": (Filter(secret_id="environment"), "s4 s2 s0"),
    "by another secret": (Filter(secret_id="other"), ""),
    "since": (Filter(since=NOW + timedelta(minutes=4)), "s5 s4"),
    "until": (Filter(until=NOW + timedelta(minutes=1)), "s0"),
    "together": (Filter(accepted=True, since=NOW + timedelta(minutes=1)), "s4 s2"),
    "by an unknown user": (Filter(user_id="nobody"), ""),
}


@pytest.mark.parametrize(("wanted", "subjects"), FILTERS.values(), ids=FILTERS)
async def test_login_attempts_are_found_by_filters(
    wanted: Filter, subjects: str, logged: list[str], operator: Operator
) -> None:
    """Newest first, on one page or on many."""
    for limit in (50, 1, 2):
        found: list[str] = []
        cursor = ""
        while True:
            page = await login_attempts.find(operator, APP, wanted, cursor, limit)
            found += [one.subject for one in page.attempts]
            cursor = page.next_cursor
            if not cursor:
                break
        assert found == subjects.split()


async def test_a_login_attempt_is_found_by_its_id(logged: list[str], operator: Operator) -> None:
    """Only in its own app."""
    [latest] = (await login_attempts.find(operator, APP, Filter(), "", 1)).attempts
    assert await login_attempts.get(operator, APP, latest.id) == latest
    with pytest.raises(MissingError):
        await login_attempts.get(operator, APP, "none")
    with pytest.raises(MissingError):
        await login_attempts.get(operator, "other", latest.id)


async def follow(
    operator: Operator,
    wanted: Filter,
    number: int,
    after: str = "",
    found: list[str] | None = None,
) -> list[str]:
    """Return the subjects of the first login attempts that are followed, also as *found*."""
    found = [] if found is None else found
    async with aclosing(login_attempts.follow(operator, APP, wanted, after)) as following:
        async for one in following:
            found.append(one.subject)
            if len(found) == number:
                break
    return found


async def test_every_new_login_attempt_is_followed_once(
    make_services: MakeServices, ask: Ask, logged: list[str], operator: Operator, clock: Clock
) -> None:
    """One with an older id too, which is committed late."""
    services = await make_services()
    found: list[str] = []
    with statements_counted() as statements:
        following = asyncio.create_task(follow(operator, Filter(), 3, found=found))
        # From its second statement on, it has read the existing ones.
        await wait_until_async(lambda: len(statements) > 1)
    for number, late in enumerate((0, 3, 1)):
        clock.moment = NOW + timedelta(minutes=5, seconds=10 - late)
        token = make_token(secret="wrong", sub=f"new{number}")
        await ask(services, LOG_IN, token=token)
        await services.app.login_log.flush()
        clock.moment = NOW + timedelta(minutes=5, seconds=10)
        await wait_until_async(lambda wanted=number + 1: len(found) == wanted)

    assert await asyncio.wait_for(following, SECONDS_MAX) == ["new0", "new1", "new2"]


async def test_following_after_an_attempt_begins_with_the_existing_ones(
    logged: list[str], operator: Operator
) -> None:
    """So none is missed between listing and following."""
    page = await login_attempts.find(operator, APP, Filter(subject="s2"))
    after = page.attempts[0].id

    assert await follow(operator, Filter(), 3, after) == ["s3", "s4", "s5"]
    assert await follow(operator, Filter(accepted=True), 1, after) == ["s4"]


async def test_the_next_login_attempt_that_matches_is_waited_for(
    make_services: MakeServices, ask: Ask, logged: list[str], operator: Operator
) -> None:
    """Up to the time-out."""
    assert await login_attempts.wait(operator, APP, Filter(), 0.05) is None

    services = await make_services()
    with statements_counted() as statements:
        waiting: Any = asyncio.create_task(
            login_attempts.wait(operator, APP, Filter(subject="mallory"), SECONDS_MAX)
        )
        await wait_until_async(lambda: len(statements) > 1)
    for subject in ("alice", "mallory"):
        await ask(services, LOG_IN, token=make_token(secret="wrong", sub=subject))
    await services.app.login_log.flush()

    assert (await waiting).subject == "mallory"
