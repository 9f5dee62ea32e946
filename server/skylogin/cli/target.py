"""What a command works on: the apps of a database, or those of a running server.

Both answer like the admin API (server/skylogin/admin/openapi.json). Only an ephemeral server
itself can open its database.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO, Self

from skylogin.client.admin_api import Query, given, path_of, query_of, rows_of_pages
from skylogin.operations.operator import RefusedError

Json = dict[str, Any]

NOT_IN_A_PATH = frozenset(("", ".", ".."))


class TargetError(RefusedError):
    """The target cannot be used."""


class Target(AbstractContextManager["Target"], ABC):
    """Carries out requests on one app, or on all apps."""

    def __init__(self, name: str, given_app: str) -> None:
        """Prepare the target called *name*, and the app of the option --app, if it was used."""
        self.name = name
        self.given_app = given_app

    def __enter__(self) -> Self:
        return self

    @property
    @abstractmethod
    def app(self) -> str:
        """Return the name of the command's app."""

    def ask(
        self,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Return the answer of the operation at *parts*, or None if it is empty.

        None values in *query* are left out. Raises AdminError and TargetError.
        """
        invalid = sorted(NOT_IN_A_PATH & set(parts))
        if invalid:
            # A proxy would remove it from the path, which would name something else then.
            raise TargetError(f"{invalid[0]!r} is not a valid name")
        check_is_json([parts, query, body])
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path_of(*parts), query_of(query or {}), data)

    @abstractmethod
    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        """Return the answer to a request of the admin API. Raises AdminError."""

    def get(self, *parts: str, **query: object) -> Any:
        """Return the answer to `GET` at *parts* of the app. Raises AdminError."""
        return self.ask("GET", "apps", self.app, *parts, query=query)

    def ask_app(self, method: str, *parts: str, **body: object) -> Any:
        """Return the answer to a request on the app, without None in *body*. Raises AdminError."""
        return self.ask(method, "apps", self.app, *parts, body=given(body))

    def rows(self, *parts: str, limit: int, **query: object) -> list[Json]:
        """Return at most *limit* rows of a list, page by page. Raises AdminError."""
        return rows_of_pages(lambda **page: self.ask("GET", *parts, query={**query, **page}), limit)

    @abstractmethod
    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        """Show login attempts of the app as they happen, until interrupted."""

    @abstractmethod
    def export(self, file: BinaryIO) -> int:
        """Write the app's data to *file* and return the number of rows."""

    @abstractmethod
    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        """Write exported data into the app and return the number of rows per table."""


def check_is_json(values: object) -> None:
    """Raise TargetError on values that JSON in UTF-8 cannot hold."""
    try:
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        text = error.object[error.start : error.end]
        raise TargetError(f"{text!r} is not valid text") from None
    except ValueError:
        raise TargetError("numbers must be finite") from None
