"""What a command reaches: the apps of a database, or those of a server by its admin API.

Both are asked in the words of the admin API (server/skylogin/admin/openapi.json), and answer the
same. Nobody but its server can open the database of an ephemeral one.
"""

import asyncio
import functools
import inspect
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractContextManager, aclosing, contextmanager
from http import HTTPStatus
from http.client import HTTPResponse
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Self, TypeVar

import typer

from skylogin.admin import in_process
from skylogin.admin.request import Problem
from skylogin.apps import names
from skylogin.cli import environment, output
from skylogin.client.admin_api import (
    AdminClient,
    HttpLine,
    Query,
    given,
    path_of,
    query_of,
    rows_of_pages,
)
from skylogin.client.connections import Connections, read_url
from skylogin.client.errors import AdminError
from skylogin.config import SQLITE_PREFIX, Settings
from skylogin.database import Store, open_store, tables
from skylogin.operations import exports
from skylogin.operations.exports import CONTENT_TYPE
from skylogin.operations.operator import Operator, RefusedError
from skylogin.web import server

T = TypeVar("T")
Json = dict[str, Any]

AppName = Annotated[
    str, typer.Option("--app", help="An app below /apps/; else the one of the environment.")
]
Url = Annotated[
    str,
    typer.Option(
        help="A server that runs, or one of its apps, instead of a database; "
        "else that of `skylogin exec`."
    ),
]
AdminToken = Annotated[
    str,
    typer.Option(
        "--admin-token",
        "--master-key",
        help="The server's admin token, of `skylogin dev` the master key; "
        "else SKYLOGIN_ADMIN_TOKEN or SKYGEAR_MASTER_KEY where set.",
    ),
]

# The server may take its time for what is large.
TRANSFER_SECONDS_MAX = 3600
WHO_ASKS = frozenset((401, 403))
NOT_FOUND = 404
NO_OPERATION = "there is nothing at "
NO_TOKEN = "the admin token has to be of printable ASCII, or no header can hold it"
JSON, EVENTS = "application/json", "text/event-stream"
# Where in a request something is, which nobody here has seen.
_PLACE = re.compile("^(query: |body/)")
NO_PART = frozenset(("", ".", ".."))
CHUNK_BYTES = 2**16


class TargetError(Exception):
    """Nobody can be asked. The text says why."""


