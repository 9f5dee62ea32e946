"""Resets, snapshots and clocks of an app, which do not change other apps."""

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
    """The services of `skylogin dev`."""
    return await make_services()


async def opened(services: Services, name: str) -> tuple[App, Operator]:
    """Return an app, and an operator with its clock."""
    return await enter(services, operator_of(services, "test", ""), name, may_make=True)


async def used(services: Services, ask: Ask, name: str) -> None:
    """Use an app in every way that a reset has to undo."""
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
    await controls.add_fault(operator, app, InjectedFault(DROP, action="push:user"))


async def state(services: Services, name: str) -> dict[str, Any]:
    """Return what an operator sees of an app."""
    app, operator = await opened(services, name)
    found = await users.find(operator, name, Search())
    page = await login_attempts.find(operator, name, Filter())
    return {
        "users": {one.id: one for one in found.users},
        "attempts": [one.reason for one in page.attempts],
        "clock": app.clock.reading,
        "faults": [one.id for one in app.faults.in_force()],
        "fields": sorted(operator.store.fields_of(name, "user")),
        "rules": (await app.access_rules.get()).fields.rules,
    }


async def test_a_reset_app_is_like_a_new_one(services: Services, ask: Ask) -> None:
    """For clients too; another app does not change."""
    await opened(services, "new")
    for name in APPS:
        await used(services, ask, name)
    before = await state(services, "second")
    app, operator = await opened(services, "first")

    await controls.reset(operator, app)

    new, first = await state(services, "new"), await state(services, "first")
    assert {**first, "fields": []} == {**new, "fields": []}
    assert await state(services, "second") == before
    # The field may have another type than before.
    motto = 7
    token = make_token(secret=SECRET, sub="bert", skyprofile={"username": "alice", "motto": motto})
    answer = await ask(services, LOG_IN, app=app, token=token)
    assert answer.body["result"]["profile"]["motto"] == motto
    gone = await ask(services, "record:fetch", app=app, ids=["note/1"], key="secret")
    assert gone.body["result"][0]["code"] == RESOURCE_NOT_FOUND.code


async def test_a_reset_drops_entries_that_wait_to_be_written(services: Services, ask: Ask) -> None:
    """A test does not see the login attempts of the previous test."""
    app, operator = await opened(services, "first")
    await ask(services, LOG_IN, app=app, token="wrong")

    await controls.reset(operator, app)
    await app.login_log.flush()

    assert (await state(services, "first"))["attempts"] == []

    async def load(tx: Transaction) -> list[Any]:
        return await login_counts.load_attempts(tx, "first", NOW - timedelta(days=9))

    assert await operator.store.run(load, write=False) == []


async def test_a_reset_keeps_keys_and_secrets(services: Services, ask: Ask) -> None:
    """Clients and issuers continue with theirs."""
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


async def test_every_reset_restores_the_access_rules(services: Services, ask: Ask) -> None:
    """Although the server knows them for a second."""
    app, operator = await opened(services, "first")
    rules = {"type": "note", "create_roles": ["owner"]}
    for _ in range(3):
        await controls.reset(operator, app)
        assert "note" not in (await app.access_rules.get()).types
        await ask(services, "schema:access", app=app, key="secret", **rules)
        assert "note" in (await app.access_rules.get()).types


async def test_a_snapshot_restores_users_records_rules_and_clock(
    services: Services, ask: Ask
) -> None:
    """The login log starts anew."""
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
    # The restored user has the user name again.
    at = int(app.clock().timestamp())
    other = make_token(
        secret=SECRET, sub="other", iat=at, exp=at + 9, skyprofile={"username": "alice"}
    )
    assert (await ask(services, LOG_IN, app=app, token=other)).status == HTTPStatus.CONFLICT


async def test_snapshots_are_replaced_and_deleted_by_name(services: Services) -> None:
    """Their number is limited."""
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


async def test_login_attempts_are_listed_in_the_order_they_were_made(
    services: Services, ask: Ask, clock: Clock
) -> None:
    """Whatever the app's clock showed."""
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


async def test_serve_refuses_every_control(services: Services, make_operator: MakeOperator) -> None:
    """Also below the interfaces, which do not offer them."""
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
