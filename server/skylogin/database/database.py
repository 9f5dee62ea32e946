"""The store: opens the database, begins transactions, does work again where that helps.

Transactions begin in `Store.run` and nowhere else. Whoever has work hands it
over, and it must be work that can be done twice.
"""

import asyncio
import functools
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from sqlalchemy import insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from skylogin.database import dialect, tables
from skylogin.database.sqlite_threads import DirectConnection, SqliteInline, SqliteThreads
from skylogin.database.transaction import FieldCache, Transaction
from skylogin.domain.user import Field
from skylogin.errors import UNABLE_TO_OPEN_DATABASE, RetryTransaction, SkygearError, database_busy

logger = logging.getLogger("skylogin.store")

T = TypeVar("T")
Work = Callable[[Transaction], Coroutine[Any, Any, T]]

TRIES_MAX = 8
# A query that takes long keeps the others waiting no more than that.
SQLITE_READERS = 4
ANALYZE_FIRST, ANALYZE_GROWTH = 20, 10
PAUSE_SECONDS = 0.01
PAUSE_SECONDS_MAX = 0.5


class OutcomeUnknownError(Exception):
    """The connection went away while committing: it may have happened or not."""

    def __init__(self) -> None:
        super().__init__("the commit got no answer")


class Store:
    """Where users are kept. Open it with `open_store`."""

    def __init__(self, url: str, *, durable: bool = True) -> None:
        self._url = url
        self._sqlite_writer: SqliteThreads | SqliteInline | None = None
        if url.startswith(dialect.SQLITE):
            engine = dialect.open_sqlite_writer(url, durable=durable)
            self._sqlite_writer = SqliteThreads(engine, 1) if durable else SqliteInline(engine)
        self._fields = FieldCache()
        self._users_added = 0
        self._analyze_at = ANALYZE_FIRST
        self._analyzing: asyncio.Task[None] | None = None

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return "postgresql" if self._sqlite_writer is None else "sqlite"

    @functools.cached_property
    def _engine(self) -> AsyncEngine:
        """Return the engine of PostgreSQL: opened when first used."""
        return dialect.open_postgresql(self._url)

    @functools.cached_property
    def _sqlite_readers(self) -> SqliteThreads | SqliteInline:
        if isinstance(self._sqlite_writer, SqliteInline):
            return self._sqlite_writer
        engine = dialect.open_sqlite_readers(self._url)
        return SqliteThreads(engine, SQLITE_READERS)

    async def _do(
        self, work: Work[T], *, write: bool, witness: Work[bool] | None, snapshot: bool
    ) -> T:
        """Do *work* in one transaction: the only place where one begins.

        Raises OutcomeUnknownError where the commit got no answer and *witness*
        does not see it in the database.
        """
        done: list[tuple[Transaction, T]] = []

        async def do(connection: AsyncConnection | DirectConnection) -> None:
            transaction = Transaction(connection, self._fields)
            result = await work(transaction)
            await transaction.finish()
            done.append((transaction, result))

        try:
            if self._sqlite_writer is None:
                await self._carry_out(do, write=write, snapshot=snapshot)
            else:
                threads = self._sqlite_writer if write else self._sqlite_readers
                await threads.run(do)
        except OutcomeUnknownError:
            if witness is None or not await self.run(witness, write=False):
                raise
        [(transaction, result)] = done
        self._fields.learn(transaction)
        self._count(transaction.users_added)
        for notice in transaction.on_commit:
            notice()
        return result

    async def _carry_out(
        self,
        do: Callable[[AsyncConnection], Coroutine[Any, Any, None]],
        *,
        write: bool,
        snapshot: bool,
    ) -> None:
        async with self._engine.connect() as connection:
            if write:
                await connection.begin()
                await do(connection)
                await _commit(connection)
                return
            # Each statement sees what is committed when it begins, in a transaction or
            # not; without one nobody waits for BEGIN and COMMIT. (SQLite's readers always
            # see one moment.)
            level = "REPEATABLE READ" if snapshot else "AUTOCOMMIT"
            await do(await connection.execution_options(isolation_level=level))

    def _count(self, users_added: int) -> None:
        """Have PostgreSQL look at the tables while they are young.

        It looks by itself only after a minute, and until then thinks that an app
        has few rows and walks them all.
        """
        self._users_added += users_added
        if self._users_added >= self._analyze_at and self.dialect == "postgresql":
            self._analyze_at *= ANALYZE_GROWTH
            self._analyzing = asyncio.create_task(self._analyze())

    async def _analyze(self) -> None:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("ANALYZE users, principals, records, auth_keys"))
                await connection.commit()
        except (DBAPIError, OSError) as error:
            logger.warning("the tables were not analyzed: %s", type(error).__name__)

    async def run(
        self,
        work: Work[T],
        *,
        write: bool = True,
        witness: Work[bool] | None = None,
        snapshot: bool = False,
    ) -> T:
        """Do *work* in a transaction and return what it returns, once that is committed.

        Work that only reads sees with *snapshot* what there was at one moment, however many
        statements it has.

        Work that lost a race, met a busy database or a lost connection is done
        again, with jitter, a few times. Where the commit got no answer, *witness*
        tells from the database whether it happened. Raises SkygearError where
        the database cannot be reached.
        """
        for attempt in range(TRIES_MAX):
            try:
                return await self._do(work, write=write, witness=witness, snapshot=snapshot)
            except (OutcomeUnknownError, RetryTransaction):
                pass
            except (DBAPIError, OSError, TimeoutError) as error:
                if not _worth_trying_again(error):
                    raise
                if attempt == TRIES_MAX - 1:
                    raise _unavailable(error) from error
            pause = min(PAUSE_SECONDS * 2**attempt, PAUSE_SECONDS_MAX)
            await asyncio.sleep(pause * random.random())
        raise database_busy()

    async def version(self) -> str | None:
        """Return the version of the schema in the database, None for an empty database."""
        try:
            if self._sqlite_writer is not None:
                return await self._sqlite_writer.run_directly(_read_version)
            async with self._engine.connect() as connection:
                return await connection.run_sync(_read_version)
        except DBAPIError as error:
            if dialect.is_lost(error) or dialect.is_unusable(error):
                raise
            return None

    async def create(self) -> None:
        """Make the tables in an empty database and mark its version.

        Two servers that start on one empty database are held apart by a lock on
        Alembic's version table; the second finds everything made.
        """

        def make(connection: Connection) -> None:
            if _read_version(connection) is None:
                tables.metadata.create_all(connection, checkfirst=False)
                values = {"version_num": tables.VERSION}
                connection.execute(insert(tables.alembic_version), values)

        await self.migrate(make)

    async def migrate(self, change: Callable[[Connection], None]) -> None:
        """Do *change* in a transaction that no other node migrates in."""
        make_version_table = tables.alembic_version.metadata.create_all
        if self._sqlite_writer is not None:

            def both(connection: Connection) -> None:
                # The one writer holds its lock from the beginning.
                make_version_table(connection)
                change(connection)

            for attempt in range(TRIES_MAX):
                try:
                    await self._sqlite_writer.run_directly(both)
                    return
                except DBAPIError as error:
                    # Going over to WAL does not wait for another who opens the file.
                    if attempt == TRIES_MAX - 1 or not dialect.is_retryable(error):
                        raise
                    await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        for attempt in range(TRIES_MAX):
            try:
                async with self._engine.begin() as connection:
                    await connection.run_sync(make_version_table)
                break
            except DBAPIError:
                # Two that make the table at once: the slower is told that it exists.
                if attempt == TRIES_MAX - 1:
                    raise
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        async with self._engine.begin() as connection:
            await dialect.lock_table(connection, tables.alembic_version)
            await connection.run_sync(change)

    def fields_of(self, app: str, record_type: str) -> Mapping[str, Field]:
        """Return the fields of *record_type* that committed transactions have met."""
        return self._fields.of(app, record_type) or {}

    async def close(self) -> None:
        """Close every connection: an engine left open keeps the process from ending."""
        if self._analyzing is not None:
            await self._analyzing
        if self._sqlite_writer is not None:
            self._sqlite_writer.close()
        if "_sqlite_readers" in self.__dict__:
            self._sqlite_readers.close()
        if "_engine" in self.__dict__:
            await self._engine.dispose()


def open_store(url: str, *, durable: bool = True) -> Store:
    """Return the store at *url*; nothing is connected to yet.

    SQLite that need not be *durable* does not wait for the disk, and is nobody else's: its
    transactions run in the thread of the caller.
    """
    return Store(url, durable=durable)


def _read_version(connection: Connection) -> str | None:
    version: str | None = connection.execute(select(tables.alembic_version)).scalar()
    return version


async def _commit(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    except (DBAPIError, OSError) as error:
        if dialect.is_lost(error):
            raise OutcomeUnknownError from error
        raise


def _worth_trying_again(error: BaseException) -> bool:
    if isinstance(error, DBAPIError):
        return dialect.is_retryable(error)
    return dialect.is_lost(error)


def _unavailable(error: BaseException) -> Exception:
    if isinstance(error, DBAPIError) and not dialect.is_lost(error):
        return database_busy()
    message = "unable to open the database"
    explanation = f"the database cannot be reached: {type(error).__name__}"
    return SkygearError(UNABLE_TO_OPEN_DATABASE, message, explanation=explanation)
