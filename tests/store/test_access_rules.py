"""The access rules of a new app, and changes of them."""

from typing import Any

from skylogin.database import Transaction
from skylogin.domain.field_rules import FIRST_FIELD_RULES
from skylogin.store import access_rules, apps

from tests.stores import Ask, MakeServices

APP = "myapp"


async def test_a_server_sees_its_own_change_of_the_rules_at_once(
    make_services: MakeServices, ask: Ask
) -> None:
    """An action that changes rules clears the cached ones."""
    services = await make_services()
    assert "book" not in (await services.app.access_rules.get()).types

    await ask(services, "schema:access", key="secret", type="book", create_roles=["editor"])

    assert "book" in (await services.app.access_rules.get()).types


async def test_an_app_begins_with_the_first_rules(make_services: MakeServices) -> None:
    """Only once: removed rules stay removed when the app is prepared again."""
    services = await make_services()
    assert (await services.app.access_rules.get()).fields.rules == FIRST_FIELD_RULES_IN_ORDER

    async def take_away(tx: Transaction) -> Any:
        await access_rules.replace_field_rules(tx, APP, [])
        await apps.prepare(tx, APP, services.settings.auth_record_keys)
        return await access_rules.load_field_rules(tx, APP)

    assert (await services.store.run(take_away)).rules == ()


FIRST_FIELD_RULES_IN_ORDER = tuple(
    sorted(FIRST_FIELD_RULES, key=lambda rule: (rule.record_field, rule.user_role != "_owner"))
)
