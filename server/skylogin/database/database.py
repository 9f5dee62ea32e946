"""The store: opens the database, runs transactions, and retries them if that may help.

Transactions begin in `Store.run` and nowhere else. Callers pass a coroutine function,
which may run more than once.
"""

import asyncio
import functools
import logging
import random
from collections.abc import Callable, Coroutine, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from sqlalchemy import insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection

from skylogin.clock import monotonic
from skylogin.database import engines, failures, tables, version_table
from skylogin.database.failures import UnusableDatabaseError
from skylogin.database.pools import Pools
from skylogin.database.queries import Queries
from skylogin.database.sqlite_file import SqliteFile
from skylogin.database.tasks import Tasks
from skylogin.database.transaction import FieldCache, Transaction
from skylogin.domain.user import Field
from skylogin.errors import RetryTransaction, database_busy, took_too_long
from skylogin.metrics import Metrics

if TYPE_CHECKING:
    from skylogin.traces import Traces

logger = logging.getLogger("skylogin.store")

T = TypeVar("T")
Work = Callable[[Transaction], Coroutine[Any, Any, T]]

TRIES_MAX = 8
ANALYZE_FIRST, ANALYZE_GROWTH = 20, 10
PAUSE_SECONDS = 0.01
PAUSE_SECONDS_MAX = 0.5
# No retry begins later. Each may itself wait ten seconds for another process.
RETRY_SECONDS_MAX = 5


class OutcomeUnknownError(Exception):
    """The connection was lost during the commit, which may or may not have happened."""

    def __init__(self) -> None:
        super().__init__("the commit was not answered")


class _Job(NamedTuple, Generic[T]):
    """The arguments of `Store.run`."""

    work: Work[T]
    write: bool
    was_committed: Work[bool] | None = None
    snapshot: bool = False
    is_query: bool = False


