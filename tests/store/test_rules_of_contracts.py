"""What rules of access do to logins: they hold for the user, whoever made the token."""

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
    """Return a rule that allows what *flags* say, and nothing else."""
    names = ("writable", "readable", "comparable", "discoverable")
    return FieldRule("user", field, user_role, *(flags.get(name, False) for name in names))


async def log_in(ask: Ask, services: Services, *, key: str = "changeme", **profile: Any) -> Any:
    """Return what a login of alice answers."""
    token = make_token(secret="a secret", skyprofile=profile)
    answer = await ask(services, LOGIN, key=key, token=token)
    assert answer.status == 200, answer.body  # noqa: PLR2004
    return answer.body["result"]


async def set_rules(services: Services, *rules: FieldRule) -> None:
    """Have *rules* and no others."""
    await services.store.run(lambda tx: access_rules.replace_field_rules(tx, APP, rules))
    services.app.access_rules.forget()


async def test_a_login_changes_no_field_that_is_closed(
    make_services: MakeServices, ask: Ask
) -> None:
    """Not even with the master key; what is the same already is no change."""
    services = await make_services()
    await log_in(ask, services, plan="free", name="A")
    await set_rules(services, rule("plan", "_owner", readable=True))

    for key in ("changeme", "secret"):
        profile = (await log_in(ask, services, key=key, plan="gold", name=key))["profile"]
        assert (profile["plan"], profile["name"]) == ("free", key)


async def test_a_login_shows_no_field_that_is_hidden(make_services: MakeServices, ask: Ask) -> None:
    """But to the master key; the times beside the profile are shown to everybody."""
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
    """The first time, and again each time; where there is none the list is kept."""
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


async def test_what_is_not_emulated_shows_in_the_journal(
    make_services: MakeServices, ask: Ask, query: Any
) -> None:
    """With a reason of its own."""
    services = await make_services()

    answer = await ask(services, "push:user", user_ids=["a"])
    await services.app.login_log.flush()

    assert answer.body["error"]["message"] == "push:user is not emulated by skylogin"
    assert await query("SELECT reason FROM journal") == [("not_emulated",)]
