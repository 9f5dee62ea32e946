"""A server that speaks PostgreSQL's protocol only to refuse each connection with one error."""

import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

TLS_REQUEST = 80877103


class _Refusal(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Refuse TLS, and then the connection."""
        assert isinstance(self.server, _Server)
        while len(head := self.request.recv(8)) == 8:  # noqa: PLR2004
            length, code = struct.unpack("!II", head)
            if code == TLS_REQUEST:
                self.request.sendall(b"N")
                continue
            self.request.recv(length)
            parts = ("SFATAL", "VFATAL", f"C{self.server.state}", f"M{self.server.message}", "")
            body = b"".join(part.encode() + b"\0" for part in parts)
            self.request.sendall(b"E" + struct.pack("!I", len(body) + 4) + body)
            return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, state: str, message: str) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.state = state
        self.message = message


@contextmanager
def refusing(state: str, message: str) -> Iterator[str]:
    """Run a server whose error has *state*; yield its URL."""
    with _Server(state, message) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"postgresql://me:Geheim@127.0.0.1:{server.server_address[1]}/app"
        finally:
            server.shutdown()
            thread.join()