class Store:
    """The database of users at a URL, not connected until it is used.

    Commits to an SQLite database that is not *durable* do not wait for the disk. PostgreSQL
    itself ends the statements of queries after *query_seconds*, 0 for never. With
    *has_test_clocks*, times are not compared with the database's clock. *metrics* are those of
    the server.
    """

    def __init__(
        self,
        url: str,
        *,
        durable: bool = True,
        query_seconds: int = 0,
        has_test_clocks: bool = False,
        metrics: Metrics | None = None,
    ) -> None:
        self.metrics = metrics or Metrics()
        # None unless the server sends traces.
        self.traces: Traces | None = None
        self._has_test_clocks = has_test_clocks
        self._pools = Pools(url, durable=durable, query_seconds=query_seconds)
        self.metrics.in_use.follow(lambda: self._pools.in_use)
        self.metrics.waiting.follow(lambda: self._pools.waiting)
        self.metrics.unavailable.follow(lambda: self.times_unavailable)
        self._fields = FieldCache()
        self._tasks = Tasks(self._pools.interrupt)
        self._is_closed = False
        # How many calls were refused because the database cannot be used.
        self.times_unavailable = 0
        self._users_added = 0
        self._analyze_at = ANALYZE_FIRST

    @property
    def dialect(self) -> str:
        """Return `sqlite` or `postgresql`."""
        return self._pools.dialect

    @property
    def file(self) -> SqliteFile | None:
        """Return the file, None on PostgreSQL."""
        return self._pools.file

    @functools.cached_property
    def _queries(self) -> Queries:
        """Return the queries. They are made late: their limit depends on the first connection."""
        return Queries(self._pools.queries_max)

    def end_queries(self) -> None:
        """End the queries that run, and refuse others. Logins go on."""
        for task in self._queries.close():
            self._tasks.cancel(task)

    def give_up(self) -> None:
        """End every transaction, because the server stops. Later ones have a short time."""
        self._tasks.give_up()

    async def run(
        self,
        work: Work[T],
        *,
        write: bool = True,
        was_committed: Work[bool] | None = None,
        snapshot: bool = False,
        is_query: bool = False,
    ) -> T:
        """Run *work* in a transaction, commit, and return its result.

        With *snapshot*, all statements of a read see the same state of the database. A read
        that *is_query* may be slow: few run at once, and `end_queries` ends them.

        A transaction that hit a conflict, a busy database or a lost connection is retried
        a few times, with jitter. If the commit was not answered, *was_committed* finds out
        from the database whether it happened. A caller that is cancelled leaves at once: a
        write runs to its end, but is not retried, and a read ends with its statement.
        Raises SkygearError if the database cannot be reached.
        """
        if self._is_closed:
            raise RuntimeError("the store is closed")
        retry = functools.partial(self._retry, _Job(work, write, was_committed, snapshot, is_query))
        begin = functools.partial(self._queries.run, retry) if is_query else retry
        return await self._tasks.run(begin, must_finish=write)

    async def _retry(self, job: _Job[T]) -> T:
        deadline = monotonic() + RETRY_SECONDS_MAX
        for attempt in range(TRIES_MAX):
            try:
                return await self._transact(job)
            except (OutcomeUnknownError, RetryTransaction):
                pass
            except PoolTimeoutError as error:
                raise database_busy() from error
            except (DBAPIError, UnusableDatabaseError, OSError, TimeoutError) as error:
                if job.is_query and failures.is_too_long(error):
                    raise took_too_long("the database ended the query at its limit") from error
                may_retry = attempt < TRIES_MAX - 1 and monotonic() < deadline
                if not (may_retry and failures.is_retryable(error)):
                    if failures.is_unavailable(error):
                        self.times_unavailable += 1
                        raise failures.unavailable(error) from error
                    if failures.is_retryable(error):
                        raise database_busy() from error
                    raise
            if self._is_closed or self._tasks.is_abandoned():
                break
            self.metrics.retries.add()
            pause = min(PAUSE_SECONDS * 2**attempt, PAUSE_SECONDS_MAX)
            await asyncio.sleep(pause * random.random())
        raise database_busy()

    async def _transact(self, job: _Job[T]) -> T:
        """Run the work in one transaction: the only place where one begins.

        Raises OutcomeUnknownError if the commit was not answered and `was_committed`
        does not find it in the database.
        """
        done: list[tuple[Transaction, T]] = []
        try:
            async with self._pools.connect(write=job.write, is_query=job.is_query) as connection:
                if not job.write:
                    await engines.begin_reading(
                        connection, snapshot=job.snapshot, is_pooled=self._pools.is_pooled
                    )
                transaction = Transaction(
                    connection, self._fields, has_test_clocks=self._has_test_clocks
                )
                result = await job.work(transaction)
                await transaction.finish()
                done.append((transaction, result))
                if job.write:
                    began = monotonic()
                    with self.traces.commit() if self.traces else nullcontext():
                        await _commit(connection)
                    self.metrics.commits.observe(monotonic() - began)
        except OutcomeUnknownError:
            check = job.was_committed
            if check is None or not await self._retry(_Job(check, write=False)):
                raise
        [(transaction, result)] = done
        self._fields.learn(transaction)
        self._analyze_if_grown(transaction.users_added)
        for notice in transaction.on_commit:
            notice()
        return result

    def _analyze_if_grown(self, users_added: int) -> None:
        """Let PostgreSQL analyze the tables early as they grow.

        On its own, it does so only after a minute, and until then assumes that an app
        has few rows and scans them all.
        """
        self._users_added += users_added
        if self._users_added >= self._analyze_at and self.dialect == "postgresql":
            self._analyze_at *= ANALYZE_GROWTH
            self._tasks.start(self._analyze())

    async def _analyze(self) -> None:
        try:
            async with self._pools.connect() as connection, connection.begin():
                await connection.execute(text("ANALYZE users, principals, records, auth_keys"))
        except (SQLAlchemyError, OSError) as error:
            logger.warning("the tables were not analyzed: %s", type(error).__name__)

    async def version(self) -> str | None:
        """Return the version of the schema in the database, None for an empty database.

        Raises ForeignDatabaseError.
        """
        async with self._pools.connect() as connection:
            return await connection.run_sync(version_table.read)

    async def create(self) -> None:
        """Create the tables in an empty database and store its version.

        If two servers start on an empty database, the second waits for a lock and then
        finds the tables.
        """

        def make(connection: Connection) -> None:
            if version_table.read(connection) is None:
                tables.metadata.create_all(connection, checkfirst=False)
                values = {"version_num": tables.VERSION}
                connection.execute(insert(version_table.version_table), values)

        await self.migrate(make)

    async def migrate(self, change: Callable[[Connection], None]) -> None:
        """Run *change* in a transaction while no other node migrates.

        Raises ForeignDatabaseError.
        """
        deadline = monotonic() + RETRY_SECONDS_MAX
        for attempt in range(TRIES_MAX):
            try:
                async with self._pools.connect() as connection, connection.begin():
                    await connection.run_sync(version_table.make)
                break
            except DBAPIError as error:
                # PostgreSQL: if two nodes make the table at once, one fails. SQLite:
                # switching to WAL does not wait for another process that opens the file.
                may_retry = attempt < TRIES_MAX - 1 and monotonic() < deadline
                if failures.is_hopeless(error) or not may_retry:
                    raise
                await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        async with self._pools.connect() as connection, connection.begin():
            await engines.lock_table(connection, version_table.version_table)
            await connection.run_sync(change)

    def fields_of(self, app: str, record_type: str) -> Mapping[str, Field]:
        """Return the fields of *record_type* known from committed transactions."""
        return self._fields.of(app, record_type) or {}

    async def close(self) -> None:
        """End queries, give other transactions time to end, and close every connection."""
        self._is_closed = True
        self.end_queries()
        try:
            await self._tasks.close()
        finally:
            await self._pools.dispose()


async def _commit(connection: AsyncConnection) -> None:
    try:
        await connection.commit()
    except (DBAPIError, OSError) as error:
        # SQLite may leave the transaction open, and the pool does not roll it back.
        await connection.invalidate()
        if failures.is_lost(error):
            raise OutcomeUnknownError from error
        raise
