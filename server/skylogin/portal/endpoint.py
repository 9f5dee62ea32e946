"""The endpoint of the portal: checks a request, and answers it with a page."""

import logging
import re
from http import HTTPStatus
from urllib.parse import unquote

from aiohttp import web

from skylogin import logs
from skylogin.actions.services import Services
from skylogin.config import DEV
from skylogin.http import fault_answers, origin, request_log
from skylogin.http.errors import status_of
from skylogin.http.forwarding import Client
from skylogin.http.routes import NoRouteError
from skylogin.operations import apps, portal_sessions
from skylogin.operations.operator import enter, operator_of
from skylogin.portal import session, templates
from skylogin.portal.request import BASE, MethodError, PageError, PageRequest, redirect_to
from skylogin.portal.routes import ROUTE_TABLE

logger = logging.getLogger("skylogin.portal")

STATIC = "static/"
APPS_TO_SWITCH_MAX = 12
_IN_APP = re.compile(r"apps/([^/]+)/(.*)")
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With `no-referrer`, browsers send forms with the origin `null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


async def answer(
    http_request: web.Request, services: Services, client: Client
) -> web.StreamResponse:
    """Answer a request of *client*."""
    request = PageRequest(
        operator=operator_of(services, "portal", client.address),
        services=services,
        http=http_request,
        client=client,
        session=session.key_in(http_request),
        app=services.settings.app_name,
    )
    try:
        response = await _answer(request)
    except ConnectionError:
        raise
    except Exception as error:
        response = _error_page(request, error)
    if not response.prepared:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def _error_page(request: PageRequest, error: Exception) -> web.Response:
    status = error.status if isinstance(error, PageError) else status_of(error)
    text = str(error)
    http = request.http
    request.services.trouble.note(error, f"{http.method} {logs.quoted(http.path)}")
    if status is None:
        # An unknown error's text may contain secrets, so it is only logged.
        logger.exception("%s %s crashed", http.method, logs.quoted(http.path), exc_info=error)
        status, text = HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong; see the log."
    return request.render("error.html", status=status, text=text)


async def _answer(request: PageRequest) -> web.StreamResponse:
    http, settings = request.http, request.operator.settings
    hosts = http.host, request.client.host
    why = origin.refusal(http.method, hosts, http.headers, names=settings.host_names)
    if why:
        raise PageError(HTTPStatus.FORBIDDEN, f"Refused: {why}.")
    if settings.mode != DEV and not settings.admin_password:
        text = "The portal is off: set SKYLOGIN_ADMIN_PASSWORD."
        raise PageError(HTTPStatus.NOT_FOUND, text)
    if "\0" in http.path:
        raise PageError(HTTPStatus.NOT_FOUND, "This page does not exist.")
    page = http.rel_url.raw_path.removeprefix(BASE)
    if page.startswith(STATIC):
        return _static_file(page.removeprefix(STATIC))
    if settings.mode == DEV:
        return await _show_without_password(request, page)
    if page == session.SIGN_IN:
        return await session.sign_in(request)
    if not await portal_sessions.is_signed_in(request.operator, request.session):
        request.session = ""
        if http.method in origin.SAFE_METHODS:
            return redirect_to(request.portal + session.SIGN_IN)
        raise PageError(HTTPStatus.UNAUTHORIZED, "You are not signed in.")
    return await _show(request, page)


def _static_file(name: str) -> web.Response:
    found = templates.static_files().get(name)
    if found is None:
        raise PageError(HTTPStatus.NOT_FOUND, "This file does not exist.")
    body, content_type = found
    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


async def _show_without_password(request: PageRequest, page: str) -> web.StreamResponse:
    """Show a page of `skylogin dev`. Its session only ties forms to the browser."""
    if request.session:
        return await _show(request, page)
    request.session = portal_sessions.new_key()
    response = await _show(request, page)
    if isinstance(response, web.Response):
        session.set_cookie(response, request)
    return response


async def _show(request: PageRequest, page: str) -> web.StreamResponse:
    name = request.app
    if in_app := _IN_APP.fullmatch(page):
        name, page = unquote(in_app[1]), in_app[2]
    request.opened, request.operator = await enter(request.services, request.operator, name)
    request.app, request.page = name, page
    request.http[fault_answers.CLOCK] = request.opened.clock
    request.http[request_log.APP] = request.opened.name
    method = "GET" if request.http.method == "HEAD" else request.http.method
    mode = request.operator.settings.mode
    try:
        show, request.parameters = ROUTE_TABLE.find(method, page, mode)
    except NoRouteError as error:
        if error.allowed:
            raise MethodError from None
        raise PageError(HTTPStatus.NOT_FOUND, "This page does not exist.") from None
    request.http[request_log.ACTION] = f"portal:{show.__name__}"
    if method == "POST":
        await session.read_form(request)
    request.apps = await apps.list_names(request.operator, APPS_TO_SWITCH_MAX)
    return await show(request)
