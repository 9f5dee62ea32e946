"""The admin API as tests ask it: about one app."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from skylogin import rfc3339
from skylogin.testing.connections import Connections
from skylogin.testing.refusals import AdminError

BASE = "/_admin/v1"
PAGE_LIMIT = 200
GOOD = range(200, 300)


class AdminClient:
    """Asks about the app called *app*, with the admin token."""

    def __init__(self, connections: Connections, token: str, app: str) -> None:
        self.app = app
        self._connections = connections
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def get(self, *parts: str, **query: object) -> Any:
        """Return what is at a path; what is None in *query* is left out."""
        return self.ask("GET", *parts, query=query)

    def post(self, *parts: str, **body: object) -> Any:
        """Order something; what is None in *body* is left out."""
        return self.ask("POST", *parts, body=_given(body))

    def ask(
        self,
        method: str,
        *parts: str,
        query: dict[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Return what the server answers, None where it only does it. Raises AdminError."""
        path = "/".join([BASE, "apps", *(quote(part, safe="") for part in (self.app, *parts))])
        asked = {name: _in_query(value) for name, value in _given(query or {}).items()}
        if asked:
            path += f"?{urlencode(asked)}"
        data = None if body is None else json.dumps(body).encode()
        answer = self._connections.send(method, path, self._headers, data)
        if answer.status not in GOOD:
            raise AdminError.of(answer)
        return json.loads(answer.body) if answer.body else None

    def pages(self, what: str, **query: object) -> list[Any]:
        """Return all rows of a list that comes in pages, in its order."""
        rows: list[Any] = []
        cursor = None
        while True:
            page = self.get(what, limit=PAGE_LIMIT, cursor=cursor, **query)
            rows += page["attempts" if what == "journal" else what]
            cursor = page["next_cursor"]
            if cursor is None:
                return rows


def _given(values: dict[str, object]) -> dict[str, object]:
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
