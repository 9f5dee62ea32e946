"""The sockets that a server listens on."""

import asyncio
import errno
import functools
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Awaitable, Callable

from skylogin import config
from skylogin.config import DEV, ConfigurationError, Settings
from skylogin.domain import hosts

logger = logging.getLogger("skylogin.web")

EVERY_ADDRESS = ""
TLS_SECONDS_MAX = 10.0
# The system may have a lower bound.
CONNECTIONS_WAITING = 4096


async def listen(
    make_protocol: Callable[[], asyncio.Protocol],
    where: tuple[str, int] | socket.socket,
    backlog: int,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """Listen on a host and port, or on a socket that listens already.

    An empty host means every address of the machine, and so does `::`, as in Go. At most
    *backlog* connections are accepted at once. Raises ConfigurationError if that is not possible.
    """
    create = functools.partial(
        asyncio.get_running_loop().create_server,
        make_protocol,
        backlog=backlog,
        ssl=tls,
        ssl_handshake_timeout=tls and TLS_SECONDS_MAX,
        ssl_shutdown_timeout=tls and TLS_SECONDS_MAX,
    )
    try:
        server = await _listen(create, where)
        _let_wait(server)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError([problem_with(where, error)]) from error
    return server


def _let_wait(server: asyncio.Server) -> None:
    """Let more connections wait than are accepted at once: a refused one is slow to try again."""
    for one in server.sockets:
        with socket.socket(fileno=os.dup(one.fileno())) as same:
            same.listen(CONNECTIONS_WAITING)


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket for several processes. Raises ConfigurationError.

    If *host* is a name with several addresses, the first is used, of IPv4 if possible.
    """
    try:
        if _is_every_address(host) and socket.has_dualstack_ipv6():
            return _bind_every_address(port)
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, _, _, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError([problem_with((host, port), error)]) from error


def _bind_every_address(port: int) -> socket.socket:
    return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)


async def _listen(
    create: Callable[..., Awaitable[asyncio.Server]], where: tuple[str, int] | socket.socket
) -> asyncio.Server:
    if isinstance(where, socket.socket):
        return await create(sock=where)
    host, port = where
    if _is_every_address(host) and socket.has_dualstack_ipv6():
        # asyncio would listen on IPv6 alone for `::`, else on two ports if *port* is 0.
        return await create(sock=_bind_every_address(port))
    return await create(host=host or None, port=port)


def check_reach(settings: Settings) -> None:
    """Warn if `skylogin dev` listens beyond loopback.

    Raises ConfigurationError if `reach_problem` finds that it must not.
    """
    problem = reach_problem(settings)
    if problem:
        raise ConfigurationError([problem])
    host, _ = settings.address()
    if settings.mode != DEV or hosts.is_loopback(host):
        return
    logger.warning(
        "skylogin dev listens on %r, beyond loopback: anyone who reaches it can open the "
        "portal, without a password, and change all apps",
        host,
    )


def reach_problem(settings: Settings) -> str:
    """Return why a `skylogin dev` must not listen beyond loopback, empty if it may or does not."""
    host, port = settings.address()
    if settings.mode != DEV or hosts.is_loopback(host):
        return ""
    if not settings.has_default_master_key or settings.default_key_on_network:
        return ""
    try:
        _try_address(host)
    except (OSError, UnicodeError) as error:
        # The server cannot listen there at all.
        return problem_with((host, port), error)
    return (
        f"HOST is {host!r}, beyond loopback, and MASTER_KEY is a default key, which is public: "
        "set MASTER_KEY, or SKYLOGIN_DEFAULT_KEY_ON_NETWORK=yes on a network that you trust"
    )


def _try_address(host: str) -> None:
    """Raise OSError or UnicodeError if *host* is not an address of this machine."""
    found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.bind(address)


def url_of(server: asyncio.Server, scheme: str) -> tuple[str, int]:
    """Return the URL and the port at which this machine reaches *server*."""
    # Prefer IPv4 if the server listens on both: every machine has it.
    addresses = [listening.getsockname()[:2] for listening in server.sockets]
    host, port = min(addresses, key=lambda address: ":" in address[0])
    if _is_every_address(host) and socket.has_dualstack_ipv6():
        host = EVERY_ADDRESS
    return config.url_of(host, port, scheme), port


def problem_with(where: tuple[str, int] | socket.socket, error: OSError | UnicodeError) -> str:
    """Return the message for an address on which the server cannot listen."""
    if isinstance(where, socket.socket):
        return f"cannot listen on the socket that it was given: {error}"
    host, port = where
    if (
        isinstance(error, UnicodeError | socket.gaierror)
        # From Python 3.12 on, asyncio's own error for the same has no number.
        or error.errno in (None, errno.EADDRNOTAVAIL)
    ):
        # Conda, for one, sets HOST to the machine's platform.
        return f"HOST is {host!r}, which is not an address of this machine"
    shown = f"[{host}]" if ":" in host else host or "*"
    return f"cannot listen on {shown}:{port}: {error.strerror or error}"


def _is_every_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host or "::")
    except ValueError:
        return False
    # 0.0.0.0 means IPv4 only: it is the way to turn IPv6 off.
    return address.version == 6 and address.is_unspecified  # noqa: PLR2004
