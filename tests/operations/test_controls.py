"""What tests do to an app: it is emptied, kept and put back, and its neighbour is left alone."""

from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest
from skylogin import config
from skylogin.actions.services import Services
from skylogin.apps.faults import DROP, InjectedFault
from skylogin.apps.registry import App
from skylogin.database import Transaction
from skylogin.domain.login_attempt import Filter
from skylogin.errors import RESOURCE_NOT_FOUND
from skylogin.operations import apps, controls, login_attempts, secrets, users
from skylogin.operations.operator import (
    ConflictError,
    MissingError,
    Operator,
    RefusedError,
    enter,
    operator_of,
)
from skylogin.store import login_counts
from skylogin.store.user_search import Search

from tests.factories import NOW, make_token
from tests.stores import Ask, Clock, MakeOperator, MakeServices

pytestmark = pytest.mark.slow

LOG_IN = "sso:custom_token:login"
SECRET = "a secret"
APPS = ("first", "second")


@pytest.fixture
async def services(make_services: MakeServices) -> Services:
    """A stand-in."""
    return await make_services()


async def opened(services: Services, name: str) -> tuple[App, Operator]:
    """Return an app, and an operator on it."""
    return await enter(services, operator_of(services, "test", ""), name, may_make=True)


async def used(services: Services, ask: Ask, name: str) -> None:
    """Leave traces of all kinds in an app."""
    app, operator = await opened(services, name)
    master: dict[str, Any] = {"app": app, "key": "secret"}
    token = make_token(secret=SECRET, skyprofile={"username": "alice", "motto": "new"})
    answer = await ask(services, LOG_IN, app=app, token=token)
    user_id = answer.body["result"]["user_id"]
    await users.set_roles(operator, name, user_id, ["writer"])
    await users.disable(operator, name, user_id, "no")
    await ask(services, "role:admin", roles=["owner"], **master)
    signed_up = {"auth_data": {"username": "bert"}, "password": "a password"}
    await ask(services, "auth:signup", app=app, **signed_up)
    record = {"_id": "note/1", "text": "kept"}
    saved = await ask(services, "record:save", records=[record], database_id="_public", **master)
    assert saved.body["result"][0]["_id"] == "note/1"
    await ask(services, LOG_IN, app=app, token="wrong")
    app.clock.advance(timedelta(days=1))
    await controls.add_fault(operator, app, InjectedFault(DROP, action="none"))


async def state(services: Services, name: str) -> dict[str, Any]:
    """Return what an operator sees of an app."""
    app, operator = await opened(services, name)
    found = await users.find(operator, name, Search())
    came = await login_attempts.find(operator, name, Filter())
    return {
        "users": {one.id: one for one in found.users},
        "attempts": [one.reason for one in came.attempts],
        "clock": app.clock.reading,
        "faults": [one.id for one in app.faults.in_force()],
        "fields": sorted(operator.store.fields_of(name, "user")),
        "rules": (await app.access_rules.get()).fields.rules,
    }


async def test_an_app_is_reset_and_its_neighbour_is_not(services: Services, ask: Ask) -> None:
    """It is as a new one, for clients as well."""
    await opened(services, "new")
    for name in APPS:
        await used(services, ask, name)
    before = await state(services, "second")
    app, operator = await opened(services, "first")

    await controls.reset(operator, app)

    new, first = await state(services, "new"), await state(services, "first")
    assert {**first, "fields": []} == {**new, "fields": []}
    assert await state(services, "second") == before
    # A number: what the field was before is forgotten too.
    motto = 7
    token = make_token(secret=SECRET, sub="bert", skyprofile={"username": "alice", "motto": motto})
    answer = await ask(services, LOG_IN, app=app, token=token)
    assert answer.body["result"]["profile"]["motto"] == motto
    gone = await ask(services, "record:fetch", app=app, ids=["note/1"], key="secret")
    assert gone.body["result"][0]["code"] == RESOURCE_NOT_FOUND.code


async def test_what_waits_to_be_written_goes_with_a_reset(services: Services, ask: Ask) -> None:
    """A refusal of the test before is none of the next."""
    app, operator = await opened(services, "first")
    await ask(services, LOG_IN, app=app, token="wrong")

    await controls.reset(operator, app)
    await app.login_log.flush()

    assert (await state(services, "first"))["attempts"] == []

    async def load(tx: Transaction) -> list[Any]:
        return await login_counts.load_attempts(tx, "first", NOW - timedelta(days=9))

    assert await operator.store.run(load, write=False) == []


