"""Access rules in logins: they apply to the user, also with a token from a server."""

from datetime import timedelta
from typing import Any

from skylogin.actions.services import Services
from skylogin.domain.field_rules import FieldRule
from skylogin.store import access_rules

from tests.factories import make_token
from tests.stores import Ask, Clock, MakeServices

APP = "myapp"
LOGIN = "sso:custom_token:login"
OWNER_READS = [{"level": "read", "user_id": "somebody"}]


def rule(field: str, user_role: str, **flags: bool) -> FieldRule:
    """Return a rule that allows only *flags*."""
    names = ("writable", "readable", "comparable", "discoverable")
    return FieldRule("user", field, user_role, *(flags.get(name, False) for name in names))


async def log_in(ask: Ask, services: Services, *, key: str = "changeme", **profile: Any) -> Any:
    """Return the answer to a login of alice."""
    token = make_token(secret="a secret", skyprofile=profile)
    answer = await ask(services, LOGIN, key=key, token=token)
    assert answer.status == 200, answer.body  # noqa: PLR2004
    return answer.body["result"]


async def set_rules(services: Services, *rules: FieldRule) -> None:
    """Replace all field rules by *rules*."""
    await services.store.run(lambda tx: access_rules.replace_field_rules(tx, APP, rules))
    services.app.access_rules.forget()


async def test_a_login_does_not_change_a_read_only_field(
    make_services: MakeServices, ask: Ask
) -> None:
    """Not even with the master key; an equal value is not a change."""
    services = await make_services()
    await log_in(ask, services, plan="free", name="A")
    await set_rules(services, rule("plan", "_owner", readable=True))

    for key in ("changeme", "secret"):
        profile = (await log_in(ask, services, key=key, plan="gold", name=key))["profile"]
        assert (profile["plan"], profile["name"]) == ("free", key)


async def test_a_login_does_not_show_a_hidden_field(make_services: MakeServices, ask: Ask) -> None:
    """Except with the master key; the times beside the profile are always shown."""
    services = await make_services()
    await log_in(ask, services, plan="free")
    await set_rules(
        services,
        rule("plan", "_any_user", writable=True),
        rule("last_login_at", "_owner", comparable=True),
    )

    hidden = await log_in(ask, services)
    shown = await log_in(ask, services, key="secret")
    me = await ask(services, "me", access_token=shown["access_token"])

    assert {"plan", "last_login_at"}.isdisjoint(hidden["profile"])
    assert "last_login_at" in hidden
    assert shown["profile"]["plan"] == "free"
    assert "plan" not in me.body["result"]["profile"]


async def test_a_login_gives_the_record_its_default_access(
    make_services: MakeServices, ask: Ask, clock: Clock
) -> None:
    """At each login; without a default, the stored list stays."""
    services = await make_services()
    assert (await log_in(ask, services))["profile"]["_access"] is None

    await services.store.run(
        lambda tx: access_rules.set_default_access(tx, APP, "user", list(OWNER_READS))
    )
    services.app.access_rules.forget()
    assert (await log_in(ask, services))["profile"]["_access"] == OWNER_READS
    await services.store.run(lambda tx: access_rules.set_default_access(tx, APP, "user", []))
    clock.moment += timedelta(minutes=1)
    services.app.access_rules.forget()

    token = (await log_in(ask, services))["access_token"]
    me = await ask(services, "me", access_token=token)
    god = await ask(services, "me", key="secret")

    assert me.body["result"]["profile"]["_access"] == []
    assert god.body["result"]["profile"]["_access"] == []


async def test_what_is_not_emulated_is_in_the_login_log(
    make_services: MakeServices, ask: Ask, query: Any
) -> None:
    """With its own reason."""
    services = await make_services()

    answer = await ask(services, "push:user", user_ids=["a"])
    await services.app.login_log.flush()

    assert answer.body["error"]["message"] == "push:user is not emulated by skylogin"
    assert await query("SELECT reason FROM journal") == [("not_emulated",)]
