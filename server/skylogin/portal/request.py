"""A request for a page of the portal, and the ways to answer it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
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
from skylogin.http.forwarding import Client
from skylogin.operations import portal_sessions
from skylogin.operations.operator import Operator, RefusedError
from skylogin.portal import navigation, templates

# Reads a field of a form. Raises ValueError.
Reader = Callable[[str], object]

BASE = "/portal/"
# The message that a page shows once after a form was submitted, by `notice` in its URL.
NOTICES = {
    "rotated": "The new secret is ready. Give it to your authentication server.",
    "revoked": "The secret is revoked: every server refuses it within 2 seconds.",
    "saved": "The profile is saved.",
    "disabled": "The user is disabled.",
    "enabled": "The user is enabled.",
    "roles": "The roles are set.",
    "signed-out": "The user is signed out everywhere.",
    "deleted": "The user is deleted.",
    "created": "The app is created.",
    "keys": "The keys are replaced; the old ones stop working within a second.",
    "reset": "The app is reset.",
    "clock": "The clock is set.",
    "fault": "The fault is added. It applies from the next call on.",
    "faults-ended": "All faults have ended.",
    "stub": "The stub is added. It answers from the next call on.",
    "stub-removed": "The stub is removed.",
    "calls-forgotten": "The recorded calls are deleted.",
    "kept": "The snapshot is taken.",
    "restored": "The snapshot is restored.",
    "forgotten": "The snapshot is deleted.",
    "app-deleted": "The app and all its data are deleted.",
}


class PageError(Exception):
    """An error that is answered with a page of *status* and a text."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class MethodError(PageError):
    """A request with a method that its page does not allow."""

    def __init__(self) -> None:
        super().__init__(HTTPStatus.METHOD_NOT_ALLOWED, "This page does not allow that method.")


@dataclass(slots=True)
class PageRequest:
    """One request for a page. The endpoint fills in the fields with defaults."""

    operator: Operator
    services: Services
    http: web.Request
    client: Client
    session: str
    app: str
    # The path below the app's base, and the names of the apps to switch to.
    page: str = ""
    apps: Sequence[str] = ()
    opened: App | None = None
    form: MultiMapping[Any] = field(default_factory=MultiDict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def opened_app(self) -> App:
        """Return the app as this server has it open."""
        assert self.opened is not None
        return self.opened

    @property
    def is_default(self) -> bool:
        """Return whether the app is the default app."""
        return self.app == self.operator.settings.app_name

    @property
    def path(self) -> str:
        """Return the app's part of a URL path, empty for the default app."""
        return "" if self.is_default else f"apps/{self.app}/"

    @property
    def portal(self) -> str:
        """Return the path of the portal, as the browser has it."""
        return self.client.prefix + BASE

    @property
    def base(self) -> str:
        """Return the path of the app's pages, as the browser has it."""
        return self.portal + self.path

    @property
    def endpoint(self) -> str:
        """Return the URL that the app's clients use."""
        return f"{self.client.server_url}/{self.path}"

    def text(self, name: str) -> str:
        """Return a field of the form or of the query, stripped; empty if it is missing.

        Raises RefusedError on U+0000, which PostgreSQL cannot store.
        """
        value = self.raw_text(name)
        if "\0" in value:
            raise RefusedError(f"The field {name} contains U+0000, which cannot be stored.")
        return value

    def raw_text(self, name: str) -> str:
        """Return the same, without the check for U+0000."""
        value = self.form.get(name) if self.http.method == "POST" else None
        value = self.http.query.get(name, "") if value is None else value
        return value.strip() if isinstance(value, str) else ""

    def filled_in(self, readers: Mapping[str, Reader]) -> dict[str, object]:
        """Return the fields that are filled in, each as its reader reads it.

        Raises RefusedError on a text that a reader refuses.
        """
        values: dict[str, object] = {}
        for name, read in readers.items():
            text = self.text(name)
            if not text:
                continue
            try:
                values[name] = read(text)
            except NotJsonError as error:
                raise RefusedError(f"{name} is not JSON: {error}") from None
            except ValueError:
                raise RefusedError(f"{name}: {text!r} is not a number.") from None
        return values

    def redirect(self, page: str, notice: str = "") -> web.Response:
        """Redirect the browser to a page of the app, which shows the notice once."""
        mark = "&" if "?" in page else "?"
        return redirect_to(self.base + page + (f"{mark}notice={notice}" if notice else ""))

    def render(
        self, template: str, *, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        """Return the page of *template*, filled with *values* and the values of every page."""
        settings = self.operator.settings
        is_dev = settings.mode == DEV
        shared = {
            "app": self.app,
            "base": self.base,
            "portal": self.portal,
            "prefix": self.client.prefix,
            "page": self.page,
            "section": navigation.section(self.page, is_dev=is_dev),
            "navigation": navigation.links(self.base, self.page, is_dev=is_dev),
            "apps_to_switch": self.apps,
            "form_token": portal_sessions.form_token(self.session),
            "is_dev": is_dev,
            "is_signed_in": not is_dev and bool(self.session),
            "is_default": self.is_default,
            "notice": NOTICES.get(self.http.query.get("notice", ""), ""),
            "now": self.operator.now(),
            "is_clock_moved": self.opened is not None and self.opened.clock.is_moved,
        }
        text = templates.render(template, {**shared, **values})
        return web.Response(status=status, text=text, content_type="text/html")


Page = Callable[[PageRequest], Awaitable[web.StreamResponse]]


def redirect_to(address: str) -> web.Response:
    """Return the response that redirects a browser."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": address})


def status_with(problem: object) -> HTTPStatus:
    """Return the status of a page whose form may have a *problem*."""
    return HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return *text* as a JSON object. Raises RefusedError if it is not one."""
    try:
        value = json_text.read_whole(text)
    except NotJsonError as error:
        raise RefusedError(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise RefusedError(f"{what} is not a JSON object.")
    return value


def read_time(text: str) -> datetime:
    """Return a time in UTC, from a browser's field (`2026-01-02T03:04`) or written by hand.

    Raises RefusedError if *text* is not a time.
    """
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise RefusedError(f"“{text}” is not a time. Write it as 2026-01-02 15:04.") from None


def next_page(filters: Mapping[str, str], cursor: str) -> str:
    """Return the query of the next page of a list, empty on the last page."""
    if not cursor:
        return ""
    return urlencode(
        {**{name: value for name, value in filters.items() if value}, "cursor": cursor}
    )
