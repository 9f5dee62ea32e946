"""The rules of access, as this node and others see them change."""

import asyncio
from typing import Any

from skylogin.apps.access_rules import FRESH_SECONDS, AccessCache
from skylogin.database import Store, Transaction
from skylogin.domain.field_rules import FIRST_FIELD_RULES
from skylogin.store import access_rules, apps

from tests.stores import MakeServices

APP = "myapp"


class Watch:
    """A monotonic clock that stands until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


async def close_books(store: Store) -> None:
    """Let only editors make books."""
    await store.run(lambda tx: access_rules.set_create_roles(tx, APP, "book", ["editor"]))


async def test_rules_are_read_again_after_a_second(store: Store) -> None:
    """Until then another node goes by what it knows; who forgets sees them at once."""
    watch = Watch()
    other, own = AccessCache(store, APP, watch), AccessCache(store, APP, watch)
    before = await other.rules()
    await own.rules()
    await close_books(store)
    own.forget()

    assert "book" in (await own.rules()).types
    assert await other.rules() is before
    watch.seconds += FRESH_SECONDS
    assert "book" in (await other.rules()).types


async def test_rules_that_change_while_they_are_read_are_read_again(store: Store) -> None:
    """What was read before is not kept."""
    cache = AccessCache(store, APP)
    reading = asyncio.create_task(cache.rules())
    await asyncio.sleep(0)
    await close_books(store)
    cache.forget()

    await reading
    assert "book" in (await cache.rules()).types


async def test_an_app_begins_with_the_first_rules(make_services: MakeServices) -> None:
    """Once: what is taken away stays away when the app is prepared again."""
    services = await make_services()
    assert (await services.app.access.rules()).fields.rules == FIRST_FIELD_RULES_IN_ORDER

    async def take_away(tx: Transaction) -> Any:
        await access_rules.replace_field_rules(tx, APP, [])
        await apps.prepare(tx, APP, services.settings.auth_record_keys)
        return await access_rules.load_field_rules(tx, APP)

    assert (await services.store.run(take_away)).rules == ()


FIRST_FIELD_RULES_IN_ORDER = tuple(
    sorted(FIRST_FIELD_RULES, key=lambda rule: (rule.record_field, rule.user_role != "_owner"))
)
