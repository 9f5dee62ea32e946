"""What the handlers of several families answer with."""

from skylogin import wire
from skylogin.call import Call, Services
from skylogin.user import User

OK = {"status": "OK"}


async def auth_response(call: Call, services: Services, user: User) -> object:
    """Return what a login answers: *user* as seen before it, with a new access token."""
    # The original hands the issuer of a token on to the next one.
    issuer = call.token.issuer if call.token else call.app.name
    token = await call.app.tokens.issue(user.id, call.now, issuer)
    return wire.auth_response(user, token, services.store.fields_of(call.app.name, "user"))
