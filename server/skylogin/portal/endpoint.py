"""Answering a request to the portal: who asks, from where, for which page."""

import logging
import re
import secrets as randomness
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from multidict import MultiDict, MultiMapping

from skylogin.actions.services import Services
from skylogin.apps.registry import App
from skylogin.config import DEV
from skylogin.encoding import json_text
from skylogin.encoding.json_text import NotJsonError
from skylogin.errors import SkygearError
from skylogin.http import fault_answers, origin
from skylogin.operations import portal_sessions
from skylogin.operations.operator import (
    ConflictError,
    MissingError,
    Operator,
    RefusedError,
    enter,
    operator_of,
)
from skylogin.portal import templates

logger = logging.getLogger("skylogin.portal")

BASE = "/portal/"
COOKIE = "skylogin_session"
FORM_TOKEN = "form_token"
SIGN_IN, SIGN_OUT = "sign-in", "sign-out"
_IN_APP = re.compile(r"apps/(?P<app>[^/]+)/(?P<page>.*)", re.DOTALL)
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without any referrer a browser sends forms with the origin `null`.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# What a page says once after an act, by the word in its address.
NOTICES = {
    "rotated": "There is a new secret. Give it to your authentication server.",
    "revoked": "The secret is revoked: every server refuses it within 2 seconds.",
    "saved": "The profile is saved.",
    "disabled": "The user is disabled.",
    "enabled": "The user is enabled.",
    "roles": "The roles are set.",
    "signed-out": "The user is signed out everywhere.",
    "deleted": "The user is deleted.",
    "created": "The app is there.",
    "keys": "The app has new keys; the old ones end within a second.",
    "reset": "The app is as it is when it is new.",
    "clock": "The clock is set.",
    "fault": "The fault strikes from the next call on.",
    "faults-ended": "No fault is in force any more.",
    "kept": "The app is kept as it is.",
    "restored": "The app is as it was.",
    "forgotten": "The snapshot is forgotten.",
    "app-deleted": "The app is deleted, with everything in it.",
}


