"""What a browser does when a page gives up a request, and that the backend learns it at once."""

import ssl
from typing import Any

import pytest
import trustme
from playwright.async_api import async_playwright

from tests.proxy.stage import Starter, listening, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, reply
from tests.wire.strict_http import Request

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]

BEGIN_AND_GIVE_UP = {
    "fetch": (
        "() => { window.gone = new AbortController(); fetch('/slow', {signal: gone.signal}).catch(() => 0) }",
        "() => gone.abort()",
    ),
    "download": (
        "() => { window.gone = new AbortController(); fetch('/events', {signal: gone.signal}).catch(() => 0) }",
        "() => gone.abort()",
    ),
    "EventSource": (
        "() => { window.source = new EventSource('/events') }",
        "() => source.close()",
    ),
    "closed page": ("() => { fetch('/slow').catch(() => 0) }", ""),
}


def _answer(request: Request) -> Answer:
    path = request.target.partition("?")[0]
    if path.endswith("/slow"):
        return Answer([], then="hold")
    if path.endswith("/events"):
        return Answer([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"], then="hold")
    return reply(200, [("Content-Type", "text/html")], b"<!doctype html><title>page</title>")


@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
async def test_the_backend_learns_at_once_that_a_page_gave_up(
    serving: Starter, backend: RawBackend, is_tls: bool
) -> None:
    backend.script = _answer
    context: ssl.SSLContext | None = None
    if is_tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("localhost").configure_cert(context)
    scheme = "https" if is_tls else "http"

    async with (
        listening(backend),
        serving(upstream(backend), tls=context) as stage,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        log: list[int] = []
        stage.gateway.log_to(_Log(log))
        for begin, give_up in BEGIN_AND_GIVE_UP.values():
            page = await browser.new_page(ignore_https_errors=True)
            await page.goto(f"{scheme}://localhost:{stage.address[1]}/page")
            before = len(backend.requests)
            await page.evaluate(begin)
            await until(lambda: _asked(backend, before))  # noqa: B023
            connection = _asked(backend, before)[0]
            assert not connection.ended
            log.clear()
            await (page.evaluate(give_up) if give_up else page.close())
            assert await connection.wait_ended()
            await until(lambda: log)
            assert log[0] == (499 if "/slow" in begin else 200)
            await page.close()


class _Log:
    """Keeps the statuses of requests that are over."""

    def __init__(self, statuses: list[int]) -> None:
        self._statuses = statuses

    def record(self, record: Any) -> None:
        if not record.target.endswith(b"favicon.ico"):
            self._statuses.append(record.status)


def _asked(backend: RawBackend, before: int) -> list[Any]:
    """The connections of requests that do not end by themselves."""
    return [
        connection
        for connection, request in backend.requests[before:]
        if request.target.endswith(("/slow", "/events"))
    ]
