"""The admin API as commands and tests use it."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPResponse
from typing import Any
from urllib.parse import quote, urlencode

from skylogin.client.connections import ANSWER_SECONDS_MAX, Connections, HttpAnswer
from skylogin.client.errors import AdminError
from skylogin.encoding import rfc3339

BASE = "/_admin/v1"
PAGE_LIMIT = 200
GOOD = range(200, 300)

Query = Sequence[tuple[str, str]]


class HttpTransport:
    """Carries requests to the admin API of a running server, which is below the path *prefix*."""

    def __init__(self, connections: Connections, token: str, prefix: str = "") -> None:
        self._connections = connections
        self._prefix = prefix
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        """Return the answer, or None if it is empty. Raises AdminError and ConnectionError."""
        target = self._prefix + _with_query(path, query)
        answer = self._connections.send(method, target, self._headers, data)
        if answer.status not in GOOD:
            raise AdminError.of(answer)
        return json.loads(answer.body) if answer.body else None

    @contextmanager
    def stream(  # noqa: PLR0913
        self,
        method: str,
        path: str,
        query: Query = (),
        *,
        headers: Mapping[str, str] | None = None,
        body: Iterable[bytes] | None = None,
        seconds: float = ANSWER_SECONDS_MAX,
    ) -> Iterator[HTTPResponse]:
        """Yield an answer to be read in chunks. Raises AdminError and ConnectionError.

        *seconds* is how long the server may be silent.
        """
        target = self._prefix + _with_query(path, query)
        headers = {**self._headers, **(headers or {})}
        with self._connections.stream(method, target, headers, body, seconds) as response:
            if response.status not in GOOD:
                raise AdminError.of(HttpAnswer(response.status, {}, response.read()))
            yield response


def _with_query(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


class AdminClient:
    """Asks about the app called *app*, or about the server if no app is given."""

    def __init__(self, transport: HttpTransport, app: str = "") -> None:
        self.app = app
        self._transport = transport

    def get(self, *parts: str, **query: object) -> Any:
        """Return what is at the path of *parts*. None values in *query* are left out."""
        return self.ask("GET", *parts, query=query)

    def post(self, *parts: str, **body: object) -> Any:
        """Post *body* to the path of *parts*. None values in *body* are left out."""
        return self.ask("POST", *parts, body=given(body))

    def ask(
        self,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Return the answer, or None if it is empty.

        Raises AdminError, and ValueError on a number that JSON does not have, such as NaN.
        """
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        path = path_of(*(("apps", self.app) if self.app else ()), *parts)
        return self._transport.send(method, path, query_of(query or {}), data)

    def pages(self, list_name: str, **query: object) -> list[Any]:
        """Return all rows of a list, page by page."""
        return rows_of_pages(lambda **page: self.get(list_name, **query, **page))


def rows_of_pages(ask: Callable[..., dict[str, Any]], limit: int = sys.maxsize) -> list[Any]:
    """Return at most *limit* rows of a list that the API gives in pages.

    *ask* returns a page; it is called with `limit` and `cursor`.
    """
    rows: list[Any] = []
    cursor = None
    while True:
        page = ask(limit=min(limit - len(rows), PAGE_LIMIT), cursor=cursor)
        cursor = page.pop("next_cursor")
        [more] = page.values()
        rows += more
        if cursor is None or len(rows) >= limit:
            return rows


def path_of(*parts: str) -> str:
    """Return the URL path of *parts*."""
    return "/".join([BASE, *(quote(part, safe="") for part in parts)])


def query_of(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return *values* as pairs of a query string. None values are left out."""
    return [(name, _in_query(value)) for name, value in given(values).items()]


def given(values: Mapping[str, object]) -> dict[str, object]:
    """Return *values* without the None values."""
    return {name: value for name, value in values.items() if value is not None}


def _in_query(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_time(text: str) -> datetime:
    """Return a time from an answer."""
    return rfc3339.read_moment(text)


def read_optional_time(text: str | None) -> datetime | None:
    """Return a time from an answer, None if it has none."""
    return read_time(text) if text else None


def write_time(time: datetime) -> str:
    """Return a time for a request. Raises ValueError if it has no time zone."""
    if time.tzinfo is None:
        raise ValueError(
            f"{time!r} has no time zone: give it one, as in datetime(2026, 1, 2, tzinfo=UTC)"
        )
    return rfc3339.on_wire(time.astimezone(UTC))
