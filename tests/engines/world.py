"""What the engines look at: a gateway that serves drawn policies, its backend, and pages of several origins."""

import contextlib
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cors_gateway.config.load import load
from cors_gateway.explain.explainer import Explainer
from tests.engines.draw import draw_policy
from tests.wire.gateway_process import free_port, running_gateway

READABLE = ("content-type", "content-length", "cache-control", "x-one", "x-two", "etag", "link")
"""Headers of the backend's answers that are looked for."""

PAGE = b"""<!doctype html><meta charset="utf-8"><title>page</title>"""
SANDBOX = b"""<!doctype html><meta charset="utf-8"><title>sandbox</title>
<iframe sandbox="allow-scripts" srcdoc='<script>
addEventListener("message", async event => {
    const [text, argument] = event.data;
    event.ports[0].postMessage(await eval(text)(argument));
});
parent.postMessage("ready", "*");
</script>'></iframe>"""


class Backend(BaseHTTPRequestHandler):
    """Pages, and answers of the API; `?to=` redirects."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        target = parse_qs(split.query).get("to")
        page = {"/page": PAGE, "/sandbox": SANDBOX}.get(split.path, b"")
        self.send_response(302 if target else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        if target:
            self.send_header("Location", target[0])
        self.send_header("X-One", "1")
        self.send_header("X-Two", "2")
        self.send_header("ETag", '"one"')
        self.send_header("Link", "</>; rel=self")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    # the names are those that http.server looks for
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_patch = do_DELETE = do_OPTIONS = answer  # noqa: N815
    do_QUERY = do_PROPFIND = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass(frozen=True, slots=True)
class World:
    explainer: Explainer
    policies: list[str]
    """Names of the policies, each with a route `/NAME/`."""
    gateway: str
    """The gateway's origin as `127.0.0.1`."""
    other_name: str
    """The same by another name, which to a browser is another origin."""
    pages: dict[str, str]
    """Addresses of pages by what they are to the policies."""
    origins: dict[str, str]
    """Their origins."""


@contextlib.contextmanager
def world(directory: Path, *, seed: int, policies: int) -> Iterator[World]:
    """A running gateway with so many policies drawn from the seed."""
    with _backend() as one, _backend() as two:
        listed, other, stranger = (
            f"http://localhost:{one}",
            f"http://localhost:{two}",
            f"http://127.0.0.1:{two}",
        )
        # A policy says `http://localhost:*` now and then, so that a stranger has to have another name.
        drawn = _policies(random.Random(seed), policies, directory, listed, stranger)
        settings = {
            "routes": [
                {"name": name, "path": f"/{name}/", "upstream": f"http://127.0.0.1:{one}", "cors": policy}
                for name, policy in drawn.items()
            ]
        }
        with running_gateway(directory, settings) as gateway:
            snapshot = load(directory, {}).snapshot
            assert snapshot is not None
            port = gateway.address[1]
            yield World(
                Explainer(snapshot),
                list(drawn),
                f"http://127.0.0.1:{port}",
                f"http://localhost:{port}",
                {
                    "listed": f"{listed}/page",
                    "other": f"{stranger}/page",
                    "stranger": f"http://127.0.0.1:{one}/page",
                    "null": f"{other}/sandbox",
                },
                {"listed": listed, "other": stranger, "stranger": f"http://127.0.0.1:{one}", "null": "null"},
            )


def _policies(
    dice: random.Random, number: int, directory: Path, listed: str, other: str
) -> dict[str, dict[str, Any] | str]:
    """Drawn until so many have passed the configuration's own check."""
    probe = directory / "probe.yaml"
    drawn: dict[str, dict[str, Any] | str] = {}
    while len(drawn) < number:
        policy = draw_policy(dice, listed, other)
        route = {"name": "p", "path": "/", "upstream": "http://127.0.0.1:1", "cors": policy}
        server = {"listen": [f"127.0.0.1:{free_port()}"]}
        probe.write_text(json.dumps({"version": 1, "server": server, "routes": [route]}))
        if load(probe, {}).snapshot is not None:
            drawn[f"p{len(drawn)}"] = policy
    probe.unlink()
    return drawn


@contextlib.contextmanager
def _backend() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
