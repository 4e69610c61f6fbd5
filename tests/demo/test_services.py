"""The parts of the demo as services of their own, as docker-compose.yml runs them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

DEADLINE = 30.0


@contextlib.contextmanager
def _service(part: str, port: int, environment: dict[str, str]) -> Iterator[str]:
    """Start one part, give the line in which it says where it is, and see it end well."""
    command = [
        sys.executable,
        "-W",
        "default",
        "-m",
        "cors_gateway",
        "demo",
        "--only",
        part,
        "--port",
        str(port),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            complaints = process.communicate(timeout=DEADLINE)[1]
    assert (process.returncode, complaints) == (0, "")


def _two_free_ports() -> int:
    """A free port whose neighbour is free as well."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
                return port


def _explain(page: str, origin: str, call: str) -> object:
    described = {
        "id": call,
        "via": "gateway",
        "origin": origin,
        "method": "GET",
        "path": "/api/products",
        "headers": {},
        "credentials": False,
        "calls": 1,
        "status": 200,
    }
    request = urllib.request.Request(
        f"{page}/why", json.dumps(described).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["steps"][0]["answered_by"]


def test_page_and_backend_run_apart_and_still_talk() -> None:
    port = _two_free_ports()
    page, stranger, origin = (
        f"http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port + 1}",
        "http://localhost:7000",
    )
    with _service("backend", 0, {}) as line:
        backend = line.removeprefix("demo backend on ")
        with _service("page", port, {"DEMO_BACKEND": backend, "DEMO_PAGE_ORIGIN": origin}) as line:
            assert line == f"demo page on {origin}"
            for service in (backend, page):
                with urllib.request.urlopen(f"{service}/healthz", timeout=30) as answer:
                    assert answer.read() == b"ok\n"
            with urllib.request.urlopen(stranger, timeout=30) as answer:
                assert f"frame-ancestors {origin}" in answer.headers["Content-Security-Policy"]
            urllib.request.urlopen(f"{backend}/api/products?call=one", timeout=30).close()
            assert _explain(page, origin, "one") == "backend"
            assert _explain(page, origin, "other") == "gateway"


def test_without_its_backend_the_page_says_that_it_cannot_explain() -> None:
    port = _two_free_ports()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        backend = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with _service("page", port, {"DEMO_BACKEND": backend}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                _explain(f"http://127.0.0.1:{port}", "http://localhost:8000", "one")
            with refused.value as answer:
                assert (answer.code, answer.read()[:24]) == (502, b"the backend's journal ca")
