"""The admin API as tests and commands ask it."""

import http.client
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from skylogin.client.connections import ANSWER_SECONDS_MAX, Connections, HttpAnswer, Readable
from skylogin.client.errors import AdminError
from skylogin.encoding import rfc3339

BASE = "/_admin/v1"
PAGE_LIMIT = 200
GOOD = range(200, 300)


Query = Sequence[tuple[str, str]]


class Line(Protocol):
    """What carries requests to the admin API and brings the answers."""

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        """Return what is answered, None where nothing is. Raises AdminError."""


class HttpLine:
    """Asks over HTTP, with the admin token."""

    def __init__(self, connections: Connections, token: str) -> None:
        self._connections = connections
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        """Return what is answered, None where nothing is. Raises AdminError."""
        target = _with_query(path, query)
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
        body: Readable | None = None,
        seconds: float = ANSWER_SECONDS_MAX,
    ) -> Iterator[http.client.HTTPResponse]:
        """Give an answer that is read piece by piece. Raises AdminError.

        *seconds* is how long the server may be silent.
        """
        target, headers = _with_query(path, query), {**self._headers, **(headers or {})}
        with self._connections.stream(method, target, headers, body, seconds) as response:
            if response.status not in GOOD:
                raise AdminError.of(HttpAnswer(response.status, {}, response.read()))
            yield response


def _with_query(path: str, query: Query) -> str:
    return f"{path}?{urlencode(query)}" if query else path


class AdminClient:
    """Asks about the app called *app*, or without one about the server."""

    def __init__(self, line: Line, app: str = "") -> None:
        self.app = app
        self._line = line

    def get(self, *parts: str, **query: object) -> Any:
        """Return what is at a path; what is None in *query* is left out."""
        return self.ask("GET", *parts, query=query)

    def post(self, *parts: str, **body: object) -> Any:
        """Order something; what is None in *body* is left out."""
        return self.ask("POST", *parts, body=given(body))

    def ask(
        self,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Return what the server answers, None where it only does it.

        Raises AdminError, and ValueError on a number that JSON does not have, such as NaN.
        """
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        path = path_of(*(("apps", self.app) if self.app else ()), *parts)
        return self._line.send(method, path, query_of(query or {}), data)

    def pages(self, what: str, **query: object) -> list[Any]:
        """Return all rows of a list that comes in pages, in its order."""
        return rows_of_pages(lambda **place: self.get(what, **query, **place))


def rows_of_pages(ask: Callable[..., dict[str, Any]], most: int = sys.maxsize) -> list[Any]:
    """Return the rows of as many pages as it takes, *most* at most.

    *ask* is called for a page, with `limit` and `cursor`.
    """
    rows: list[Any] = []
    cursor = None
    while True:
        page = ask(limit=min(most - len(rows), PAGE_LIMIT), cursor=cursor)
        cursor = page.pop("next_cursor")
        [more] = page.values()
        rows += more
        if cursor is None or len(rows) >= most:
            return rows


def path_of(*parts: str) -> str:
    """Return the path of what has these names, as it is on the line."""
    return "/".join([BASE, *(quote(part, safe="") for part in parts)])


def query_of(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return *values* as the query has them; what is None is left out."""
    return [(name, _in_query(value)) for name, value in given(values).items()]


def given(values: Mapping[str, object]) -> dict[str, object]:
    """Return *values* without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def _in_query(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def moment(text: str) -> datetime:
    """Return the time that the server wrote."""
    return rfc3339.read_moment(text)


def moment_or_none(text: str | None) -> datetime | None:
    """Return the time that the server wrote, where it wrote one."""
    return moment(text) if text else None


def as_text(when: datetime) -> str:
    """Return a time as the server reads it. Raises ValueError on one without a zone."""
    if when.tzinfo is None:
        raise ValueError(
            f"{when!r} does not say in which zone it is: give it one, as in "
            "datetime(2026, 1, 2, tzinfo=UTC)"
        )
    return rfc3339.on_wire(when.astimezone(UTC))
