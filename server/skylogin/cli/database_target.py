"""The apps of a database as a command's target."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from skylogin.admin import in_process
from skylogin.cli import output
from skylogin.cli.target import Json, Target, TargetError
from skylogin.client.admin_api import Query, path_of, query_of
from skylogin.client.errors import AdminError
from skylogin.config import SQLITE_PREFIX, Settings
from skylogin.database import Store, failures, tables
from skylogin.errors import database_trouble
from skylogin.operations import exports
from skylogin.operations.operator import Operator, RefusedError
from skylogin.web import database_setup

T = TypeVar("T")


class DatabaseTarget(Target):
    """The apps of a database, which is opened at the first use.

    *given_database* is the URL of the option --database, if it was used.
    """

    def __init__(
        self, settings: Settings, app: str = "", given_database: str | None = None
    ) -> None:
        self.settings = settings
        self.given_database = given_database
        self._url = settings.database_url or settings.embedded_url
        super().__init__(self._url, app)
        self._runner = asyncio.Runner()
        self._store: Store | None = None

    def __exit__(self, *error: object) -> None:
        if self._store is not None:
            self._runner.run(self._store.close())
        self._runner.close()

    @property
    def app(self) -> str:
        return self.given_app or self.settings.app_name

    @property
    def path(self) -> Path | None:
        """Return the file of an SQLite database, None on PostgreSQL."""
        path = self._url.removeprefix(SQLITE_PREFIX)
        return None if path == self._url else Path(path)

    def exists(self) -> bool:
        """Return whether the database may exist, without opening it."""
        return self.path is None or self.path.is_file()

    def run(self, work: Callable[[Operator], Coroutine[Any, Any, T]]) -> T:
        """Run *work* on the database. Raises TargetError if the database cannot be used."""

        async def run() -> T:
            return await work(await self._operator())

        try:
            return self._runner.run(run())
        except (AdminError, BrokenPipeError, RefusedError):
            raise
        except Exception as error:
            if self._store is None:
                raise TargetError(database_setup.cannot_open(error)) from error
            text = f"the database failed: {failures.in_one_line(error)}"
            raise TargetError(database_trouble(error) or text) from error

    async def _operator(self) -> Operator:
        if self._store is None:
            if not self.exists():
                raise TargetError(f"the database {self.path} does not exist: start a server first")
            store = Store(self._url)
            try:
                await self._check(store)
            except BaseException:
                await store.close()
                raise
            self._store = store
        return Operator(self._store, self.settings)

    async def _check(self, store: Store) -> None:
        """Raise TargetError unless the database can be used."""
        check_version(await store.version())

    def send(self, method: str, path: str, query: Query, data: bytes | None) -> Any:
        return self.run(lambda operator: in_process.ask(operator, method, path, query, data))

    def follow(self, show: Callable[[Json], None], **query: object) -> None:
        path = path_of("apps", self.app, "logins", "follow")

        # A single run of the event loop: Ctrl-C could get lost between two.
        async def follow(operator: Operator) -> None:
            async with aclosing(in_process.follow(operator, path, query_of(query))) as attempts:
                async for attempt in attempts:
                    show(attempt)

        self.run(follow)

    def export(self, file: BinaryIO) -> int:
        async def export(operator: Operator) -> int:
            await operator.check_app(self.app)
            with output.progress("Exporting", "rows") as progress:
                return await exports.export(operator, self.app, file, progress)

        return self.run(export)

    def load(self, file: BinaryIO, *, replace: bool) -> dict[str, int]:
        async def load(operator: Operator) -> dict[str, int]:
            await operator.check_app(self.app)
            with output.progress("Importing", "bytes") as progress:
                return await exports.load(
                    operator, self.app, file, replace=replace, progress=progress
                )

        return self.run(load)


def check_version(version: str | None) -> None:
    """Raise TargetError unless *version* is that of this skylogin."""
    if version is None:
        raise TargetError("the database is empty: start a server first")
    if version != tables.VERSION:
        raise TargetError(database_setup.other_version(version))
