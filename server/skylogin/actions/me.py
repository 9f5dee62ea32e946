"""`me`: who calls."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from skylogin.actions.call import Call, LastSeen, Services
from skylogin.actions.login_answer import auth_response
from skylogin.database import Transaction
from skylogin.errors import SkygearError
from skylogin.store import users


async def me(call: Call, services: Services) -> object:
    """Say who calls, with a new access token."""
    assert call.user is not None
    answer = await auth_response(call, services, call.user)
    visit = LastSeen(call.app.name, call.user.id, call.now, call.user.disabled)
    await services.visits.submit(visit)
    return answer


async def see_many(
    services: Services, tx: Transaction, visits: Sequence[LastSeen]
) -> list[SkygearError | None]:
    """Note when users were seen; a disabling that ran out is cleared as it is passed."""
    by_app = attrgetter("app")
    for app, group in groupby(sorted(visits, key=by_app), key=by_app):
        seen = {visit.user_id: visit.now for visit in group}
        await users.see(tx, app, seen)
        ended = [visit.user_id for visit in visits if visit.app == app and visit.enable]
        if ended:
            await users.clear_ended_disabling(tx, app, ended, min(seen.values()))
    return [None] * len(visits)
