"""The pages Apps and Keys."""

from http import HTTPStatus

from aiohttp import web

from skylogin.config import MASK
from skylogin.http import file_stream, origin
from skylogin.operations import apps
from skylogin.operations.operator import RefusedError
from skylogin.portal.request import MethodError, PageError, PageRequest, status_with


async def show_apps(request: PageRequest, name: str = "", problem: str = "") -> web.Response:
    stored, status = await apps.list_all(request.operator), status_with(problem)
    return request.render("apps.html", status=status, apps=stored, name=name, problem=problem)


async def create_app(request: PageRequest) -> web.Response:
    name = request.text("name")
    try:
        await apps.create(request.operator, name)
    except RefusedError as error:
        return await show_apps(request, name, str(error))
    request.app = name
    return request.redirect("", "created")


async def show_app(request: PageRequest) -> web.Response:
    """Show the app's keys, and the actions on it."""
    is_shown = request.text("show") == "keys"
    return request.render("app.html", keys=request.opened_app, is_shown=is_shown, mask=MASK)


async def export_app(request: PageRequest) -> web.StreamResponse:
    """Send the app's data as a file.

    A prefetch or a link on another site must not trigger this, because it is audited.
    """
    if request.http.method != "GET":
        raise MethodError
    if (origin.whole(request.http.headers, "Sec-Fetch-Site") or "none") not in origin.SAME_SITE:
        raise PageError(HTTPStatus.FORBIDDEN, "Export the app from its Keys page.")
    return await file_stream.send_export(request.http, request.operator, request.app)


async def rotate_app_keys(request: PageRequest) -> web.Response:
    await apps.rotate_keys(request.operator, request.app)
    return request.redirect("app?show=keys", "keys")


async def delete_app(request: PageRequest) -> web.Response:
    """Delete the app, if its name was typed."""
    if request.text("name") != request.app:
        raise RefusedError(f"Type {request.app} to delete it.")
    await apps.delete(request.operator, request.app)
    request.app = request.operator.settings.app_name
    return request.redirect("apps", "app-deleted")