@dataclass(slots=True)
class PageRequest:
    """One request of somebody who may see pages."""

    operator: Operator
    services: Services
    request: web.Request
    session: str
    app: str = ""
    opened: App | None = None
    form: MultiMapping[Any] = field(default_factory=MultiDict)
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def opened_app(self) -> App:
        """Return the app as this server has it open: every page is one of an app."""
        assert self.opened is not None
        return self.opened

    @property
    def is_default(self) -> bool:
        """Return whether the app is the one of the environment."""
        return self.app == self.operator.settings.app_name

    @property
    def path(self) -> str:
        """Return what the app adds to an address: nothing for the one of the environment."""
        return "" if self.is_default else f"apps/{self.app}/"

    @property
    def base(self) -> str:
        """Return where the pages of the app begin."""
        return BASE + self.path

    @property
    def endpoint(self) -> str:
        """Return the address that the app's clients know."""
        return f"{self.request.scheme}://{self.request.host}/{self.path}"

    def text(self, name: str) -> str:
        """Return a field of the form, or of the address; empty where it has none.

        Raises RefusedError on U+0000, which PostgreSQL has no place for.
        """
        value = self.typed(name)
        if "\0" in value:
            raise RefusedError(f"The field {name} holds U+0000, as nothing here does.")
        return value

    def typed(self, name: str) -> str:
        """Return the same, whatever it holds."""
        value = self.form.get(name) if self.request.method == "POST" else None
        value = self.request.query.get(name, "") if value is None else value
        return value.strip() if isinstance(value, str) else ""

    def go(self, page: str, notice: str = "") -> web.Response:
        """Return the answer that sends the browser to a page of the app."""
        mark = "&" if "?" in page else "?"
        location = self.base + page + (f"{mark}notice={notice}" if notice else "")
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})

    def page(
        self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Return a page."""
        settings = self.operator.settings
        around = {
            "app": self.app,
            "base": self.base,
            "portal": BASE,
            "path": self.request.path,
            "form_token": portal_sessions.form_token(self.session),
            "is_dev": settings.mode == DEV,
            "is_signed_in": settings.mode != DEV and bool(self.session),
            "is_default": self.is_default,
            "notice": NOTICES.get(self.request.query.get("notice", ""), ""),
            "now": self.operator.now(),
            "is_clock_moved": self.opened is not None and self.opened.clock.is_moved,
        }
        text = templates.render(template, {**around, **values})
        return web.Response(status=status, text=text, content_type="text/html")


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return the JSON object that *text* is. Raises RefusedError where it is none."""
    try:
        value = json_text.read_whole(text)
    except NotJsonError as error:
        raise RefusedError(f"{what} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is no JSON object.")
    return value


def next_page(kept: Mapping[str, str], cursor: str) -> str:
    """Return the query of the next page of a list, nothing where there is none."""
    if not cursor:
        return ""
    return urlencode({**{name: value for name, value in kept.items() if value}, "cursor": cursor})


Page = Callable[[PageRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A page or an act: its method, its address below the app's, what answers it."""

    method: str
    path: str
    pattern: re.Pattern[str]
    page: Page
    # Only `skylogin dev` has it.
    dev_only: bool = False


def route(method: str, path: str, page: Page, *, dev_only: bool = False) -> Route:
    """Return the route of a path such as `users/{user_id}`."""
    parts = re.split(r"\{(\w+)\}", path)
    pattern = "".join(
        f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return Route(method, path, re.compile(pattern, re.DOTALL), page, dev_only)


class TurnedAwayError(Exception):
    """A request that reaches no page; *status* and the text say why."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


async def answer(
    request: web.Request, services: Services, address: str, routes: list[Route]
) -> web.StreamResponse:
    """Answer *request*, which comes from *address*."""
    operator = operator_of(services, "portal", address)
    visit = PageRequest(operator, services, request, request.cookies.get(COOKIE, ""))
    visit.app = services.settings.app_name
    try:
        response = await _answer(visit, routes)
    except ConnectionError:
        raise
    except Exception as error:
        response = _explain(visit, error)
    if not response.prepared:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
    return response


def _explain(visit: PageRequest, error: Exception) -> web.Response:
    request = visit.request
    status, text = HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong; the log says what."
    if isinstance(error, TurnedAwayError):
        status, text = error.status, str(error)
    elif isinstance(error, SkygearError):
        status, text = HTTPStatus.SERVICE_UNAVAILABLE, error.message
    elif isinstance(error, RefusedError):
        statuses = {MissingError: HTTPStatus.NOT_FOUND, ConflictError: HTTPStatus.CONFLICT}
        found = [status for kind, status in statuses.items() if isinstance(error, kind)]
        status, text = [*found, HTTPStatus.UNPROCESSABLE_ENTITY][0], str(error)
    elif isinstance(error, web.HTTPRequestEntityTooLarge):
        status, text = HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too large."
    else:
        logger.exception("%s %s crashed", request.method, request.path, exc_info=error)
    return visit.page("error.html", status=status, text=text)


async def _answer(visit: PageRequest, routes: list[Route]) -> web.StreamResponse:
    request, settings = visit.request, visit.operator.settings
    why = origin.refusal(request.method, request.host, request.headers, names=settings.host_names)
    if why:
        raise TurnedAwayError(HTTPStatus.FORBIDDEN, f"This request is refused: {why}.")
    if settings.mode != DEV and not settings.admin_password:
        text = "The portal is off: set SKYLOGIN_ADMIN_PASSWORD."
        raise TurnedAwayError(HTTPStatus.NOT_FOUND, text)
    if "\0" in request.path:
        raise TurnedAwayError(HTTPStatus.NOT_FOUND, "There is no such page.")
    page = request.path.removeprefix(BASE)
    if page.startswith("static/"):
        return _static(page.removeprefix("static/"))
    if settings.mode == DEV:
        is_new = not visit.session
        visit.session = visit.session or randomness.token_urlsafe(portal_sessions.SESSION_BYTES)
        response = await _show(visit, page, routes)
        if is_new and not response.prepared:
            set_session(response, visit)
        return response
    if page == SIGN_IN:
        return await _sign_in(visit)
    if not await portal_sessions.is_signed_in(visit.operator, visit.session):
        visit.session = ""
        if request.method in origin.SAFE_METHODS:
            location = f"{BASE}{SIGN_IN}"
            return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": location})
        raise TurnedAwayError(HTTPStatus.UNAUTHORIZED, "You are not signed in.")
    return await _show(visit, page, routes)


def _static(name: str) -> web.Response:
    found = templates.static(name)
    if found is None:
        raise TurnedAwayError(HTTPStatus.NOT_FOUND, "There is no such file.")
    body, content_type = found
    headers = {"Cache-Control": "no-cache"}
    return web.Response(body=body, content_type=content_type, charset="utf-8", headers=headers)


async def _show(visit: PageRequest, page: str, routes: list[Route]) -> web.StreamResponse:
    in_app, name = _IN_APP.fullmatch(page), visit.app
    if in_app is not None:
        page, name = in_app["page"], in_app["app"]
    visit.opened, visit.operator = await enter(visit.services, visit.operator, name)
    visit.app = name
    visit.request[fault_answers.CLOCK] = visit.opened.clock
    method = "GET" if visit.request.method == "HEAD" else visit.request.method
    found = [(one, one.pattern.fullmatch(page)) for one in routes]
    is_dev = visit.operator.settings.mode == DEV
    matching = [(one, match) for one, match in found if match and (is_dev or not one.dev_only)]
    if not matching:
        raise TurnedAwayError(HTTPStatus.NOT_FOUND, "There is no such page.")
    for one, match in matching:
        if one.method == method:
            visit.values = match.groupdict()
            if method == "POST":
                await _read_form(visit)
            return await one.page(visit)
    raise TurnedAwayError(HTTPStatus.METHOD_NOT_ALLOWED, "That cannot be done to this page.")


async def _read_form(visit: PageRequest) -> None:
    """Read the form. Raises TurnedAwayError where it is not one of this session's pages."""
    if visit.request.content_type != "application/x-www-form-urlencoded":
        raise TurnedAwayError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "That is no form.")
    visit.form = await visit.request.post()
    given = visit.form.get(FORM_TOKEN)
    wanted = portal_sessions.form_token(visit.session)
    if not isinstance(given, str) or not randomness.compare_digest(given.encode(), wanted.encode()):
        text = "This form is too old, or not from here. Go back, load the page again, and retry."
        raise TurnedAwayError(HTTPStatus.FORBIDDEN, text)


async def _sign_in(visit: PageRequest) -> web.StreamResponse:
    if visit.request.method in origin.SAFE_METHODS:
        # A session of its own, so that this form has a token too.
        visit.session = visit.session or randomness.token_urlsafe(portal_sessions.SESSION_BYTES)
        response = visit.page("sign_in.html", text="")
        set_session(response, visit)
        return response
    await _read_form(visit)
    try:
        # Never the one from before: somebody may have put it there.
        visit.session = await portal_sessions.sign_in(visit.operator, visit.text("password"))
    except portal_sessions.TooManyTriesError as error:
        return visit.page("sign_in.html", text=str(error), status=HTTPStatus.TOO_MANY_REQUESTS)
    except portal_sessions.WrongPasswordError as error:
        return visit.page("sign_in.html", text=str(error), status=HTTPStatus.UNAUTHORIZED)
    response = visit.go("")
    set_session(response, visit)
    return response


async def sign_out(visit: PageRequest) -> web.StreamResponse:
    """End the session."""
    await portal_sessions.sign_out(visit.operator, visit.session)
    response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"{BASE}{SIGN_IN}"})
    response.del_cookie(COOKIE, path=BASE)
    return response


def set_session(response: web.StreamResponse, visit: PageRequest) -> None:
    """Have the browser keep the session, for pages of this portal alone."""
    request = visit.request
    response.set_cookie(
        COOKIE,
        visit.session,
        path=BASE,
        httponly=True,
        samesite="Strict",
        secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
    )
