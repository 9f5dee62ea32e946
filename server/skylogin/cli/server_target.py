"""The apps of a running server as a command's target."""

import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Any, BinaryIO

from skylogin.cli import output
from skylogin.cli.target import Json, Target, TargetError
from skylogin.client.admin_api import HttpTransport, Query, path_of, query_of
from skylogin.client.connections import Connections, read_path, read_url
from skylogin.client.errors import NO_OPERATION, AdminError
from skylogin.operations.exports import CONTENT_TYPE

JSON, EVENTS = "application/json", "text/event-stream"
# A server needs time to export or import a large app.
TRANSFER_SECONDS_MAX = 3600
CHUNK_BYTES = 2**16


class ServerTarget(Target):
    """The apps of a running server. *url* is the server's, or that of one of its apps."""

    def __init__(self, url: str, token: str, app: str) -> None:
        try:
            parts = read_url(url)
            if not (token.isascii() and token.isprintable()):
                raise TargetError("the admin token must be printable ASCII")
            path = read_path(parts.path)
            if path is None or parts.query or parts.fragment:
                raise TargetError(f"{url} is not the URL of a server or an app")
            prefix, self._app_of_url = path
            self._connections = Connections(f"{parts.scheme}://{parts.netloc}")
        except ValueError as error:
            raise TargetError(str(error)) from None
        super().__init__(url, app)
        self._transport = HttpTransport(self._connections, token, prefix)

    def __exit__(self, *error: object) -> None:
        self._connections.close()

    @functools.cached_property
    def app(self) -> str:
        named = self.given_app or self._app_of_url
        if named:
            return named
        apps = self.ask("GET", "apps")["apps"]
        return next(str(app["name"]) for app in apps if app["default"])

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        try:
            with self._translating_errors():
                answer = self._transport.send(method, path, query, data)
        except AdminError as error:
            if error.code != NO_OPERATION:
                raise
            raise TargetError(
                f"{self.name} does not support this: "
                "it is not `skylogin dev`, or it is an older version"
            ) from error
        except ValueError:
            raise self._not_skylogin(HTTPStatus.OK) from None
        # Only operations that change something may have an empty answer.
        if not isinstance(answer, dict) and (method == "GET" or answer is not None):
            raise self._not_skylogin(HTTPStatus.OK)
        return answer

    def _not_skylogin(self, status: int) -> TargetError:
        return TargetError(
            f"{self.name} is not a skylogin server: it answered with status {int(status)}"
        )

    @contextmanager
    def _translating_errors(self) -> Iterator[None]:
        """Raise TargetError if the block's answer is not from a skylogin server."""
        try:
            yield
        except ConnectionError as error:
            raise TargetError(str(error)) from error
        except AdminError as error:
            # Other servers and proxies answer with a page.
            if not error.detail or error.detail.startswith("<"):
                raise self._not_skylogin(error.status) from None
            raise

    @contextmanager
    def _stream(
        self,
        content_type: str,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        **options: Any,
    ) -> Iterator[HTTPResponse]:
        """Yield an answer of *content_type*. Raises TargetError on any other type."""
        path, pairs = path_of(*parts), query_of(query or {})
        with (
            self._translating_errors(),
            self._transport.stream(method, path, pairs, **options) as answer,
        ):
            if answer.headers.get_content_type() != content_type:
                raise self._not_skylogin(answer.status)
            yield answer

    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        parts = ("apps", self.app, "logins", "follow")
        with self._stream(EVENTS, "GET", *parts, query=query) as answer:
            for line in answer:
                name, _, value = line.partition(b": ")
                if name == b"data":
                    show(json.loads(value))
        raise TargetError(f"{self.name} closed the connection")

    def export(self, file: BinaryIO) -> int:
        lines = 0
        with output.progress("Exporting", "bytes") as progress:
            for chunk, size in self._exported():
                file.write(chunk)
                lines += chunk.count(b"\n")
                progress(file.tell(), size)
        # The first line describes the export.
        return lines - 1

    def _exported(self) -> Iterator[tuple[bytes, int]]:
        """Yield an export in chunks, each with the total size.

        A generator, so that errors of the output file are not mistaken for connection errors.
        """
        parts, seconds = ("apps", self.app, "export"), TRANSFER_SECONDS_MAX
        with self._stream(CONTENT_TYPE, "GET", *parts, seconds=seconds) as answer:
            # A proxy may omit the size.
            size = answer.length or 0
            while chunk := answer.read(CHUNK_BYTES):
                yield chunk, size
            if not answer.length:
                return
        raise TargetError(f"{self.name} closed the connection in the middle of an export")

    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        with output.progress("Importing", "bytes") as progress:

            def chunks() -> Iterator[bytes]:
                while chunk := file.read(CHUNK_BYTES):
                    progress(file.tell(), size)
                    yield chunk

            with self._stream(
                JSON,
                "POST",
                *("apps", self.app, "import"),
                query={"existing": "replace" if replace else None},
                headers={"Content-Type": CONTENT_TYPE, "Content-Length": str(size)},
                body=chunks(),
                seconds=TRANSFER_SECONDS_MAX,
            ) as answer:
                rows: dict[str, int] = json.loads(answer.read())["rows"]
                return rows
