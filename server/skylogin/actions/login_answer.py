"""What the handlers of several families answer with."""

from skylogin.actions import wire
from skylogin.actions.call import Call, Services
from skylogin.domain.access import Actor
from skylogin.domain.stored_names import USER_TYPE
from skylogin.domain.user import User

OK = {"status": "OK"}


async def auth_response(call: Call, services: Services, user: User) -> object:
    """Return what a login answers: *user* as seen before it, with a new access token."""
    # The original hands the issuer of a token on to the next one.
    issuer = call.token.issuer if call.token else call.app.name
    token = await call.app.tokens.issue(user.id, call.now, issuer)
    record, rules = user.record, await call.app.access.rules()
    assert record is not None
    actor = Actor(user.id, user.roles, call.has_master_key)
    shown = rules.readable(USER_TYPE, record.data, actor, record)
    fields = services.store.fields_of(call.app.name, USER_TYPE)
    return wire.auth_response(user, shown, token, fields)
