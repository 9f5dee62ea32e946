"""Engines on PostgreSQL, with or without a pooler in front of it.

A pooler may give each transaction another connection to the server. So behind a pooler, each
transaction makes its settings again, and statements have no names. Without a pooler, both would
only cost time.
"""

import asyncio
import functools
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from skylogin.database import engines
from skylogin.database.failures import UnusableDatabaseError
from skylogin.domain.database_url import PostgresqlUrl
from skylogin.errors import cause_of

if TYPE_CHECKING:
    from asyncpg import Connection as DriverConnection

# Queries of clients have connections of their own. In a pooler's session mode, each
# connection takes one of its twenty.
CONNECTIONS_MAX, CONNECTIONS_MAX_POOLED = 6, 3
QUERIES_MAX, QUERIES_MAX_POOLED = 4, 2
STATEMENTS_MAX = 100
NOTHING_SET = "SELECT 0"
# Only times in JSON depend on it.
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
    # A statement ends when its client is gone, even if the client was killed.
    "client_connection_check_interval": "10s",
}
# Servers refuse settings that they do not know or cannot apply, and the original's database may
# be on any version since 9.6.
_KNOWN = (
    "CASE name WHEN 'client_connection_check_interval' THEN "
    "current_setting('server_version_num')::int >= 140000 AND version() LIKE '%linux%' "
    "WHEN 'jit' THEN current_setting('server_version_num')::int >= 110000 "
    "WHEN 'plan_cache_mode' THEN current_setting('server_version_num')::int >= 120000 "
    "ELSE true END"
)


class PoolerFoundError(Exception):
    """A pooler is in front of the server."""


def open_engine(url: PostgresqlUrl, *, is_pooled: bool) -> AsyncEngine:
    """Return an engine for *url*. Unless *is_pooled*, a pooler raises PoolerFoundError."""
    size = CONNECTIONS_MAX_POOLED if is_pooled else CONNECTIONS_MAX
    return _open(url, _SETTINGS, size, is_pooled=is_pooled)


def open_query_engine(url: PostgresqlUrl, *, is_pooled: bool, seconds: int) -> AsyncEngine:
    """Return an engine like that of `open_engine` whose statements end after *seconds*, 0: never.

    The caller's own time limit ends them first, unless this process hangs or is killed.
    """
    size = QUERIES_MAX_POOLED if is_pooled else QUERIES_MAX
    settings = {**_SETTINGS, "statement_timeout": f"{seconds}s"}
    return _open(url, settings, size, is_pooled=is_pooled)


def _open(
    url: PostgresqlUrl, settings: Mapping[str, str], size: int, *, is_pooled: bool
) -> AsyncEngine:
    settings = {**settings, **url.settings, **_ALWAYS}
    arguments: dict[str, object] = {
        "async_creator_fn": functools.partial(_connect, url, settings, is_pooled=is_pooled)
    }
    if is_pooled:
        arguments["prepared_statement_cache_size"] = 0
    engine = create_async_engine(
        "postgresql+asyncpg://",
        **engines.OPTIONS,
        connect_args=arguments,
        pool_size=size,
    )
    if is_pooled:
        statement = _setting_statement(settings, is_local=True)

        @event.listens_for(engine.sync_engine, "begin")
        def set_up(connection: Connection) -> None:
            connection.exec_driver_sql(statement)

    return engine


def _setting_statement(settings: Mapping[str, str], *, is_local: bool) -> str:
    """Return the statement that sets everything for a transaction, or else for a connection."""
    rows = ", ".join(f"({_quoted(name)}, {_quoted(text)})" for name, text in settings.items())
    return (
        f"SELECT set_config(name, value, {is_local}) FROM (VALUES {rows}) AS settings (name, value)"
        f" WHERE ({_KNOWN})"
    )


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{escaped}'"


async def _connect(
    url: PostgresqlUrl, settings: Mapping[str, str], *, is_pooled: bool
) -> "DriverConnection":
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
                # A statement without a name cannot collide with one of another client.
                statement_cache_size=0 if is_pooled else STATEMENTS_MAX,
                server_settings=_startup_settings(url),
            )
            try:
                await _set_up(connection, url, settings, is_pooled=is_pooled)
            except BaseException:
                connection.terminate()
                raise
    except TimeoutError:
        text = f"no answer from {url.address} within {url.connect_seconds} s"
        raise TimeoutError(text) from None
    except OSError as error:
        raise ConnectionError(f"{url.address}: {cause_of(error)}") from None
    except asyncpg.PostgresError as error:
        raise UnusableDatabaseError(_first_line(error), error.sqlstate or "") from error
    except (asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        raise UnusableDatabaseError(_first_line(error)) from error
    return connection


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
    """Return the settings that only the first message to the server can carry, mostly none."""
    options = url.driver_parameters.get("options")
    return {"options": options} if options else {}


async def _set_up(
    connection: "DriverConnection",
    url: PostgresqlUrl,
    settings: Mapping[str, str],
    *,
    is_pooled: bool,
) -> None:
    encoding = connection.get_settings().server_encoding
    if encoding != "UTF8":
        raise UnusableDatabaseError(
            f"its encoding is {encoding}, and it has to be UTF8: create another database with "
            "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
        )
    if is_pooled:
        return
    statement = _setting_statement(settings, is_local=False)
    if url.has_pooler is None:
        # The process ids that a pooler gives its clients are not the server's. Then nothing is set,
        # because the settings would stay on the pooler's connection for its other clients.
        statement += f" AND pg_backend_pid() = {connection.get_server_pid()}"
    if await connection.execute(statement) == NOTHING_SET:
        raise PoolerFoundError


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
