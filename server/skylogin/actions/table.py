"""The table of actions: what runs before each, and what each does (transport, section 10)."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from skylogin.actions import auth, home, me, role, sso
from skylogin.actions.call import Call, Services
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

Preprocessor = Callable[[Call, Services], Awaitable[None]]
Handler = Callable[[Call, Services], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Action:
    """A row: the name, the handler, the checks before it, and whether the journal has it."""

    name: str
    handler: Handler
    preprocessors: tuple[Preprocessor, ...]
    journaled: bool = False


def _later(family: str, name: str) -> Handler:
    """Return a handler whose module is imported when it is first asked for.

    Records, queries and the schema are half of the code, and nothing of a login: without
    them a server is ready sooner.
    """

    async def handle(call: Call, services: Services) -> object:
        handler: Handler = getattr(import_module(f"skylogin.actions.{family}"), name)
        return await handler(call, services)

    return handle


# A row stays on one line, whatever its length.
# ruff: noqa: E501
# fmt: off
ACTIONS: Mapping[str, Action] = {
    action.name: action
    for action in (
        Action("", home.home, ()),
        Action("_status:healthz", home.home, ()),
        Action("sso:custom_token:login", sso.log_in_with_custom_token, (check_access_key,), journaled=True),
        Action("me", me.me, (authenticate, require_auth, require_user)),
        Action("auth:signup", auth.sign_up, (check_access_key,), journaled=True),
        Action("auth:login", auth.log_in, (check_access_key,), journaled=True),
        Action("auth:password", auth.change_password, (authenticate, require_auth_to_change_password, require_user)),
        Action("auth:reset_password", auth.reset_password, (check_access_key, require_master_key)),
        Action("sso:oauth:login", sso.log_in_with_oauth, (check_access_key, require_master_key), journaled=True),
        Action("sso:oauth:signup", sso.sign_up_with_oauth, (check_access_key, require_master_key), journaled=True),
        Action("sso:oauth:link", sso.link_oauth, (check_access_key, require_master_key)),
        Action("sso:oauth:unlink", sso.unlink_oauth, (check_access_key, require_master_key)),
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
        Action("device:unregister", home.forget_device, (authenticate, require_auth)),
    )
}
# fmt: on

# Names of the original that this server answers with a refusal of its own.
NOT_EMULATED = frozenset(
    (
        "asset:put",
        "device:register",
        "subscription:fetch",
        "subscription:fetch_all",
        "subscription:save",
        "subscription:delete",
        "relation:query",
        "relation:add",
        "relation:remove",
        "push:user",
        "push:device",
    )
)


def name_of(path: str, payload: Mapping[str, object]) -> str:
    """Return the action that a decoded URL path and a payload ask for.

    A known path wins; any other path leaves it to `action`, where what is no
    string counts as none (transport, section 2).
    """
    name = path.removeprefix("/").replace("/", ":")
    if name and (name in ACTIONS or name in NOT_EMULATED):
        return name
    asked = payload.get("action")
    return asked if isinstance(asked, str) else ""
