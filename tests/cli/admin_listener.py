"""An admin listener that answers what it is told to."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import UnixStreamServer


class AdminListener:
    """Remembers requests as `METHOD /path authorization`."""

    def __init__(self, status: int, body: bytes) -> None:
        self.requests: list[str] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                listener.requests.append(f"{self.command} {self.path} {self.headers['Authorization']}")
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self.answer()

            def do_POST(self) -> None:
                self.answer()

            def address_string(self) -> str:
                return "test"

            def log_message(self, *arguments: object) -> None:
                pass

        self.handler = Handler

    @contextlib.contextmanager
    def on_tcp(self) -> Iterator[str]:
        """Serve; gives `host:port`."""
        with HTTPServer(("127.0.0.1", 0), self.handler) as server, _serving(server):
            yield f"127.0.0.1:{server.server_address[1]}"

    @contextlib.contextmanager
    def on_unix(self, path: Path) -> Iterator[str]:
        """Serve; gives `unix:/path`."""
        with UnixStreamServer(str(path), self.handler) as server, _serving(server):
            yield f"unix:{path}"


@contextlib.contextmanager
def _serving(server: HTTPServer | UnixStreamServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def unused_address() -> str:
    """Where nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{sock.getsockname()[1]}"
