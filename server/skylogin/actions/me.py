"""`me`: the caller's user."""

from skylogin.actions.batches import LastSeen
from skylogin.actions.call import Call
from skylogin.actions.login_answer import auth_response
from skylogin.actions.services import Services


async def me(call: Call, services: Services) -> object:
    """Return the caller's user, with a new access token."""
    user = call.user
    assert user is not None
    answer = await auth_response(call, services, user)
    await services.visits.submit(LastSeen(call.app.name, user.id, call.now, user.disabled))
    return answer
