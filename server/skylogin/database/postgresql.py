"""Engines on PostgreSQL, with or without a pooler in front of it.

A pooler may give each transaction another connection to the server. So behind one, what
belongs to a connection is set for each transaction, and no statement has a name. Without one,
both would only cost time.
"""

import asyncio
import functools
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skylogin.database.failures import UnusableDatabaseError
from skylogin.domain.database_url import PostgresqlUrl
from skylogin.encoding import json_text

if TYPE_CHECKING:
    from asyncpg import Connection as DriverConnection

CONNECTIONS_MAX = 10
# Each takes one of the pooler's twenty, in its session mode.
CONNECTIONS_MAX_POOLED = 5
# Of these, queries take at most so many.
QUERIES_MAX, QUERIES_MAX_POOLED = 5, 2
STATEMENTS_MAX = 100
NOTHING_SET = "SELECT 0"
# For times in JSON; this does not affect the others.
_ALWAYS = {"timezone": "UTC"}
_SETTINGS = {
    # Compiling our small statements costs more than running them.
    "jit": "off",
    # A plan made while the tables were empty would be kept as they fill.
    "plan_cache_mode": "force_custom_plan",
    # Every statement of a login looks rows up by whole keys; scanning a table
    # for a few dozen of them only looks cheap to the planner.
    "random_page_cost": "1",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}


class PoolerFoundError(Exception):
    """A pooler is in front of the server."""


def open_engine(url: PostgresqlUrl, *, is_pooled: bool) -> AsyncEngine:
    """Return an engine for *url*. Unless it *is_pooled*, a pooler raises PoolerFoundError."""
    arguments: dict[str, object] = {
        "async_creator_fn": functools.partial(_connect, url, is_pooled=is_pooled)
    }
    if is_pooled:
        arguments["prepared_statement_cache_size"] = 0
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args=arguments,
        json_serializer=json_text.write_stored,
        json_deserializer=json_text.read_stored,
        pool_size=CONNECTIONS_MAX_POOLED if is_pooled else CONNECTIONS_MAX,
        max_overflow=0,
    )
    if is_pooled:
        statement = _setting_statement(url, is_local=True)

        @event.listens_for(engine.sync_engine, "begin")
        def set_up(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

    return engine


def _setting_statement(url: PostgresqlUrl, *, is_local: bool) -> str:
    """Return the statement that sets everything for a transaction, or else for a connection."""
    settings = {**_SETTINGS, **url.settings, **_ALWAYS}
    rows = ", ".join(f"({_quoted(name)}, {_quoted(text)})" for name, text in settings.items())
    return (
        f"SELECT set_config(name, value, {is_local}) FROM (VALUES {rows}) AS settings (name, value)"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


async def _connect(url: PostgresqlUrl, *, is_pooled: bool) -> "DriverConnection":
    """Return a new connection. Raises UnusableDatabaseError, OSError or PoolerFoundError."""
    # asyncpg is on the start-up list: a server on embedded SQLite never imports it.
    import asyncpg  # noqa: PLC0415

    connect: Callable[..., Awaitable[DriverConnection]] = asyncpg.connect
    try:
        async with asyncio.timeout(url.connect_seconds):
            connection = await connect(
                f"postgresql:///?{urlencode(_driver_parameters(url))}",
                host=list(url.hosts) or None,
                port=list(url.ports) or None,
                user=url.user,
                password=url.password,
                database=url.database,
                # A statement without a name cannot meet another client's.
                statement_cache_size=0 if is_pooled else STATEMENTS_MAX,
                server_settings=_startup_settings(url),
            )
            try:
                await _set_up(connection, url, is_pooled=is_pooled)
            except BaseException:
                connection.terminate()
                raise
    except TimeoutError:
        text = f"no answer from {url.address} within {url.connect_seconds} s"
        raise TimeoutError(text) from None
    except OSError as error:
        raise ConnectionError(f"{url.address}: {_cause(error)}") from None
    except asyncpg.PostgresError as error:
        raise UnusableDatabaseError(_first_line(error), error.sqlstate or "") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        raise UnusableDatabaseError(_first_line(error)) from error
    return connection


def _cause(error: OSError) -> str:
    if error.errno is None or isinstance(error, socket.gaierror | ssl.SSLError):
        return error.strerror or str(error)
    # The event loops word it differently.
    return os.strerror(error.errno)


def _driver_parameters(url: PostgresqlUrl) -> dict[str, str]:
    parameters = dict(url.driver_parameters)
    parameters.pop("options", None)
    if parameters.get("sslrootcert") == "system":
        paths = ssl.get_default_verify_paths()
        parameters["sslrootcert"] = paths.cafile or paths.openssl_cafile
        parameters.setdefault("sslmode", "verify-full")
    for name in ("sslrootcert", "sslcert", "sslkey", "sslcrl"):
        # The driver's error does not name the file.
        if name in parameters and not os.path.isfile(parameters[name]):
            raise UnusableDatabaseError(f"{name} {parameters[name]} is not a file")
    return parameters


def _startup_settings(url: PostgresqlUrl) -> dict[str, str]:
    """Return what only the first message to the server can say: nothing, for most."""
    options = url.driver_parameters.get("options")
    return {"options": options} if options else {}


async def _set_up(connection: "DriverConnection", url: PostgresqlUrl, *, is_pooled: bool) -> None:
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise UnusableDatabaseError(
            f"its encoding is {encoding}, and it has to be UTF8: create another database with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    if is_pooled:
        return
    statement = _setting_statement(url, is_local=False)
    if url.has_pooler is None:
        # A pooler gives its clients other process ids than the server's. Settings of its
        # connection would stay on it for its other clients.
        statement += f" WHERE pg_backend_pid() = {connection.get_server_pid()}"
    if await connection.execute(statement) == NOTHING_SET:
        raise PoolerFoundError


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
