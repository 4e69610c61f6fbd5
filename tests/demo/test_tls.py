"""`demo --tls`: everything that a browser calls over TLS, the gateway in HTTP/2."""

import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, sync_playwright

from cors_gateway.cli.demo import command
from cors_gateway.cli.demo_site.certificate import (
    NoCertificateError,
    configuration_over_tls,
    make_certificate,
)
from cors_gateway.cli.demo_site.site import CONFIGURATION
from cors_gateway.config.load import load
from cors_gateway.snapshot import Http2
from tests.demo.conftest import Demo, running_demo
from tests.demo.test_demo_browser import CHROMIUM, FLAGS, run_crowd

WITHOUT_HTTP2 = "import sys; sys.modules['ngh2'] = None; from cors_gateway.__main__ import start; start()"
CONNECTIONS = "cors_gateway_connections_total"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("tls"), "--tls") as running:
        yield running


@pytest.fixture(scope="module")
def page(demo: Demo) -> Iterator[Page]:
    """The demo's page, after its visitor has gone on past the one warning."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.goto(demo.page)
        page.wait_for_selector("body[data-state=ready]")
        yield page
        browser.close()


def _connections(demo: Demo) -> float:
    with urllib.request.urlopen(f"{demo.admin}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(CONNECTIONS))


def _lines(demo: Demo, path: str, least: int) -> list[dict[str, object]]:
    """Of the access log, for this path, as soon as there are so many."""
    deadline = time.monotonic() + 10
    while True:
        lines = [json.loads(line) for line in demo.log.read_text().splitlines() if line.endswith("}")]
        found = [line for line in lines if line["path"] == path]
        if len(found) >= least:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.browser
def test_eight_streams_and_twenty_calls_need_one_connection(demo: Demo, page: Page) -> None:
    page.click("#run-get")
    page.wait_for_selector("#lane-gateway[data-right=true]")
    before = _connections(demo)
    said = run_crowd(page)
    opened = _connections(demo) - before
    calls = _lines(demo, "/api/products", 20)

    assert said == "8 of 8 streams began, 20 of 20 calls were answered. Nothing waited for a connection."
    assert opened == 0
    assert {line["protocol"] for line in calls} == {"HTTP/2.0"}


def test_without_the_extra_it_says_so_and_speaks_http_1_1(tmp_path: Path) -> None:
    with running_demo(tmp_path, "--tls", program=("-c", WITHOUT_HTTP2)) as demo:
        context = ssl._create_unverified_context()  # the certificate is nobody's
        context.set_alpn_protocols(["h2", "http/1.1"])
        host, _, port = demo.gateway.removeprefix("https://").partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=30) as plain,
            context.wrap_socket(plain) as connection,
        ):
            agreed = connection.selected_alpn_protocol()

        assert agreed == "http/1.1"
        assert "The gateway speaks HTTP/1.1 only; for HTTP/2: pip install" in demo.log.read_text()


@pytest.mark.browser
def test_every_scenario_goes_as_wanted_through_the_gateway(page: Page) -> None:
    page.keyboard.press("a")
    page.wait_for_selector(".scores")

    assert page.inner_text("#score-gateway").startswith("10 of 10 as wanted")


def test_everything_a_browser_calls_is_over_tls_and_the_admin_page_stays_here(demo: Demo) -> None:
    told = {name: getattr(demo, name) for name in ("page", "stranger", "gateway", "backend")}

    assert {url.partition(":")[0] for url in told.values()} == {"https"}
    assert demo.admin.startswith("http://127.0.0.1:")
    text = demo.log.read_text()
    assert "The gateway speaks HTTP/2 and HTTP/1.1." in text
    assert "Nobody vouches for the certificate" in text


def test_the_configuration_differs_in_its_listener_alone(tmp_path: Path) -> None:
    make_certificate(tmp_path, "127.0.0.1")
    path = configuration_over_tls(tmp_path)
    loaded, plain = load(path, {}), load(CONFIGURATION, {})

    assert loaded.problems == ()
    assert loaded.snapshot is not None
    assert plain.snapshot is not None
    assert loaded.snapshot.server.listen[0].http2 is Http2.TLS
    changed = [one != other for one, other in zip(*map(_lines_of, (path, CONFIGURATION)), strict=True)]
    assert sum(changed) == 1
    assert [route.name for route in loaded.snapshot.routes] == [route.name for route in plain.snapshot.routes]


def _lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("127.0.0.1", {"127.0.0.1", "localhost", "0:0:0:0:0:0:0:1"}),
        ("0.0.0.0", {"127.0.0.1", "localhost", "0:0:0:0:0:0:0:1"}),
        ("demo.internal", {"demo.internal", "127.0.0.1", "localhost", "0:0:0:0:0:0:0:1"}),
        ("192.0.2.7", {"192.0.2.7", "127.0.0.1", "localhost", "0:0:0:0:0:0:0:1"}),
    ],
)
def test_a_certificate_is_for_every_name_of_this_machine(host: str, names: set[str], tmp_path: Path) -> None:
    made = make_certificate(tmp_path, host)
    context = ssl.create_default_context(cafile=made.certificate)
    [described] = context.get_ca_certs()

    found = cast("list[tuple[str, str]]", described["subjectAltName"])
    assert {value for _, value in found} == names
    assert stat.S_IMODE(Path(made.key).stat().st_mode) & 0o077 == 0


def test_without_openssl_it_says_what_to_do(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cors_gateway", "demo", "--tls", "--port", "0"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        "cors-gateway demo: --tls makes a certificate with the program openssl, which is not installed here; install it,"
        " or start the demo without --tls\n"
    )


@pytest.mark.parametrize("host", ["a,b", ""])
def test_a_name_that_fits_no_certificate_is_told(host: str, tmp_path: Path) -> None:
    with pytest.raises(NoCertificateError, match="openssl could not make a certificate: "):
        make_certificate(tmp_path, host)


def test_one_part_alone_has_no_tls() -> None:
    result = CliRunner().invoke(command, ["--tls", "--only", "page"])

    assert (result.exit_code, "--tls is for the whole demo" in result.stderr) == (2, True)
