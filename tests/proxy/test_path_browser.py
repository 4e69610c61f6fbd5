"""What a browser sends of a path reaches the backend byte for byte."""

import pytest
from playwright.async_api import async_playwright

from tests.engines.chromium import FLAGS, PROGRAM
from tests.proxy.stage import Starter, listening, upstream
from tests.wire.raw_backend import RawBackend, reply

pytestmark = pytest.mark.browser

TARGETS = (
    "/api/a%0Ab%09c",
    "/api/a%0ab%09c?d=%0D%0A&e=%09",
    "/api/%01%1F%7F%C3%A9%FF",
    "/api/a%20b;c=%3B/,/d'(e)!~*@:$&+=",
    "/api//a///b/?",
)


async def test_fetches_and_navigations_reach_the_backend_as_they_were_sent(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = lambda _: reply(200, [("Content-Type", "text/html")], b"<!doctype html><title>p</title>")
    async with (
        listening(backend),
        serving(upstream(backend)) as stage,
        async_playwright() as playwright,
        await playwright.chromium.launch(executable_path=PROGRAM, args=FLAGS) as browser,
    ):
        page = await browser.new_page(base_url=f"http://localhost:{stage.address[1]}")
        for target in TARGETS:
            answer = await page.goto(target)
            assert answer is not None
            assert answer.status == 200
            assert await page.evaluate("async target => (await fetch(target)).status", target) == 200
        lines = [
            line
            for connection in backend.connections
            for line in bytes(connection.received).split(b"\r\n")
            if line.startswith(b"GET ") and b"favicon" not in line
        ]

    assert sorted(lines) == sorted(f"GET {target} HTTP/1.1".encode() for target in TARGETS * 2)
