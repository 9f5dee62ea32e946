"""The table of actions: the checks before each, and what each does."""

from collections.abc import Callable, Mapping
from importlib import import_module

from skylogin.actions import auth, me, role, sso, stubbed, wire
from skylogin.actions.call import Action, Call, Handler
from skylogin.actions.preprocessors import (
    authenticate,
    check_access_key,
    check_user,
    dev_only,
    inject_auth,
    require_admin,
    require_auth,
    require_auth_to_change_password,
    require_master_key,
    require_user,
    select_database,
)
from skylogin.actions.services import Services
from skylogin.actions.stubbed import NOT_EMULATED
from skylogin.apps.stubs import action_name
from skylogin.domain.stored_names import CUSTOM_TOKEN, OAUTH, PASSWORD
from skylogin.errors import UNDEFINED_OPERATION, SkygearError


def _later(family: str, name: str) -> Handler:
    """Return a handler whose module is imported at its first call.

    Records, queries and the schema are half of the code, and logins do not need them, so the
    server starts faster.
    """

    async def handle(call: Call, services: Services) -> object:
        handler: Handler = getattr(import_module(f"skylogin.actions.{family}"), name)
        return await handler(call, services)

    return handle


async def _acknowledge(call: Call, services: Services) -> object:
    return wire.OK


async def _refuse_unknown(call: Call, services: Services) -> object:
    raise SkygearError(UNDEFINED_OPERATION, "route unmatched")


# Each row stays on one line, however long.
# ruff: noqa: E501
# fmt: off
ACTIONS = {
    action.name: action
    for action in (
        Action("", _acknowledge),
        Action("_status:healthz", _acknowledge),
        Action("sso:custom_token:login", sso.log_in_with_custom_token, (check_access_key,), logged=True, login=CUSTOM_TOKEN),
        Action("me", me.me, (authenticate, require_auth, require_user)),
        Action("auth:signup", auth.sign_up, (check_access_key,), logged=True, login=PASSWORD),
        Action("auth:login", auth.log_in, (check_access_key,), logged=True, login=PASSWORD),
        Action("auth:password", auth.change_password, (authenticate, require_auth_to_change_password, require_user), login=PASSWORD),
        Action("auth:reset_password", auth.reset_password, (check_access_key, require_master_key), login=PASSWORD),
        Action("sso:oauth:login", sso.log_in_with_oauth, (check_access_key, require_master_key), logged=True, login=OAUTH),
        Action("sso:oauth:signup", sso.sign_up_with_oauth, (check_access_key, require_master_key), logged=True, login=OAUTH),
        Action("sso:oauth:link", sso.link_oauth, (check_access_key, require_master_key), login=OAUTH),
        Action("sso:oauth:unlink", sso.unlink_oauth, (check_access_key, require_master_key), login=OAUTH),
        Action("role:default", role.set_default, (check_access_key, dev_only)),
        Action("role:admin", role.set_admin, (check_access_key, dev_only)),
        Action("role:assign", role.assign, (authenticate, inject_auth, require_admin)),
        Action("role:revoke", role.revoke, (authenticate, inject_auth, require_admin)),
        Action("role:get", role.get, (authenticate, inject_auth)),
        Action("auth:logout", auth.log_out, (authenticate,)),
        Action("auth:disable:set", auth.set_disabled, (authenticate, inject_auth, require_admin)),
        Action("record:fetch", _later("record", "fetch"), (authenticate, inject_auth, select_database, check_user)),
        Action("record:query", _later("record_query", "query"), (authenticate, inject_auth, select_database, check_user)),
        Action("record:save", _later("record", "save"), (authenticate, require_auth, select_database, check_user)),
        Action("record:delete", _later("record", "delete"), (authenticate, require_auth, select_database, check_user)),
        Action("schema:fetch", _later("schema", "fetch"), (check_access_key, dev_only, select_database)),
        Action("schema:create", _later("schema", "create"), (check_access_key, dev_only, select_database)),
        Action("schema:rename", _later("schema", "rename"), (check_access_key, dev_only, select_database)),
        Action("schema:delete", _later("schema", "delete"), (check_access_key, dev_only, select_database)),
        Action("schema:access", _later("schema", "set_create_roles"), (check_access_key, dev_only, select_database)),
        Action("schema:default_access", _later("schema", "set_default_access"), (check_access_key, dev_only, select_database)),
        Action("schema:field_access:get", _later("schema", "get_field_access"), (authenticate, inject_auth, require_admin)),
        Action("schema:field_access:update", _later("schema", "update_field_access"), (authenticate, inject_auth, require_admin)),
        Action("device:register", _later("device", "register"), (authenticate, require_auth, select_database, check_user)),
        Action("device:unregister", _later("device", "unregister"), (authenticate, require_auth, select_database, check_user)),
    )
}
# fmt: on

_BY_NAME = ACTIONS | {name: Action(name, stubbed.answer, logged=True) for name in NOT_EMULATED}

# The checks before a websocket opens. It has no action name.
HANDSHAKE = Action("", _acknowledge, (check_access_key,))
UNMATCHED = Action("", _refuse_unknown)


def find(
    path: str, payload: Mapping[str, object], has_stub: Callable[[str], bool] = lambda name: False
) -> Action:
    """Return the action named by a decoded URL path, else by the payload's `action`.

    An `action` that is not a string counts as empty. Like that of a cloud function in the original,
    a path that *has_stub* names an action too.
    """
    name = action_name(path)
    if name and (name in _BY_NAME or has_stub(name)):
        return named(name)
    wanted = payload.get("action")
    return named(wanted if isinstance(wanted, str) else "")


def named(name: str) -> Action:
    """Return the action called *name*; if it is not emulated, only a stub answers it."""
    return _BY_NAME.get(name) or Action(action_name(name), stubbed.answer)
