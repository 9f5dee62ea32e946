"""What the errors of the databases' drivers mean."""

import asyncio
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError

from skylogin.errors import UNABLE_TO_OPEN_DATABASE, Reason, SkygearError

# PostgreSQL's SQLSTATE codes, whole or only their beginning.
_LOST = "08"
_UNIQUE_VIOLATION = "23505"
_READ_ONLY = "25006"
_CANCELLED = "57014"
# Serialization failure, deadlock and lock not available.
_RETRYABLE_STATES = ("40001", "40P01", "55P03")
# Too many connections, and shutdown, crash and start of the server.
_PASSING_STATES = (_LOST, "53300", _READ_ONLY, "57P01", "57P02", "57P03")
_UNAVAILABLE_STATES = (
    *_PASSING_STATES,
    "28",  # authentication failed
    "3D",  # the database does not exist
    "3F",  # the schema does not exist
    "42501",  # no rights
    "42P01",  # a table is gone: the database was emptied
    "53",  # a full disk, no memory
    "55000",  # the database takes no connections
    "57",  # stopped by an operator or a time limit
    "58",  # a failure of the operating system
    "F0",  # the configuration
    "XX001",  # a damaged table
    "XX002",  # a damaged index
)

# SQLite: the last byte of an error's code is its class.
_CLASS = 0xFF
_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_SQLITE_UNAVAILABLE = (
    *_SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
)
_SQLITE_UNIQUE = (
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    sqlite3.SQLITE_CONSTRAINT_ROWID,
    sqlite3.SQLITE_CONSTRAINT_UNIQUE,
)


class UnusableDatabaseError(Exception):
    """The database cannot be used. The text says why, in one line without a password."""

    def __init__(self, text: str, sqlstate: str = "") -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


def is_conflict(error: BaseException) -> bool:
    """Return whether a unique key was taken meanwhile; a retry finds it."""
    return _sqlstate(error) == _UNIQUE_VIOLATION or _sqlite_code(error) in _SQLITE_UNIQUE


def is_read_only(error: BaseException) -> bool:
    """Return whether the server only reads. After a failover, a new connection may write."""
    return _sqlstate(error) == _READ_ONLY


def is_retryable(error: BaseException) -> bool:
    """Return whether a retry of the transaction may succeed."""
    if is_conflict(error) or is_lost(error) or _is_busy(error):
        return True
    return _sqlstate(error).startswith((*_RETRYABLE_STATES, *_PASSING_STATES))


def is_lost(error: BaseException) -> bool:
    """Return whether the connection to the database was lost."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if _sqlstate(error).startswith(_LOST):
        return True
    return isinstance(error, OSError | asyncio.TimeoutError)


def is_too_long(error: BaseException) -> bool:
    """Return whether PostgreSQL ended the statement: at a time limit, or asked by an operator."""
    return _sqlstate(error) == _CANCELLED


def is_unavailable(error: BaseException) -> bool:
    """Return whether the database itself is the cause, not the statement."""
    if isinstance(error, UnusableDatabaseError) or is_lost(error):
        return True
    if _sqlite_code(error) & _CLASS in _SQLITE_UNAVAILABLE:
        return True
    return _sqlstate(error).startswith(_UNAVAILABLE_STATES)


def is_hopeless(error: BaseException) -> bool:
    """Return whether the database will not be available soon either."""
    return is_unavailable(error) and not is_retryable(error)


def unavailable(error: BaseException) -> SkygearError:
    """Return the refusal of a call whose database is not available."""
    return SkygearError(
        UNABLE_TO_OPEN_DATABASE,
        "unable to open the database",
        reason=Reason.DATABASE_UNAVAILABLE,
        explanation=f"the database cannot be used: {in_one_line(error)}",
    )


def in_one_line(error: BaseException) -> str:
    """Return what *error* says: a driver's further lines may contain values of rows."""
    *_, cause = _chain(error)
    first_line = (str(cause).splitlines() or [""])[0]
    if first_line and is_unavailable(error):
        return first_line
    return f"{type(cause).__name__}: {first_line}" if first_line else type(cause).__name__


def _is_busy(error: BaseException) -> bool:
    return _sqlite_code(error) & _CLASS in _SQLITE_BUSY


def _sqlstate(error: BaseException) -> str:
    return next((text for one in _chain(error) if (text := getattr(one, "sqlstate", ""))), "")


def _sqlite_code(error: BaseException) -> int:
    codes = (getattr(one, "sqlite_errorcode", 0) for one in _chain(error))
    return next((code for code in codes if code), 0)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield *error*, the driver's error that SQLAlchemy wrapped in it, and the cause of that."""
    yield error
    if isinstance(error, DBAPIError) and error.orig is not None:
        yield error.orig
        if error.orig.__cause__ is not None:
            yield error.orig.__cause__
