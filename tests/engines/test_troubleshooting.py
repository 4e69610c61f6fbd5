"""What docs/troubleshooting.md quotes is what Chromium writes: each line of its table that can be provoked here, is."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engines.chromium import chromium
from tests.engines.world import Backend
from tests.wire.gateway_process import free_port, running_gateway

pytestmark = pytest.mark.browser

DOCUMENT = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
LONG = "x" * 9000

CALL = """async ([url, options]) => { await fetch(url, options).catch(() => {}); }"""


class Answers(Backend):
    """A backend that does CORS of its own, and pages under policies of their own."""

    def end_headers(self) -> None:
        path = self.path.removeprefix("/own")
        if path == "/several":
            self.send_header("Access-Control-Allow-Origin", "https://a.example, https://b.example")
        if path == "/other":
            self.send_header("Access-Control-Allow-Origin", "https://a.example")
        if path == "/page?public":
            self.send_header("Content-Security-Policy", "treat-as-public-address")
        if path == "/page?closed":
            self.send_header("Content-Security-Policy", "connect-src 'self'")
        super().end_headers()

    do_GET = do_OPTIONS = Backend.answer  # noqa: N815


CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "No 'Access-Control-Allow-Origin' header is present": ("", "/closed/", {}),
    "Response to preflight request": ("", "/app/", {"method": "PUT"}),
    "Method PUT": ("", "/told/", {"method": "PUT"}),
    "Request header field x-a": ("", "/told/", {"headers": {"X-A": "1"}}),
    "The 'Access-Control-Allow-Origin' header has a value": ("", "/own/other", {}),
    "… contains multiple values": ("", "/own/several", {}),
    "The value of the 'Access-Control-Allow-Credentials'": ("", "/app/", {"credentials": "include"}),
    "Redirect is not allowed": ("", "/own/?to=/", {"method": "PUT"}),
    "Permission was denied": ("?public", "/app/", {}),
    "net::ERR_CONNECTION_REFUSED": ("", "nobody", {}),
    "violates the following Content Security Policy": ("?closed", "/app/", {}),
    "the server responded with a status of 431": ("", "/app/", {"headers": {"X-Long": LONG}}),
}
"""Beginning of a quotation: the query of the page, the path of the call (or whom it goes to), options of `fetch()`."""


def quotations() -> list[str]:
    """The first column of the table of consoles."""
    rows = DOCUMENT.read_text("utf-8").split("| Chromium |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def is_quoted(quotation: str, line: str) -> bool:
    """Whether the parts between dots stand in the line, in this order."""
    place = 0
    for part in quotation.split("…"):
        place = line.find(part.strip().strip(","), place)
        if place < 0:
            return False
    return True


@pytest.fixture(scope="module")
def consoles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, list[str]]]:
    """What Chromium wrote in each case."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as backend:
        threading.Thread(target=backend.serve_forever, daemon=True).start()
        page = f"http://localhost:{backend.server_port}"
        app = {"allow_origins": [page], "allow_headers": ["X-Long"]}
        told = {"allow_origins": [page], "preflight_failure": "diagnose"}
        configuration = {
            "server": {"limits": {"request_head": "8KiB"}},
            "routes": [
                {
                    "name": name,
                    "path": f"/{name}/",
                    "upstream": f"http://127.0.0.1:{backend.server_port}",
                    "cors": cors,
                }
                for name, cors in (
                    ("app", app),
                    ("told", told),
                    ("closed", "disabled"),
                    ("own", "passthrough"),
                )
            ],
        }
        with (
            running_gateway(tmp_path_factory.mktemp("gateway"), configuration) as gateway,
            chromium() as engine,
        ):
            seen: dict[str, list[str]] = {}
            for name, (query, path, options) in CASES.items():
                port = free_port() if path == "nobody" else gateway.address[1]
                engine.go(f"{page}/page{query}")
                with engine.console() as lines:
                    engine.call(CALL, [f"http://127.0.0.1:{port}{path.removeprefix('nobody')}", options])
                seen[name] = lines
            yield seen
        backend.shutdown()


@pytest.mark.parametrize("beginning", CASES)
def test_chromium_writes_what_is_quoted(beginning: str, consoles: dict[str, list[str]]) -> None:
    [quotation] = [each for each in quotations() if each.startswith(beginning)]

    assert any(is_quoted(quotation, line) for line in consoles[beginning]), consoles[beginning]


def test_every_refusal_is_followed_by_a_line_that_says_nothing(consoles: dict[str, list[str]]) -> None:
    refused = [
        lines for lines in consoles.values() if any("blocked by CORS policy" in line for line in lines)
    ]

    assert len(refused) == 9
    assert all("net::ERR_FAILED" in lines[-1] for lines in refused)
