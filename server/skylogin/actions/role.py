"""`role:*`: the roles of users, admin roles and default roles."""

from skylogin.actions.call import Call
from skylogin.actions.payload import read_storable_texts
from skylogin.actions.preprocessors import is_admin
from skylogin.actions.services import Services
from skylogin.domain.limits import check_keys
from skylogin.errors import (
    PERMISSION_DENIED,
    SkygearError,
    invalid_argument,
    login_required,
)
from skylogin.store import roles

ASSIGNED = "OK"


async def set_default(call: Call, services: Services) -> object:
    """Set the roles of new users."""
    names = _read_roles(call)
    await services.store.run(lambda tx: roles.set_default(tx, call.app.name, names))
    return names


async def set_admin(call: Call, services: Services) -> object:
    """Set the roles that make a user an admin."""
    names = _read_roles(call)
    await services.store.run(lambda tx: roles.set_admin(tx, call.app.name, names))
    return names


async def assign(call: Call, services: Services) -> object:
    """Assign roles to users; unknown users are ignored."""
    names, user_ids = _read_roles(call), _read_users(call)
    await services.store.run(lambda tx: roles.assign(tx, call.app.name, user_ids, names))
    return ASSIGNED


async def revoke(call: Call, services: Services) -> object:
    """Revoke roles from users."""
    names, user_ids = _read_roles(call), _read_users(call)
    await services.store.run(lambda tx: roles.revoke(tx, call.app.name, user_ids, names))
    return ASSIGNED


async def get(call: Call, services: Services) -> object:
    """Return the roles of users: admins may ask for any user, others only for themselves."""
    user_ids = read_storable_texts(call.payload, "users")
    if not user_ids:
        raise invalid_argument("unspecified user IDs in request", "users")
    if not call.has_master_key:
        await _check_may_get(call, services, user_ids)
    return await services.store.run(
        lambda tx: roles.load_of(tx, call.app.name, user_ids), write=False
    )


async def _check_may_get(call: Call, services: Services, user_ids: list[str]) -> None:
    if call.user is None:
        # The original crashes here.
        raise login_required()
    if user_ids != [call.user.id] and not await is_admin(call, services, call.user):
        raise SkygearError(PERMISSION_DENIED, "no permission to get other users' roles")


def _read_roles(call: Call) -> list[str]:
    names = read_storable_texts(call.payload, "roles")
    if names is None:
        raise invalid_argument("unspecified roles in request", "roles")
    check_keys(names)
    return names


def _read_users(call: Call) -> list[str]:
    user_ids = read_storable_texts(call.payload, "users")
    if user_ids is None:
        raise invalid_argument("unspecified users in request", "users")
    return user_ids
