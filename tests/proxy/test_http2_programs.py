"""HTTP/2 over real TLS, spoken by the programs of others: curl, nghttp, h2load and Chromium."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from playwright.async_api import async_playwright

from cors_gateway.snapshot import Http2
from tests.proxy.stage import LIMIT, Stage, Starter, listening, upstream
from tests.wire.raw_backend import Answer, RawBackend, echo, reply
from tests.wire.strict_http import Request

FETCHES, EVENT_STREAMS = 20, 8
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
PAGE = """async ([fetches, streams]) => {
    const sources = [];
    const events = Array.from({length: streams}, (_, number) => new Promise((resolve, reject) => {
        const source = new EventSource(`/events?${number}`);
        sources.push(source);
        source.onmessage = event => resolve(event.data);
        source.onerror = () => reject(new Error("event stream"));
    }));
    const first = await Promise.all(events);
    const bodies = await Promise.all(Array.from({length: fetches}, async (_, number) => {
        const response = await fetch(`/echo?${number}`, {method: "POST", body: "x".repeat(number * 1000)});
        return (await response.text()).length;
    }));
    const protocols = performance.getEntriesByType("resource").map(entry => entry.nextHopProtocol);
    sources.forEach(source => source.close());
    return [first, bodies, [...new Set(protocols)]];
}"""


def script(request: Request) -> Answer:
    if request.target.startswith("/events"):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        return Answer([head, b"c\r\ndata: here\n\n\r\n"], then="hold")
    if request.target == "/page":
        return reply(200, [("Content-Type", "text/html")], b"<!doctype html><title>x</title>")
    return echo(request)


@dataclass(frozen=True)
class Site:
    """A gateway over TLS, and what a client needs to believe it."""

    stage: Stage
    authority: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.stage.address[1]}"


@pytest.fixture
async def site(serving: Starter, backend: RawBackend, tmp_path: Path) -> AsyncIterator[Site]:
    authority, server = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)
    server.set_alpn_protocols(["h2", "http/1.1"])
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    backend.script = script
    async with listening(backend), serving(upstream(backend), tls=server, http2=Http2.TLS) as stage:
        yield Site(stage, tmp_path / "ca.pem")


async def run(*command: str, code: int = 0) -> str:
    """What a program writes; it has to end as expected."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(3 * LIMIT):
        output, _ = await process.communicate()
    assert process.returncode == code, output
    return output.decode("latin-1")


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["--http2"], "HTTP/2 200"),
        (["--http1.1"], "HTTP/1.1 200"),
        (["--http2", "-I"], "HTTP/2 200"),
        (["--http2", "-T", "upload"], "HTTP/2 200"),
        (["--http2", "-X", "OPTIONS", "-H", "Origin: https://app.example.com", "-H", "Access-Control-Request-Method: POST"], "HTTP/2 204"),
    ],
)  # fmt: skip
async def test_curl(site: Site, tmp_path: Path, arguments: list[str], written: str) -> None:
    (tmp_path / "upload").write_bytes(os.urandom(1 << 20))
    paths = [str(tmp_path / "upload") if argument == "upload" else argument for argument in arguments]
    curl = ["curl", "-sSi", "--cacert", str(site.authority), "-o", "-", *paths, site.url + "/x"]

    assert (await run(*curl)).startswith(written)


@pytest.mark.nghttp2
async def test_nghttp(site: Site, tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(bytes(300_000))
    urls = [f"{site.url}/{number}" for number in range(12)]
    seen = await run("nghttp", "-v", "--no-dep", "-H", "te: trailers", *urls)
    sent = await run(
        "nghttp", "-n", "-s", "-d", str(tmp_path / "upload"), "--trailer", "x-t: 1", site.url + "/up"
    )

    assert seen.count(":status: 200") == 12
    assert " 200 " in sent


@pytest.mark.nghttp2
async def test_h2load(site: Site) -> None:
    seen = await run("h2load", "-n", "2000", "-c", "4", "-m", "50", "-w", "20", site.url + "/x")

    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in seen
    assert "2000 2xx" in seen


@pytest.mark.browser
async def test_chromium_has_twenty_fetches_and_eight_event_streams_on_one_connection(site: Site) -> None:
    """On HTTP/1.1 six event streams would leave it no connection for anything else."""
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        context = await browser.new_context(ignore_https_errors=True)
        page = await context.new_page()
        await page.goto(site.url + "/page")
        before = site.stage.gateway.metrics.connections_total
        events, bodies, protocols = await page.evaluate(PAGE, [FETCHES, EVENT_STREAMS])
        opened = site.stage.gateway.metrics.connections_total - before
        await browser.close()

    assert events == ["here"] * EVENT_STREAMS
    assert bodies == [number * 1000 for number in range(FETCHES)]
    assert (protocols, opened) == (["h2"], 0)
