"""HAProxy and nginx in front of a server: each runs as long as its block, on loopback."""

import socket
import ssl
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.sites import COOKIE, FORM_TOKEN, PASSWORD
from tests.waiting import wait_until

ADDRESS = "127.0.0.1"
SECONDS_MAX = 20
# The program ends with the shell, whose standard input is closed if the tests are killed.
KEEPER = '"$@" >log 2>&1 & read -r _; kill $!; wait'

HAPROXY = """
global
    stats socket {folder}/stats level user
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend front
    bind {address}:{port}
    default_backend back
backend back
    {lines}
"""
NGINX = """
daemon off;
pid nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    {temporary}
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen {address}:{port}{tls};
        {lines}
    }}
}}
"""
TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
TLS = "ssl_certificate certificate.pem; ssl_certificate_key key.pem;"


@contextmanager
def haproxy(folder: Path, *lines: str) -> Iterator[str]:
    """Run HAProxy with these *lines* in its backend, and give its URL."""
    with _free_port() as port:
        text = HAPROXY.format(folder=folder, address=ADDRESS, port=port, lines="\n    ".join(lines))
    (folder / "haproxy.cfg").write_text(text)
    with _running(folder, port, "haproxy", "-db", "-f", "haproxy.cfg"):
        yield f"http://{ADDRESS}:{port}/"


def haproxy_statistics(folder: Path) -> str:
    """Return what the HAProxy of *folder* says about its servers, nothing while it starts."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(folder / "stats"))
        except (FileNotFoundError, ConnectionRefusedError):
            return ""
        connection.sendall(b"show stat\n")
        with connection.makefile() as answer:
            return answer.read()


@contextmanager
def nginx(folder: Path, *lines: str, tls: bool = False) -> Iterator[str]:
    """Run nginx with these *lines* in its server, and give its URL."""
    if tls:
        make_certificate(folder)
        lines = (TLS, *lines)
    with _free_port() as port:
        text = NGINX.format(
            address=ADDRESS,
            port=port,
            tls=" ssl" if tls else "",
            temporary="".join(f"{name}_temp_path {folder / name};" for name in TEMPORARY),
            lines="\n        ".join(lines),
        )
    (folder / "nginx.conf").write_text(text)
    with _running(folder, port, "nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"):
        yield f"{'https' if tls else 'http'}://{ADDRESS}:{port}/"


def make_certificate(folder: Path) -> None:
    """Make a certificate that nobody has signed."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    request = ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*request, *files], check=True, capture_output=True)


@contextmanager
def _free_port() -> Iterator[int]:
    with socket.create_server((ADDRESS, 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def _running(folder: Path, port: int, *command: str) -> Iterator[None]:
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", KEEPER, "sh", *command],
        cwd=folder,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    assert keeper.stdin is not None
    try:
        wait_until(lambda: _listens(port) or keeper.poll() is not None, SECONDS_MAX)
        assert keeper.poll() is None, (folder / "log").read_text()
        yield
    finally:
        keeper.stdin.close()
        keeper.wait(SECONDS_MAX)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((ADDRESS, port), SECONDS_MAX).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Answer:
    """A response that was read to its end."""

    status: int
    headers: Message
    text: str


class Visitor:
    """A browser without JavaScript at *address* of this machine."""

    def __init__(self, url: str, address: str = "127.0.0.2") -> None:
        self.url = url
        self._parts = urlsplit(url)
        self._source = (address, 0)
        self._key = ""
        self.form_token = ""

    @property
    def origin(self) -> str:
        """Return the origin of the pages."""
        return f"{self._parts.scheme}://{self._parts.netloc}"

    @property
    def cookie(self) -> str:
        """Return the cookie of the session."""
        return f"{COOKIE}={self._key}"

    def connect(self) -> HTTPConnection:
        """Return a new connection."""
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return HTTPConnection(host, port, SECONDS_MAX, source_address=self._source)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return HTTPSConnection(
            host, port, timeout=SECONDS_MAX, source_address=self._source, context=context
        )

    def ask(
        self,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        **fields: str,
    ) -> Answer:
        """Send a request with the session's cookie; *fields* are a form's."""
        connection = self.connect()
        body = urlencode(fields).encode() if fields else b""
        own = [("Content-Type", "application/x-www-form-urlencoded")] if fields else []
        if self._key:
            own.append(("Cookie", self.cookie))
        if method == "POST":
            own += [("Origin", self.origin), ("Content-Length", str(len(body)))]
        connection.putrequest(method, path)
        for name, value in (*own, *headers):
            connection.putheader(name, value)
        connection.endheaders(body)
        with connection.getresponse() as response:
            answer = Answer(response.status, response.headers, response.read().decode())
        connection.close()
        return self._remember(answer)

    def _remember(self, answer: Answer) -> Answer:
        name, _, rest = answer.headers.get("Set-Cookie", "").partition("=")
        if name == COOKIE:
            self._key = rest.partition(";")[0]
        if found := FORM_TOKEN.search(answer.text):
            self.form_token = found[1]
        return answer

    def sign_in(
        self, password: str = PASSWORD, headers: Sequence[tuple[str, str]] = (), prefix: str = ""
    ) -> Answer:
        """Sign in to the portal, which is below *prefix*."""
        self._key = ""
        path = f"{prefix}/portal/sign-in"
        page = self.ask("GET", path)
        assert page.status == 200, page  # noqa: PLR2004
        return self.ask("POST", path, headers, form_token=self.form_token, password=password)
