"""Apps that `skylogin dev` makes at their first use, and how they make room for others."""

from datetime import timedelta

import pytest
from skylogin.actions.services import Services
from skylogin.apps import registry
from skylogin.domain.user import User
from skylogin.store import apps, users

from tests.stores import Clock, MakeServices

APPS_MAX = 4
IDLE = timedelta(seconds=registry.IDLE_SECONDS + 1)


@pytest.fixture(autouse=True)
def few_apps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be few apps."""
    monkeypatch.setattr(registry, "MADE_BY_USE_MAX", APPS_MAX)
    monkeypatch.setattr(registry, "REMOVED_AT_ONCE", 2)


async def fill(services: Services) -> list[registry.App]:
    """Make as many apps as there may be, and one too many."""
    made = [await services.apps.find(f"app{number}") for number in range(APPS_MAX + 1)]
    assert made.pop() is None
    return [app for app in made if app is not None]


async def names(services: Services) -> list[str]:
    """Return the names of all apps."""
    return [app.name for app in await services.store.run(apps.load_all)]


async def add_user(services: Services, app: str) -> None:
    """Add a user who has no record."""
    await services.store.run(lambda tx: users.make_missing(tx, app, User("user-1")))


async def test_idle_empty_apps_make_room(make_services: MakeServices, clock: Clock) -> None:
    """The oldest ones, a few at a time; a later call for one of them makes it anew."""
    services = await make_services()
    made = await fill(services)
    clock.moment += IDLE
    for app in made:
        app.used_at -= IDLE.total_seconds()

    assert await services.apps.find("another") is not None
    assert await names(services) == ["another", "app2", "app3"]
    again = await services.apps.find("app0")
    assert again is not None
    assert again is not made[0]


async def test_apps_in_use_stay(make_services: MakeServices, clock: Clock) -> None:
    """Also those that have a user or a record, or that a test prepared."""
    services = await make_services()
    used, with_user, prepared, with_fault = await fill(services)
    clock.moment += IDLE
    for app in (with_user, prepared, with_fault):
        app.used_at -= IDLE.total_seconds()
    await add_user(services, with_user.name)
    prepared.clock.set(clock.moment, frozen=True)
    with_fault.snapshots["before"] = registry.NamedSnapshot(
        "before", clock.moment, {}, prepared.clock.reading
    )

    assert await services.apps.find("another") is None
    assert await services.apps.find(used.name, may_make=False) is used


async def test_a_new_app_is_not_idle(make_services: MakeServices) -> None:
    """So a flood of names ends at the limit, and takes no app from those that are there."""
    services = await make_services()
    await fill(services)

    assert await services.apps.find("another") is None
    assert len(await names(services)) == APPS_MAX
