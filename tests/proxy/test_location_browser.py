"""What routes do besides CORS, in a browser: the only one who knows whether a cookie, a redirect or a 401 is of use."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.engines.chromium import FLAGS, PROGRAM
from tests.wire.gateway_process import free_port, running_gateway

pytestmark = pytest.mark.browser

APP, API = "app.test", "api.example"
"""Hosts of two sites, both served by the gateway."""

ASK = """async ([url, init]) => {
    try {
        const response = await fetch(url, init);
        return [response.status, new URL(response.url).pathname, await response.text()];
    } catch (error) {
        return [0, "", String(error)];
    }
}"""
BLOCKED = [0, "", "TypeError: Failed to fetch"]


class Backend(BaseHTTPRequestHandler):
    """It knows its own paths, and neither the gateway's prefix nor that pages of another site ask."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        fields = {
            "/login": {"Set-Cookie": "session=1; Path=/; HttpOnly"},
            "/expired": {"Location": "https://login.test/?next=1"},
            "/old": {"Location": "/new"},
            "/absolute": {"Location": f"http://127.0.0.1:{self.server.server_port}/new"},  # type: ignore[attr-defined]
        }.get(self.path, {})
        body = self.headers.get("Cookie", "").encode() if self.path == "/whoami" else self.path.encode()
        self.send_response(302 if "Location" in fields else 200)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextlib.contextmanager
def backend() -> Iterator[str]:
    """Where it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def configuration(directory: Path, server: str, port: int) -> dict[str, Any]:
    """Two routes of the API: `/raw/` changes nothing, `/api/` does what the tests are about."""
    pair = trustme.CA().issue_cert(APP, API)
    pair.private_key_and_cert_chain_pem.write_to_path(str(directory / "pair.pem"))
    tls = {"certificate": str(directory / "pair.pem"), "key": str(directory / "pair.pem")}
    policy = {"allow_origins": [f"https://{APP}:{port}"], "allow_credentials": True}
    return {
        "server": {
            "listen": [f"127.0.0.1:{free_port()}", {"address": f"127.0.0.1:{port}", "tls": tls}],
        },
        "upstreams": {
            "kept": {"servers": [server], "redirects": "keep"},
            "rewritten": {"servers": [server]},
        },
        "policies": {"plain": policy, "readable": {**policy, "cross_origin_redirects": "unauthorized"}},
        "routes": [
            {"name": "page", "host": APP, "path": "/", "upstream": "kept", "cors": "disabled"},
            {
                "name": "raw",
                "host": API,
                "path": "/raw/",
                "upstream": "kept",
                "cors": "plain",
                "strip_prefix": True,
            },
            {
                "name": "api",
                "host": API,
                "path": "/api/",
                "upstream": "rewritten",
                "cors": "readable",
                "strip_prefix": True,
                "cookies": {"same_site": "none", "secure": True},
            },
        ],
    }


@pytest.fixture(scope="module", name="port")
def _port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    directory, port = tmp_path_factory.mktemp("browser"), free_port()
    with backend() as server, running_gateway(directory, configuration(directory, server, port)):
        yield port


@pytest.fixture(scope="module", name="browser")
def _browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """For which every name leads to this machine. Its profile takes cookies of other sites, as most do."""
    flags = [*FLAGS, "--host-resolver-rules=MAP * 127.0.0.1"]
    profile = tmp_path_factory.mktemp("profile")
    preferences = profile / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    preferences.write_text('{"profile": {"block_third_party_cookies": false, "cookie_controls_mode": 0}}')
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=PROGRAM, args=flags, ignore_https_errors=True
        )
        yield context
        context.close()


@pytest.fixture(name="page")
def _page(browser: BrowserContext, port: int) -> Iterator[Page]:
    """A page of one site, without cookies."""
    browser.clear_cookies()
    page = browser.new_page()
    page.goto(f"https://{APP}:{port}/page")
    yield page
    page.close()


def ask(page: Page, port: int, path: str) -> Any:
    return page.evaluate(ASK, [f"https://{API}:{port}{path}", {"credentials": "include"}])


@pytest.mark.parametrize(("prefix", "cookie"), [("/raw", ""), ("/api", "session=1")])
def test_a_cookie_crosses_sites_if_the_gateway_says_so(
    page: Page, port: int, prefix: str, cookie: str
) -> None:
    assert ask(page, port, f"{prefix}/login")[0] == 200
    assert ask(page, port, f"{prefix}/whoami") == [200, f"{prefix}/whoami", cookie]


def test_a_script_reads_that_its_user_has_to_log_in(page: Page, port: int) -> None:
    assert ask(page, port, "/raw/expired") == BLOCKED
    status, _, text = ask(page, port, "/api/expired")

    assert status == 401
    assert '"location": "https://login.test/?next=1"' in text


@pytest.mark.parametrize("place", ["old", "absolute"])
def test_a_redirect_below_a_replaced_prefix_arrives(page: Page, port: int, place: str) -> None:
    """Without it there is no such path here, or no such address for a browser."""
    assert ask(page, port, f"/raw/{place}") == BLOCKED
    assert ask(page, port, f"/api/{place}") == [200, "/api/new", "/new"]
