"""The admin API on apps, their secrets, the settings and the audit list."""

from dataclasses import asdict
from datetime import timedelta

from skylogin import config
from skylogin.admin import controls, openapi, seeds, users
from skylogin.admin.request import AdminCall, Handler
from skylogin.admin.users import moment
from skylogin.config import Settings
from skylogin.domain.stored_names import EVERY_APP
from skylogin.http import file_stream
from skylogin.operations import apps, overview, secrets
from skylogin.operations.operator import list_acts
from skylogin.operations.overview import SecretUses
from skylogin.store.apps import StoredApp
from skylogin.store.secrets import StoredSecret

Json = dict[str, object]


async def get_document(call: AdminCall) -> object:
    """Return the OpenAPI document."""
    return openapi.load_for(call.operator.settings.mode)


# --- apps ----------------------------------------------------------------------


async def list_apps(call: AdminCall) -> object:
    """List the apps, that of the environment first."""
    settings = call.operator.settings
    default = StoredApp(settings.app_name, None, None, None)
    listed = [default, *await apps.list_all(call.operator)]
    return {"apps": [_app(call, one) for one in listed]}


async def create_app(call: AdminCall) -> object:
    """Make an app."""
    return _app(call, await apps.create(call.operator, call.body["name"]), shown=True)


async def get_app(call: AdminCall) -> object:
    """Show an app with its keys."""
    if call.app == call.operator.settings.app_name:
        return _app(call, StoredApp(call.app, None, None, None), shown=True)
    return _app(call, await apps.get(call.operator, call.app), shown=True)


async def delete_app(call: AdminCall) -> object:
    """Delete an app with everything in it."""
    await apps.delete(call.operator, call.app)
    return None


async def rotate_app_keys(call: AdminCall) -> object:
    """Give an app new keys."""
    return _app(call, await apps.rotate_keys(call.operator, call.app), shown=True)


async def export_app(call: AdminCall) -> object:
    """Send everything that an app has."""
    return await file_stream.send(call.http, call.operator, call.app)


async def import_app(call: AdminCall) -> object:
    """Write into an app what was exported."""
    replace = call.parameters["existing"] == "replace"
    rows = await file_stream.take(call.http, call.operator, call.app, replace=replace)
    return {"rows": rows}


def _app(call: AdminCall, stored: StoredApp, *, shown: bool = False) -> Json:
    settings = call.operator.settings
    is_default = stored.name == settings.app_name
    body: Json = {
        "name": stored.name,
        "path": "/" if is_default else f"/apps/{stored.name}/",
        "default": is_default,
        "own_keys": stored.api_key is not None,
        "api_key": stored.api_key or settings.api_key,
        "created_at": moment(stored.created_at),
    }
    if shown:
        body["master_key"] = stored.master_key or settings.master_key
    return body


# --- custom token secrets --------------------------------------------------------


async def list_secrets(call: AdminCall) -> object:
    """List the secrets, without their texts."""
    listing = await secrets.listing(call.operator, call.app)
    uses = await overview.secret_uses(call.operator, call.app)
    return {
        "from_environment": listing.is_fixed,
        "secrets": [_secret(call, one, uses) for one in listing.secrets],
    }


async def get_secret(call: AdminCall) -> object:
    """Show one secret with its text."""
    found = await secrets.get(call.operator, call.app, call.parameters["secret_id"])
    uses = await overview.secret_uses(call.operator, call.app)
    return {**_secret(call, found, uses), "secret": found.secret}


async def rotate_secret(call: AdminCall) -> object:
    """Make a new secret; the old ones end after a while."""
    overlap = timedelta(hours=call.body.get("overlap_hours", 24))
    rotation = await secrets.rotate(call.operator, call.app, overlap)
    uses = await overview.secret_uses(call.operator, call.app)
    return {
        "new": {**_secret(call, rotation.new, uses), "secret": rotation.new.secret},
        "old": [_secret(call, one, uses) for one in rotation.old],
    }


async def revoke_secret(call: AdminCall) -> object:
    """End a secret now."""
    await secrets.revoke(call.operator, call.app, call.parameters["secret_id"])
    return None


def _secret(call: AdminCall, stored: StoredSecret, uses: dict[str, SecretUses]) -> Json:
    used = uses.get(stored.id, SecretUses())
    return {
        "id": stored.id,
        "created_at": moment(stored.created_at),
        "ends_at": moment(stored.ends_at),
        "accepted": stored.accepted_at(call.operator.now()),
        "uses_last_7_days": used.last_7_days,
        "last_used_at": moment(used.last_used_at),
    }


# --- what is in force, and who did what --------------------------------------------


async def get_settings(call: AdminCall) -> object:
    """Show the settings that are in force; secrets are masked."""
    return settings_body(call.operator.settings)


def settings_body(settings: Settings) -> Json:
    """Return settings as the API shows them."""
    return {
        "mode": settings.mode,
        "settings": [asdict(row) for row in config.in_force(settings)],
        "warnings": list(settings.warnings),
    }


async def list_audit(call: AdminCall) -> object:
    """List what operators did."""
    parameters = call.parameters
    app = parameters.get("app", EVERY_APP)
    acts = await list_acts(call.operator, app, parameters["cursor"] or "", parameters["limit"])
    return {
        "acts": [{**asdict(act), "at": moment(act.at)} for act in acts],
        "next_cursor": acts[-1].id if len(acts) == parameters["limit"] else None,
    }


HANDLERS: dict[str, Handler] = {
    **users.HANDLERS,
    **controls.HANDLERS,
    **seeds.HANDLERS,
    "getDocument": get_document,
    "listApps": list_apps,
    "createApp": create_app,
    "getApp": get_app,
    "deleteApp": delete_app,
    "rotateAppKeys": rotate_app_keys,
    "exportApp": export_app,
    "importApp": import_app,
    "listSecrets": list_secrets,
    "getSecret": get_secret,
    "rotateSecret": rotate_secret,
    "revokeSecret": revoke_secret,
    "getSettings": get_settings,
    "listAudit": list_audit,
    "listAppAudit": list_audit,
}
