"""Run as a service of systemd: listen on its socket, and tell it the state of the server.

See sd_notify(3) and sd_listen_fds(3). Without systemd, these functions do nothing.
"""

import asyncio
import os
import socket
from contextlib import suppress

from skylogin.clock import monotonic
from skylogin.config import ConfigurationError

FIRST_DESCRIPTOR = 3
SEND_SECONDS_MAX = 1.0
READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


def notify(*states: str) -> None:
    """Tell the service manager the state of the server."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    # An @ stands for an address that is not a file.
    address = address.replace("@", "\0", 1) if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one, suppress(OSError):
        one.settimeout(SEND_SECONDS_MAX)
        one.sendto("\n".join(states).encode(), address)


def notify_of_reload() -> None:
    """Tell the service manager that a reload begins. READY ends it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={int(monotonic() * 1_000_000)}")


async def feed_watchdog() -> None:
    """Tell the service manager at intervals that calls are served, if it has asked for it."""
    if os.environ.get("WATCHDOG_PID") not in (None, str(os.getpid())):
        return
    with suppress(ValueError):
        seconds = int(os.environ.get("WATCHDOG_USEC", "")) / 1_000_000
        while True:
            notify(ALIVE)
            await asyncio.sleep(seconds / 2)


def given_socket() -> socket.socket | None:
    """Return the socket that systemd listens on for this process, if there is one.

    Raises ConfigurationError.
    """
    number = os.environ.pop("LISTEN_FDS", "")
    is_for_this = os.environ.pop("LISTEN_PID", "") == str(os.getpid())
    os.environ.pop("LISTEN_FDNAMES", None)
    if not (number and is_for_this):
        return None
    if number != "1":
        raise ConfigurationError([f"systemd gave {number} sockets, but the server uses only one"])
    try:
        given = socket.socket(fileno=FIRST_DESCRIPTOR)
        given.set_inheritable(False)
        listens = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as error:
        raise ConfigurationError([f"the socket of systemd: {error.strerror}"]) from None
    if given.family not in (socket.AF_INET, socket.AF_INET6) or not listens:
        given.close()
        raise ConfigurationError(["the socket of systemd is not a TCP socket"])
    return given