async def test_a_reset_app_of_keys_of_its_own_keeps_them(services: Services, ask: Ask) -> None:
    """Its secrets too: clients and issuers need not be told."""
    operator = operator_of(services, "test", "")
    made = await apps.create(operator, "own")
    [secret] = await secrets.list_accepted(operator, "own")
    app, operator = await opened(services, "own")

    await controls.reset(operator, app)

    assert await apps.get(operator, "own") == made
    assert await secrets.list_accepted(operator, "own") == [secret]
    token = make_token(secret=secret.secret)
    assert (
        await ask(services, LOG_IN, app=app, key=made.api_key, token=token)
    ).status == HTTPStatus.OK


async def test_a_snapshot_brings_an_app_back(services: Services, ask: Ask) -> None:
    """Users, records, rules and the clock; what happened since is forgotten."""
    await used(services, ask, "first")
    app, operator = await opened(services, "first")
    app.faults.clear()
    before = await state(services, "first")
    await controls.take_snapshot(operator, app, "good")
    token = make_token(secret=SECRET, sub="late", skyprofile={"late": True})
    await ask(services, LOG_IN, app=app, token=token)
    for one in before["users"]:
        await users.delete(operator, "first", one)
    app.clock.set(NOW)

    for _ in range(2):
        await controls.restore_snapshot(operator, app, "good")

    assert await state(services, "first") == {**before, "attempts": []}
    # Whoever had the user name has it again.
    at = int(app.clock().timestamp())
    other = make_token(
        secret=SECRET, sub="other", iat=at, exp=at + 9, skyprofile={"username": "alice"}
    )
    assert (await ask(services, LOG_IN, app=app, token=other)).status == HTTPStatus.CONFLICT


async def test_snapshots_are_replaced_and_forgotten(services: Services) -> None:
    """Each by its name; there are only so many."""
    app, operator = await opened(services, "first")
    for _ in range(2):
        await controls.take_snapshot(operator, app, "one")
    await controls.delete_snapshot(operator, app, "one")
    for missing in (controls.restore_snapshot, controls.delete_snapshot):
        with pytest.raises(MissingError):
            await missing(operator, app, "one")
    with pytest.raises(RefusedError):
        await controls.take_snapshot(operator, app, "a/b")
    for number in range(controls.SNAPSHOTS_MAX):
        await controls.take_snapshot(operator, app, str(number))
    with pytest.raises(ConflictError):
        await controls.take_snapshot(operator, app, "one")


async def test_attempts_are_in_the_order_in_which_they_came(
    services: Services, ask: Ask, clock: Clock
) -> None:
    """Whatever the app's clock said then."""
    app, operator = await opened(services, "first")
    for number, days in enumerate((0, 400, -400, 3)):
        clock.moment = NOW + timedelta(seconds=number)
        app.clock.set(NOW + timedelta(days=days))
        await ask(services, LOG_IN, app=app, token=make_token(secret="wrong", sub=str(number)))

    found = (await login_attempts.find(operator, "first", Filter())).attempts
    assert [one.subject for one in found] == ["3", "2", "1", "0"]
    since = Filter(since=NOW + timedelta(days=1))
    later = (await login_attempts.find(operator, "first", since)).attempts
    assert [one.subject for one in later] == ["3", "1"]


async def test_only_a_stand_in_is_taken_hold_of(
    services: Services, make_operator: MakeOperator
) -> None:
    """An endpoint refuses each of it, if ever somebody got so far."""
    app, operator = await opened(services, "first")
    settings = {"API_KEY": "k" * 20, "MASTER_KEY": "m" * 20, "DATABASE_URL": "sqlite:///x"}
    endpoint = Operator(operator.store, config.read(settings, config.SERVE))
    acts = (
        controls.reset(endpoint, app),
        controls.set_clock(endpoint, app, NOW),
        controls.advance_clock(endpoint, app, 1),
        controls.reset_clock(endpoint, app),
        controls.add_fault(endpoint, app, InjectedFault(DROP)),
        controls.end_fault(endpoint, app, "one"),
        controls.end_faults(endpoint, app),
        controls.take_snapshot(endpoint, app, "one"),
        controls.restore_snapshot(endpoint, app, "one"),
        controls.delete_snapshot(endpoint, app, "one"),
    )
    for act in acts:
        with pytest.raises(RefusedError, match="only `skylogin dev`"):
            await act
