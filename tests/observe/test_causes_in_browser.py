"""What a page of another origin sees in a real browser of a request that is refused, and of a stream that is silent."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.wire.gateway_process import running_gateway

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
SILENCE = 1.0
"""Seconds between two events; `idle` is a fifth of it."""

REFUSED = """async ([url, headers]) => {
    const response = await fetch(url, {headers});
    return [response.status, (await response.json()).cause];
}"""
LISTEN = """url => new Promise(resolve => {
    const events = new EventSource(url), seen = [];
    events.onmessage = event => { seen.push(event.data); if (event.data === "two") { events.close(); resolve(seen); } };
    events.onerror = () => resolve([...seen, "error"]);
})"""


class Backend(BaseHTTPRequestHandler):
    """A page, and an event stream with a pause."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.send_response(200)
        if self.path == "/events":
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: one\n\n")
            time.sleep(SILENCE)
            self.wfile.write(b"data: two\n\n")
            self.close_connection = True
            return
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, str]]:
    """A page of another origin, and the address of the gateway."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as backend, sync_playwright() as playwright:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        port = backend.server_address[1]
        configuration = {
            "server": {"limits": {"request_head": "4KiB"}},
            "upstreams": {"app": {"servers": [f"http://127.0.0.1:{port}"], "timeouts": {"idle": "200ms"}}},
            "policies": {
                "open": {"allow_origins": [f"http://localhost:{port}"], "allow_headers": ["X-Long"]}
            },
            "routes": [{"name": "all", "path": "/", "upstream": "app", "cors": "open"}],
        }
        with running_gateway(tmp_path_factory.mktemp("gateway"), configuration) as gateway:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page()
            page.goto(f"http://localhost:{port}/page")
            yield page, "http://{}:{}".format(*gateway.address)
            browser.close()
        backend.shutdown()


def test_a_page_reads_that_its_head_is_too_large(stage: tuple[Page, str]) -> None:
    page, gateway = stage

    assert page.evaluate(REFUSED, [f"{gateway}/api", {"X-Long": "x" * 5000}]) == [431, "head_too_large"]


def test_a_page_reads_that_its_address_is_too_long(stage: tuple[Page, str]) -> None:
    page, gateway = stage

    assert page.evaluate(REFUSED, [f"{gateway}/api?{'q' * 5000}", {}]) == [414, "request_line_too_long"]


def test_a_page_hears_an_event_after_a_silence_longer_than_idle(stage: tuple[Page, str]) -> None:
    page, gateway = stage

    assert page.evaluate(LISTEN, f"{gateway}/events") == ["one", "two"]
