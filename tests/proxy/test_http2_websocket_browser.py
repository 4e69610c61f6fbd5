"""Chromium opens its WebSockets on the HTTP/2 connection that its page came on."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trustme
from aiohttp import WSMsgType, web
from playwright.async_api import async_playwright

from cors_gateway.observe.record import RequestRecord
from cors_gateway.snapshot import Http2
from tests.proxy.stage import Records, Starter, until

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
SOCKETS = 8
POLICY = {"allow_origins": ["https://localhost:*"], "websocket_origin_check": True}
LARGE = 300_000
TALK = """async ([sockets, large]) => {
    const one = number => new Promise((resolve, reject) => {
        const socket = new WebSocket(`wss://${location.host}/echo?${number}`, ["chat", "other"]);
        const said = [];
        socket.onopen = () => { socket.send(`hello ${number}`); socket.send("x".repeat(large)); };
        socket.onmessage = event => {
            said.push(event.data.length);
            if (said.length === 2) socket.close();
        };
        socket.onclose = event => resolve([socket.protocol, said, event.code, event.wasClean]);
        socket.onerror = () => reject(new Error("socket"));
    });
    return Promise.all(Array.from({length: sockets}, (_, number) => one(number)));
}"""
REFUSED = """() => new Promise(resolve => {
    const socket = new WebSocket(`wss://${location.host}/refused`);
    socket.onopen = () => resolve("open");
    socket.onclose = event => resolve(event.code);
})"""
LEFT = """() => new Promise(resolve => {
    window.left = new WebSocket(`wss://${location.host}/server-closes`);
    left.onclose = event => resolve([event.code, event.reason, event.wasClean]);
})"""


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=["chat"])
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def _close(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.close(code=4001, message=b"goodbye")
    return socket


async def _page(_: web.Request) -> web.Response:
    return web.Response(text="<!doctype html><title>x</title>", content_type="text/html")


async def _refused(_: web.Request) -> web.Response:
    return web.Response(status=200, text="no WebSocket is here")


@asynccontextmanager
async def _backend() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/page", _page)
    app.router.add_get("/echo", _echo)
    app.router.add_get("/server-closes", _close)
    app.router.add_get("/refused", _refused)
    runner = web.AppRunner(app, handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_chromium_opens_its_websockets_on_the_connection_of_its_page(serving: Starter) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(server)
    server.set_alpn_protocols(["h2", "http/1.1"])
    async with (
        _backend() as url,
        serving({"servers": [url]}, policy=POLICY, tls=server, http2=Http2.TLS) as stage,
        async_playwright() as player,
        await player.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser,
    ):
        page = await browser.new_page(ignore_https_errors=True)
        await page.goto(f"https://localhost:{stage.address[1]}/page")
        records = stage.log()
        before = stage.gateway.metrics.connections_total
        async with asyncio.timeout(30):
            talks = await page.evaluate(TALK, [SOCKETS, LARGE])
            left = await page.evaluate(LEFT)
            refused = await page.evaluate(REFUSED)
        opened = stage.gateway.metrics.connections_total - before
        await until(lambda: len(_of_websockets(records)) == SOCKETS + 2)
        await until(lambda: not stage.pool.servers[0].active)

    assert talks == [["chat", [7, LARGE], 1000, True]] * SOCKETS
    assert left == [4001, "goodbye", True]
    assert refused == 1006
    assert opened == 0
    assert {(one.protocol, one.status) for one in _of_websockets(records)} == {
        ("HTTP/2.0", 101),
        ("HTTP/2.0", 502),
    }


def _of_websockets(records: Records) -> list[RequestRecord]:
    return [one for one in records if one.tally.kind == "websocket"]
