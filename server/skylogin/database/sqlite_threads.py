"""SQLite's threads: each carries out a whole transaction in one go.

SQLite runs in this process, so going back and forth between its thread and the
event loop for every statement costs more than the statements. Work is the same
coroutine that PostgreSQL runs; here none of its steps has to wait, so it is run
from its beginning to its end without an event loop (docs/decisions/0002). Where
it waits not even for the disk, the event loop's own thread does it.
"""

import asyncio
import functools
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Engine, Executable
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from skylogin.database.sqlite_statements import DriverResult, Parameters, SqliteStatements

T = TypeVar("T")


class DirectConnection:
    """A connection whose statements are done when they return: nothing is awaited."""

    def __init__(
        self,
        connection: Connection,
        statements: SqliteStatements,
        writes: Counter[str] | None = None,
    ) -> None:
        self._connection = connection
        self._statements = statements
        # How often each table was written, by anybody; None where that is not known.
        self.writes = writes

    @property
    def dialect(self) -> Dialect:
        """Return the dialect, as SQLAlchemy's connections do."""
        return self._connection.dialect

    async def execute(
        self, statement: Executable, parameters: Parameters = None
    ) -> CursorResult[Any] | DriverResult:
        """Execute *statement* at once."""
        return self._statements.execute(self._connection, statement, parameters)


class SqliteThreads:
    """Does transactions, as many at once as there are *threads*."""

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._statements = SqliteStatements(engine.dialect)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="skylogin-sqlite")

    async def run(self, work: Callable[[DirectConnection], Coroutine[Any, Any, T]]) -> T:
        """Do *work* in a transaction and return what it returns, once that is committed."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._carry_out, work
        )

    async def run_directly(self, work: Callable[[Connection], T]) -> T:
        """Do *work*, which is no coroutine, in a transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, work)

    def _do(self, work: Callable[[Connection], T]) -> T:
        with self._engine.begin() as connection:
            return work(connection)

    def _carry_out(self, work: Callable[[DirectConnection], Coroutine[Any, Any, T]]) -> T:
        with self._engine.begin() as connection:
            return _finish(work(DirectConnection(connection, self._statements)))

    def close(self) -> None:
        """Wait for the transactions under way and close the connections."""
        self._threads.shutdown()
        self._engine.dispose()


class SqliteInline:
    """Does transactions one after the other, where they are asked for: nobody is woken.

    For a database that waits neither for the disk nor for another process.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._statements = SqliteStatements(engine.dialect)

    @functools.cached_property
    def _connection(self) -> Connection:
        """Return the connection: opened when first used, and kept."""
        return self._engine.connect()

    async def run(self, work: Callable[[DirectConnection], Coroutine[Any, Any, T]]) -> T:
        """Do *work* in a transaction and return what it returns, once that is committed."""
        statements = self._statements
        with self._transaction() as connection:
            return _finish(work(DirectConnection(connection, statements, statements.writes)))

    async def run_directly(self, work: Callable[[Connection], T]) -> T:
        """Do *work*, which is no coroutine, in a transaction."""
        with self._transaction() as connection:
            return work(connection)

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        connection = self._connection
        try:
            with connection.begin():
                yield connection
        except DBAPIError:
            # SQLite may go on with a transaction whose COMMIT fails. A pool would end it.
            connection.connection.rollback()
            raise

    def close(self) -> None:
        """Close the connection."""
        if "_connection" in self.__dict__:
            self._connection.close()
        self._engine.dispose()


def _finish(work: Coroutine[Any, Any, T]) -> T:
    """Run *work* to its end. It may await only what does not wait."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    work.close()
    raise RuntimeError("a transaction on SQLite may await nothing but its own statements")
