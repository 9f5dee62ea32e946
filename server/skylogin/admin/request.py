"""A request to the admin API, from HTTP or from a command, and its errors."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from skylogin.apps.registry import App
from skylogin.encoding import rfc3339
from skylogin.errors import database_trouble
from skylogin.http.errors import status_of
from skylogin.operations.operator import Operator, RefusedError

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """One valid request of an operator. *body* is None if the operation takes none.

    Commands that use a database set neither *http_request* nor *opened*.
    """

    operator: Operator
    parameters: Mapping[str, Any]
    body: Any
    opened: App | None = None
    http_request: web.Request | None = None

    @property
    def app(self) -> str:
        """Return the name of the app in the path."""
        return str(self.parameters["app"])

    @property
    def opened_app(self) -> App:
        """Return the app as the server has it open. Raises RefusedError without a server."""
        if self.opened is None:
            raise RefusedError("only a running server can do that: use --url")
        return self.opened

    @property
    def http(self) -> web.Request:
        """Return the HTTP request, for an operation that streams."""
        assert self.http_request is not None
        return self.http_request


Handler = Callable[[AdminRequest], Awaitable[object]]


class Problem(Exception):
    """An error that is answered in the format of RFC 9457."""

    def __init__(  # noqa: PLR0913
        self,
        status: HTTPStatus,
        detail: str,
        *,
        code: str = "",
        errors: Sequence[str] = (),
        places: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code
        self.errors = list(errors)
        self.places = list(places)
        self.headers = dict(headers or {})


def problem_of(error: Exception) -> Problem | None:
    """Return the answer to *error*, None if it is a crash."""
    if isinstance(error, Problem):
        return error
    status = status_of(error)
    return None if status is None else Problem(status, database_trouble(error) or str(error))


def time_text(value: datetime | None) -> str | None:
    """Return a time as the API shows it."""
    return rfc3339.on_wire(value) if value else None


def read_time(text: str | None) -> datetime | None:
    """Return *text* as a time. Raises RefusedError if it is not valid."""
    if text is None:
        return None
    try:
        return rfc3339.read_moment(text)
    except ValueError as error:
        raise RefusedError(f"{text!r} is not a valid time: {error}") from None