class Target(AbstractContextManager["Target"], ABC):
    """Asks about the app that is meant, or about everything there is."""

    def __init__(self, name: str, given_app: str, named_app: str = "") -> None:
        self.name = name
        self.given_app = given_app
        # Empty where the app of the environment is meant.
        self.named_app = given_app or named_app

    def __enter__(self) -> Self:
        return self

    @functools.cached_property
    def app(self) -> str:
        """Return the name of the app that is meant."""
        return self.named_app or self._default_app()

    @abstractmethod
    def _default_app(self) -> str: ...

    def ask(
        self,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> Any:
        """Return what the operation at *parts* answers, None where it only does it.

        What is None in *query* is left out. Raises AdminError, TargetError.
        """
        empty = sorted(NO_PART & set(parts))
        if empty:
            # Whoever stands between takes them out of a path, and something else is meant.
            raise TargetError(f"{empty[0]!r} names nothing")
        _check_sendable([parts, query, body])
        return AdminClient(self).ask(method, *parts, query=query, body=body)

    @abstractmethod
    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        """Return what is answered to a request as it is on the line. Raises AdminError."""

    def get(self, *parts: str, **query: object) -> Any:
        """Return what the app has at *parts*. Raises AdminError."""
        return self.ask("GET", "apps", self.app, *parts, query=query)

    def order(self, method: str, *parts: str, **body: object) -> Any:
        """Have something done to the app. What is None in *body* is left out. Raises AdminError."""
        return self.ask(method, "apps", self.app, *parts, body=given(body))

    def rows(self, *parts: str, most: int, **query: object) -> list[Json]:
        """Return the rows of as many pages as it takes, *most* at most. Raises AdminError."""
        return rows_of_pages(
            lambda **place: self.ask("GET", *parts, query={**query, **place}), most
        )

    @abstractmethod
    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        """Show the attempts to log in to the app as they come, for good."""

    @abstractmethod
    def export(self, file: BinaryIO) -> int:
        """Write everything the app has into *file*, and return the number of rows."""

    @abstractmethod
    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        """Write into the app what was exported, and return the number of rows by table."""


def _check_sendable(values: object) -> None:
    """Raise TargetError on what JSON cannot say, which the API asks for nowhere."""
    try:
        json.dumps(values, allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise TargetError(f"{error.object[error.start : error.end]!r} is no text") from None
    except ValueError:
        raise TargetError("no number can be infinite, or be none") from None


def reaching(work: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where, and do its *work* there, with a `Target`."""
    return _reaching(work, list(inspect.signature(reach, eval_str=True).parameters.values()))


def reaching_all(work: Callable[..., None]) -> Callable[..., None]:
    """Do the same for a command that is about no app, or names it itself."""
    options = inspect.signature(reach, eval_str=True).parameters
    return _reaching(work, [one for name, one in options.items() if name != "app_name"])


def _reaching(work: Callable[..., None], where: list[inspect.Parameter]) -> Callable[..., None]:
    own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *where)]

    @functools.wraps(work)
    def command(**values: Any) -> None:
        options = {one.name: values.pop(one.name) for one in where}
        try:
            with reach(**options) as there:
                work(there, **values)
        except TargetError as error:
            output.fail(str(error))
        except AdminError as error:
            who = f"{there.name}: " if error.status in WHO_ASKS else ""
            faults = [_PLACE.sub("", fault) for fault in error.faults]
            output.fail(*(faults or [f"{who}{error.detail}"]))

    # This is what typer goes by.
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def reach(
    app_name: AppName = "",
    database: environment.Database = None,
    url: Url = "",
    admin_token: AdminToken = "",
) -> Target:
    """Return what is meant: a server at a URL, or a database, whichever is named first.

    Raises TargetError.
    """
    if url and database is not None:
        raise TargetError("--url is a server, --database is none; one of them is enough")
    settings = environment.storage_settings(database)
    at = url or ("" if database is not None else _server_of_exec())
    if not at:
        return DatabaseTarget(settings, app_name)
    token = admin_token or settings.admin_token or environment.variable("SKYGEAR_MASTER_KEY")
    return ServerTarget(at, token or settings.master_key, app_name)


def _server_of_exec() -> str:
    """Return the endpoint of the server that this command runs beside, empty where it does not.

    SKYGEAR_ENDPOINT alone may be anybody's, who is to get no key of ours.
    """
    return environment.variable("SKYGEAR_ENDPOINT") if environment.variable("SKYLOGIN_APP") else ""


class DatabaseTarget(Target):
    """Apps of a database, which is opened when it is first asked."""

    def __init__(self, settings: Settings, app: str = "") -> None:
        self.settings = settings
        self._url = settings.database_url or settings.embedded_url
        super().__init__(self._url, app)
        self._runner = asyncio.Runner()
        self._store: Store | None = None

    def __exit__(self, *error: object) -> None:
        if self._store is not None:
            self._runner.run(self._store.close())
        self._runner.close()

    def _default_app(self) -> str:
        return self.settings.app_name

    def is_there(self) -> bool:
        """Return whether there is a database, as far as one sees without opening it."""
        path = self._url.removeprefix(SQLITE_PREFIX)
        return path == self._url or Path(path).is_file()

    def _do(self, work: Callable[[Operator], Coroutine[Any, Any, T]]) -> T:
        """Do *work*. Raises TargetError where there is no database that can be used."""

        async def do() -> T:
            return await work(await self._operator())

        try:
            return self._runner.run(do())
        except (AdminError, BrokenPipeError, TargetError, RefusedError):
            raise
        except Exception as error:
            if self._store is None:
                raise TargetError(server.cannot_open(error)) from error
            text = f"the database cannot do that: {server.in_one_line(error)}"
            raise TargetError(text) from error

    async def _operator(self) -> Operator:
        if self._store is None:
            if not self.is_there():
                path = self._url.removeprefix(SQLITE_PREFIX)
                raise TargetError(f"there is no database {path}: no skylogin has run on it yet")
            store = open_store(self._url)
            try:
                _check(await store.version())
            except BaseException:
                await store.close()
                raise
            self._store = store
        return Operator(self._store, self.settings)

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        async def ask(operator: Operator) -> Any:
            try:
                return await in_process.ask(operator, method, path, query, data)
            except Problem as problem:
                raise _refusal(problem) from None

        return self._do(ask)

    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        path = path_of("apps", self.app, "logins", "follow")

        # All in one: between two runs of an event loop Ctrl-C can get lost.
        async def follow(operator: Operator) -> None:
            async with aclosing(in_process.follow(operator, path, query_of(query))) as attempts:
                try:
                    async for one in attempts:
                        show(one)
                except Problem as problem:
                    raise _refusal(problem) from None

        self._do(follow)

    def export(self, file: BinaryIO) -> int:
        async def export(operator: Operator) -> int:
            await operator.check_app(self.app)
            with output.progress("Exporting", "rows") as progress:
                return await exports.export(operator, self.app, file, progress)

        return self._do(export)

    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        async def load(operator: Operator) -> dict[str, int]:
            await operator.check_app(self.app)
            with output.progress("Importing", "bytes") as progress:
                return await exports.load(
                    operator, self.app, file, replace=replace, progress=progress
                )

        return self._do(load)


def _check(version: str | None) -> None:
    if version is None:
        raise TargetError("the database is empty: no skylogin has run on it yet")
    if version != tables.VERSION:
        raise TargetError(
            f"the database has version {version}, this skylogin needs {tables.VERSION}: "
            "run `skylogin migrate`"
        )


def _refusal(problem: Problem) -> AdminError:
    return AdminError(problem.status, problem.detail, problem.faults)


class ServerTarget(Target):
    """Apps of a server that runs. *url* is the server's, or the endpoint of one of its apps."""

    def __init__(self, url: str, token: str, app: str) -> None:
        try:
            parts = read_url(url)
            if not (token.isascii() and token.isprintable()):
                raise TargetError(NO_TOKEN)
            named, rest = names.split(parts.path or "/", "", "")
            if rest != "/" or parts.query or parts.fragment:
                raise TargetError(f"{url} is no URL of a server or of an app")
            self._connections = Connections(f"{parts.scheme}://{parts.netloc}")
        except ValueError as error:
            raise TargetError(str(error)) from None
        super().__init__(url, app, named)
        self._line = HttpLine(self._connections, token)

    def __exit__(self, *error: object) -> None:
        self._connections.close()

    def _default_app(self) -> str:
        apps = self.ask("GET", "apps")["apps"]
        return next(str(app["name"]) for app in apps if app["default"])

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        try:
            with self._reached():
                answer = self._line.send(method, path, query, data)
        except AdminError as error:
            if error.status != NOT_FOUND or not error.detail.startswith(NO_OPERATION):
                raise
            who = f"{self.name} cannot do that: it is no `skylogin dev`, or an older one"
            raise TargetError(who) from error
        except ValueError:
            raise self._stranger(HTTPStatus.OK) from None
        # What is only done has no answer, but what is looked at has one.
        if not isinstance(answer, dict) and (method == "GET" or answer is not None):
            raise self._stranger(HTTPStatus.OK)
        return answer

    def _stranger(self, status: int) -> TargetError:
        return TargetError(
            f"{self.name} answers with status {int(status)}, and not as a skylogin does"
        )

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Raise TargetError where no skylogin answers in the block."""
        try:
            yield
        except ConnectionError as error:
            raise TargetError(str(error)) from error
        except AdminError as error:
            # A page is what others answer, or who stands between.
            if not error.detail or error.detail.startswith("<"):
                raise self._stranger(error.status) from None
            raise

    @contextmanager
    def _stream(
        self,
        kind: str,
        method: str,
        *parts: str,
        query: Mapping[str, object] | None = None,
        **more: Any,
    ) -> Iterator[HTTPResponse]:
        """Give what is of that *kind*. Raises TargetError where it is something else."""
        path, asked = path_of(*parts), query_of(query or {})
        with self._reached(), self._line.stream(method, path, asked, **more) as answer:
            if answer.headers.get_content_type() != kind:
                raise self._stranger(answer.status)
            yield answer

    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        parts = ("apps", self.app, "logins", "follow")
        with self._stream(EVENTS, "GET", *parts, query=query) as answer:
            for line in answer:
                name, _, value = line.partition(b": ")
                if name == b"data":
                    show(json.loads(value))
        raise TargetError(f"{self.name} has ended")

    def export(self, file: BinaryIO) -> int:
        lines = 0
        with output.progress("Exporting", "bytes") as progress:
            for chunk, size in self._exported():
                file.write(chunk)
                lines += chunk.count(b"\n")
                progress(file.tell(), size)
        # The first line tells what it is.
        return lines - 1

    def _exported(self) -> Iterator[tuple[bytes, int]]:
        """Give an export piece by piece, and its size.

        What goes wrong with the file that it is written to is none of the connection's faults.
        """
        parts, seconds = ("apps", self.app, "export"), TRANSFER_SECONDS_MAX
        with self._stream(CONTENT_TYPE, "GET", *parts, seconds=seconds) as answer:
            # Who stands between may leave it out.
            size = answer.length or 0
            while chunk := answer.read(CHUNK_BYTES):
                yield chunk, size
            if not answer.length:
                return
        raise TargetError(f"{self.name} has ended in the middle of an export")

    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = {"Content-Type": CONTENT_TYPE, "Content-Length": str(size)}
        query = {"existing": "replace" if replace else None}
        with output.progress("Importing", "bytes") as progress:
            body = _Watched(file, lambda done: progress(done, size))
            with self._stream(
                JSON,
                "POST",
                *("apps", self.app, "import"),
                query=query,
                headers=headers,
                body=body,
                seconds=TRANSFER_SECONDS_MAX,
            ) as answer:
                rows: dict[str, int] = json.loads(answer.read())["rows"]
                return rows


class _Watched:
    """A file that tells how much of it was read."""

    def __init__(self, file: BinaryIO, tell: Callable[[int], None]) -> None:
        self._file, self._tell = file, tell

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._tell(self._file.tell())
        return data
