"""The admin API's operations on apps."""

from skylogin.admin.request import AdminRequest, Json, time_text
from skylogin.http import file_stream
from skylogin.operations import apps
from skylogin.store.apps import StoredApp


async def list_apps(request: AdminRequest) -> Json:
    """List the apps, the default app first."""
    stored = [_default_app(request), *await apps.list_all(request.operator)]
    return {"apps": [_app_body(request, app) for app in stored]}


async def create_app(request: AdminRequest) -> Json:
    return _app_with_keys(request, await apps.create(request.operator, request.body["name"]))


async def get_app(request: AdminRequest) -> Json:
    """Show an app with its keys."""
    default = _default_app(request)
    is_default = request.app == default.name
    app = default if is_default else await apps.get(request.operator, request.app)
    return _app_with_keys(request, app)


async def delete_app(request: AdminRequest) -> None:
    """Delete an app with everything in it."""
    await apps.delete(request.operator, request.app)


async def rotate_app_keys(request: AdminRequest) -> Json:
    return _app_with_keys(request, await apps.rotate_keys(request.operator, request.app))


async def export_app(request: AdminRequest) -> object:
    """Send everything that an app has."""
    return await file_stream.send_export(request.http, request.operator, request.app)


async def import_app(request: AdminRequest) -> Json:
    """Write an export into an app."""
    replace = request.parameters["existing"] == "replace"
    rows = await file_stream.receive_import(
        request.http, request.operator, request.app, replace=replace
    )
    return {"rows": rows}


def _default_app(request: AdminRequest) -> StoredApp:
    return StoredApp(request.operator.settings.app_name, None, None, None)


def _app_body(request: AdminRequest, app: StoredApp) -> Json:
    settings = request.operator.settings
    is_default = app.name == settings.app_name
    return {
        "name": app.name,
        "path": "/" if is_default else f"/apps/{app.name}/",
        "default": is_default,
        "own_keys": app.api_key is not None,
        "api_key": app.api_key or settings.api_key,
        "created_at": time_text(app.created_at),
    }


def _app_with_keys(request: AdminRequest, app: StoredApp) -> Json:
    master_key = app.master_key or request.operator.settings.master_key
    return {**_app_body(request, app), "master_key": master_key}
