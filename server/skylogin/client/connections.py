"""Blocking HTTP to one server, over one kept connection per thread."""

import os
import re
import select
import ssl
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from urllib.parse import SplitResult, urlsplit

# Longer than the server's own default time-out.
ANSWER_SECONDS_MAX = 90
_PORTS = {"http": 80, "https": 443}
_END_OF_CERTIFICATE = "-----END CERTIFICATE-----"

# If a proxy serves the server below a path, that path ends with a slash.
_PATH = re.compile(r"(?P<prefix>(?:/[^/]+)*?)/(?:apps/(?P<app>[^/]+)/?)?")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A response. The names of *headers* are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Sends requests to one server, from any thread.

    Each thread keeps one connection open between its requests. Another process opens its own.
    """

    def __init__(self, url: str, trust: ssl.SSLContext | None = None) -> None:
        """Prepare for the server at *url*. By default, it trusts certificates of known CAs."""
        parts = read_url(url)
        if parts.scheme not in _PORTS or not _has_address(parts):
            raise ValueError(_not_a_url(url))
        if parts.path not in ("", "/"):
            raise ValueError(f"{url} has a path: give the URL of the server, not of an app")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._trust = (trust or ssl.create_default_context()) if parts.scheme == "https" else None
        self._host, self._port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        # By process and thread. A new thread may get the number, and the connection, of an old one.
        self._kept: Kept = {}
        weakref.finalize(self, _close_all, self._kept)

    def __reduce__(self) -> tuple[type["Connections"], tuple[str]]:
        """Pickle without the connections."""
        return Connections, (self.url,)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> HttpAnswer:
        """Return the answer. Raises ConnectionError if there is none, or only a part of one.

        A request is never sent twice, because the server may already have carried it out.
        """
        connection = self._connection()
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            data = response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            raise self._connection_error(error) from error
        except BaseException:
            connection.close()
            raise
        names = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(response.status, names, data)

    def _connection(self) -> HTTPConnection:
        """Return this thread's connection, reopened by its next request if the server closed it."""
        key = (os.getpid(), threading.get_ident())
        connection = self._kept.get(key)
        if connection is None:
            connection = self._kept[key] = self._new(ANSWER_SECONDS_MAX)
        elif not _is_open(connection):
            connection.close()
        return connection

    def _new(self, seconds: float) -> HTTPConnection:
        if self._trust is not None:
            return HTTPSConnection(self._host, self._port, timeout=seconds, context=self._trust)
        return HTTPConnection(self._host, self._port, timeout=seconds)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Iterable[bytes] | None = None,
        seconds: float = ANSWER_SECONDS_MAX,
    ) -> Iterator[HTTPResponse]:
        """Yield an answer to be read in chunks, over a connection of its own.

        *seconds* is how long the server may be silent. Raises ConnectionError, in the block too.
        """
        connection = self._new(seconds)
        try:
            connection.request(method, path, body, dict(headers))
            yield connection.getresponse()
        except (OSError, HTTPException) as error:
            raise self._connection_error(error, seconds) from error
        finally:
            connection.close()

    def _connection_error(
        self, error: Exception, seconds: float = ANSWER_SECONDS_MAX
    ) -> ConnectionError:
        if isinstance(error, ConnectionRefusedError):
            return ConnectionRefusedError(f"no server at {self.url}")
        if isinstance(error, IncompleteRead):
            return ConnectionError(f"{self.url} closed the connection in the middle of an answer")
        if isinstance(error, ssl.SSLCertVerificationError):
            return ConnectionError(
                f"the certificate of {self.url} is not trusted: {error.verify_message} "
                "(SSL_CERT_FILE names a file with the certificates of other CAs)"
            )
        if isinstance(error, TimeoutError):
            return ConnectionError(f"{self.url} did not answer in {seconds:g} s")
        if isinstance(error, ConnectionError):
            return ConnectionResetError(f"{self.url} closed the connection without an answer")
        return ConnectionError(f"{self.url}: {error or type(error).__name__}")

    def close(self) -> None:
        """Close the connections of all threads."""
        _close_all(self._kept)


Kept = dict[tuple[int, int], HTTPConnection]


def _close_all(kept: Kept) -> None:
    for connection in list(kept.values()):
        connection.close()


def _is_open(connection: HTTPConnection) -> bool:
    """Return whether the connection can take a request: still open, with nothing left to read."""
    if connection.sock is None:
        return False
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN)
    return not poll.poll(0)


def trusting(certificate: str) -> ssl.SSLContext:
    """Return a context that trusts the first certificate in this file, whatever the server's name.

    Raises OSError and ValueError.
    """
    with open(certificate, encoding="latin-1") as file:
        first, end, _ = file.read().partition(_END_OF_CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=first + end)
    return context


def read_url(url: str) -> SplitResult:
    """Return the parts of a URL. Raises ValueError, whose text does not repeat a password."""
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ValueError("the URL has a user name or a password in it, which no server needs")
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(_not_a_url(url)) from None


def read_path(path: str) -> tuple[str, str] | None:
    """Return the path below which a server is, and its app, from the path of a URL.

    Each is empty if it is missing. Returns None if *path* is not that of a server or an app.
    """
    found = _PATH.fullmatch(path or "/")
    return None if found is None else (found["prefix"], found["app"] or "")


def _not_a_url(url: str) -> str:
    return f"{url} is not the URL of a server, such as http://127.0.0.1:3000"


def _has_address(parts: SplitResult) -> bool:
    """Return whether the host and the port can be those of a server."""
    host = parts.hostname or ""
    try:
        host.encode("idna")
        return host.isprintable() and host != "" and " " not in host and parts.port != 0
    except ValueError:
        return False
