"""A backend that answers when it is told to."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.server.live import DEADLINE


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Backend:
    """Answers every request with `done`, but those with a method that it `holds` not before `release` was called."""

    def __init__(self, *, holds: str = "GET") -> None:
        self._arrived = threading.Semaphore(0)
        self._released = threading.Event()
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if self.command == holds:
                    backend._arrived.release()
                    backend._released.wait(DEADLINE)
                self.send_response(200)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"done")

            do_POST = do_GET  # noqa: N815 - the names are the server's

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait_for_request(self) -> None:
        """Returns when one more request that is held has arrived."""
        assert self._arrived.acquire(timeout=DEADLINE)

    def release(self) -> None:
        """Answer what has arrived and what will."""
        self._released.set()

    def hold(self) -> None:
        """Hold what arrives from now on, after a release."""
        self._released.clear()

    @contextlib.contextmanager
    def running(self) -> Iterator["Backend"]:
        """Serve in a thread."""
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.release()
            self._server.shutdown()
            self._server.server_close()
            thread.join(DEADLINE)
