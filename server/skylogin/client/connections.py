"""HTTP for tests: blocking, over connections that stay open between requests."""

import http.client
import os
import select
import weakref
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

# More than the server's own time-out, unless that is set to more.
ANSWER_SECONDS_MAX = 90


class Readable(Protocol):
    """What is sent piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most *size* bytes, none at the end."""


_KINDS: dict[str, type[http.client.HTTPConnection]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back; the names of *headers* are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Sends requests to one server, from any thread."""

    def __init__(self, url: str) -> None:
        parts = read_url(url)
        if parts.scheme not in _KINDS or not _has_address(parts):
            raise ValueError(_no_url(url))
        if parts.path not in ("", "/"):
            raise ValueError(f"{url} has a path; the URL of the server is wanted, not of an app")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._kind, self._host, self._port = _KINDS[parts.scheme], parts.hostname or "", parts.port
        self._idle: Idle = deque()
        self._process = os.getpid()
        # Nobody has to remember to close them.
        weakref.finalize(self, _close_all, self._idle)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        """Return the answer. Raises ConnectionError where there is none, or half of one.

        A request that was sent is never sent again: it may have been carried out.
        """
        connection = self._take()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            data = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._said(error) from error
        except BaseException:
            connection.close()
            raise
        if connection.sock is not None:
            self._idle.append(connection)
        names = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(response.status, names, data)

    def _take(self) -> http.client.HTTPConnection:
        if self._process != os.getpid():
            # After a fork the connections are the parent's: two would speak on one line.
            self._process = os.getpid()
            self.close()
        while (connection := _pop(self._idle)) is not None:
            if _is_open(connection):
                return connection
            connection.close()
        return self._kind(self._host, self._port, timeout=ANSWER_SECONDS_MAX)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Readable | None = None,
        seconds: float = ANSWER_SECONDS_MAX,
    ) -> Iterator[http.client.HTTPResponse]:
        """Give an answer to be read piece by piece, over a connection of its own.

        *seconds* is how long the server may be silent. Raises ConnectionError, in the block too.
        """
        connection = self._kind(self._host, self._port, timeout=seconds)
        try:
            connection.request(method, path, body, dict(headers))
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._said(error, seconds) from error
        finally:
            connection.close()

    def _said(self, error: Exception, seconds: float = ANSWER_SECONDS_MAX) -> ConnectionError:
        if isinstance(error, ConnectionRefusedError):
            return ConnectionRefusedError(f"there is no server at {self.url}")
        if isinstance(error, http.client.IncompleteRead):
            return ConnectionError(f"{self.url} closed the connection in the middle of an answer")
        if isinstance(error, TimeoutError):
            return ConnectionError(f"{self.url} did not answer in {seconds:g} s")
        if isinstance(error, ConnectionError):
            return ConnectionResetError(f"{self.url} closed the connection without an answer")
        return ConnectionError(f"{self.url}: {error or type(error).__name__}")

    def close(self) -> None:
        """Close what is open and idle."""
        _close_all(self._idle)


def read_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError, which shows no password in it."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("the URL has a user name or a password in it: no server is sent them")
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(_no_url(url)) from None


def _no_url(url: str) -> str:
    return f"{url} is no URL of a server, such as http://127.0.0.1:3000"


def _has_address(parts: SplitResult) -> bool:
    """Return whether there is a host, and it and the port, where there is one, can be one."""
    host = parts.hostname or ""
    try:
        host.encode("idna")
        return host.isprintable() and host != "" and " " not in host and parts.port != 0
    except ValueError:
        return False


Idle = deque[http.client.HTTPConnection]


def _pop(idle: Idle) -> http.client.HTTPConnection | None:
    # Another thread may take the last one in between.
    try:
        return idle.pop()
    except IndexError:
        return None


def _close_all(idle: Idle) -> None:
    while (connection := _pop(idle)) is not None:
        connection.close()


def _is_open(connection: http.client.HTTPConnection) -> bool:
    """Return whether the server still holds the connection, with nothing left to say on it."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)
