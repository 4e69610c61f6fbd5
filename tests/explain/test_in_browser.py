"""Explanations against a real browser: what `fetch()` may read is the only true oracle of CORS."""

import contextlib
import itertools
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, sync_playwright

from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation
from tests.explain.situations import snapshot
from tests.wire.gateway_process import running_gateway

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

LISTED = "http://localhost:*"
POLICIES: dict[str, object] = {
    "plain": {"allow_origins": [LISTED]},
    "full": {
        "allow_origins": [LISTED],
        "allow_methods": ["GET", "PUT", "OPTIONS", "patch"],
        "allow_headers": ["Content-Type", "Authorization", "X-A"],
        "expose_headers": ["X-One"],
        "allow_credentials": True,
    },
    "echoing": {
        "allow_origins": [LISTED],
        "allow_methods": ["*"],
        "allow_headers": ["*"],
        "allow_credentials": True,
    },
    "open": {"allow_origins": ["*"], "allow_methods": ["*"], "allow_headers": ["*"], "expose_headers": ["*"]},
    "diagnosing": {
        "allow_origins": [LISTED],
        "allow_methods": ["GET", "PUT"],
        "preflight_failure": "diagnose",
    },
    "rejecting": {"allow_origins": [LISTED], "on_disallowed_request": "reject"},
    "closed": "disabled",
}
CALLS: list[tuple[str, dict[str, str]]] = [
    ("GET", {}),
    ("HEAD", {}),
    ("POST", {}),
    ("put", {}),
    ("patch", {}),
    ("DELETE", {}),
    ("OPTIONS", {}),
    ("POST", {"Content-Type": "text/plain;charset=utf-8"}),
    ("POST", {"Content-Type": "application/json"}),
    ("PUT", {"X-A": "1", "Authorization": "x"}),
    ("GET", {"X-B": "1"}),
    ("GET", {"Accept": "application/json", "Accept-Language": "de, en;q=0.5"}),
    ("GET", {"Accept": 'a/b;c="d"'}),
    ("GET", {"Accept-Language": "de_DE"}),
    ("GET", {"Accept": "a" * 129}),
    ("GET", {"Range": "bytes=0-5"}),
    ("GET", {"Range": "bytes=-5"}),
    ("GET", {"Cookie": "a=b", "Sec-Fetch-Site": "same-origin", "Host": "evil.example"}),
]

SENT = {"content-type", "content-length", "cache-control", "x-one", "x-two"}
"""Headers of the backend, readable without being exposed or not."""

FETCH = """async ([url, init]) => {
    try {
        const response = await fetch(url, init);
        return [...response.headers.keys()].sort();
    } catch {
        return null;
    }
}"""


class Backend(BaseHTTPRequestHandler):
    """Answers everything, with headers that are exposed by some policies."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-One", "1")
        self.send_header("X-Two", "2")
        self.end_headers()

    # the names are those that http.server looks for
    do_GET = do_HEAD = do_POST = do_PUT = do_patch = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass(frozen=True)
class Stage:
    browser: Browser
    explainer: Explainer
    gateway: str
    pages: dict[str, str]
    """Addresses of pages by what they are to the policies."""


@contextlib.contextmanager
def _serving() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with _serving() as backend, sync_playwright() as playwright:
        settings: dict[str, object] = {
            "routes": [
                {"name": name, "path": f"/{name}/", "upstream": f"http://127.0.0.1:{backend}", "cors": policy}
                for name, policy in POLICIES.items()
            ]
        }
        with running_gateway(tmp_path_factory.mktemp("browser"), settings) as gateway:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            own = f"http://127.0.0.1:{gateway.address[1]}"
            yield Stage(
                browser,
                Explainer(snapshot(gateway.directory)),
                own,
                {
                    "listed": f"http://localhost:{backend}",
                    "stranger": f"http://127.0.0.1:{backend}",
                    "own": own,
                },
            )
            browser.close()


def _foretold(explanation: Explanation) -> list[str] | None:
    """The backend's headers that the script is said to be able to read; None if it gets no response."""
    if not explanation.is_allowed:
        return None
    return sorted(SENT if explanation.reads_every_header else SENT & set(explanation.readable))


@pytest.mark.parametrize("who", ["listed", "stranger", "own"])
def test_the_browser_does_what_is_explained(who: str, stage: Stage) -> None:
    page = stage.browser.new_page()
    origin = stage.pages[who]
    page.goto(f"{origin}/plain/")
    outcomes, different = set(), []
    for policy, (method, headers), credentials in itertools.product(POLICIES, CALLS, (False, True)):
        url = f"{stage.gateway}/{policy}/x"
        written = [f"{name}: {value}" for name, value in headers.items()]
        request = describe(url, origin=origin, method=method, headers=written, credentials=credentials)
        mode = "include" if credentials else "same-origin"
        readable = page.evaluate(FETCH, [url, {"method": method, "headers": headers, "credentials": mode}])
        seen = None if readable is None else sorted(SENT & set(readable))
        foretold = _foretold(stage.explainer.explain(request))
        outcomes.add(foretold is None)
        if seen != foretold:
            different.append((policy, method, headers, credentials, seen, foretold))
    page.close()

    assert different == []
    assert outcomes == ({False} if who == "own" else {False, True})
