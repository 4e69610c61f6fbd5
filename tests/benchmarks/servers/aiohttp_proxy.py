"""A CORS proxy on aiohttp's low-level server and its client, on uvloop: `… aiohttp_proxy SITE.json` (see aiohttp.py).

Tuned where aiohttp lets one: no router, no cookie jar, no decompression, raw header fields, small bodies in one piece.
"""

import asyncio
import functools
import json
import logging
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import (
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    WSMsgType,
    web,
)
from multidict import CIMultiDict
from yarl import URL

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
    }
)
_SMALL = 64 * 1024
_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


class Proxy:
    """Answers every request of one process."""

    def __init__(self, site: dict[str, Any], session: ClientSession) -> None:
        self._session = session
        self._routes = dict(site["routes"])
        self._origins = frozenset(site["origins"])
        self._dropped = _HOP_BY_HOP | set(site["cors_fields"])
        self._exposed = site["exposed"]
        self._scheme = "https" if site["tls"] else "http"
        self._preflight = {
            "Access-Control-Allow-Methods": site["methods"],
            "Access-Control-Allow-Headers": site["headers"],
            "Access-Control-Max-Age": site["max_age"],
        }

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        origin = request.headers.get("Origin", "")
        listed = origin in self._origins
        if request.method == "OPTIONS" and origin and "Access-Control-Request-Method" in request.headers:
            return self._answer_preflight(origin if listed else "")
        target = self._routes.get(request.path[: request.path.find("/", 1) + 1])
        if target is None:
            return web.Response(status=404)
        url = URL(target + request.raw_path, encoded=True)
        headers = CIMultiDict(
            (name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP
        )
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = self._scheme
        headers["X-Forwarded-Host"] = request.host
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._tunnel(request, url, headers)
        return await self._forward(request, url, headers, origin if listed else "")

    def _answer_preflight(self, origin: str) -> web.Response:
        if not origin:
            return web.Response(status=204, headers={"Vary": _VARY})
        headers = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Credentials": "true",
            "Vary": _VARY,
            **self._preflight,
        }
        return web.Response(status=204, headers=headers)

    async def _forward(
        self, request: web.BaseRequest, url: URL, headers: CIMultiDict[str], origin: str
    ) -> web.StreamResponse:
        data: Any = None
        if request.can_read_body:
            length = request.content_length
            if length is not None:
                headers["Content-Length"] = str(length)
            data = await request.read() if length is not None and length <= _SMALL else request.content
        async with self._session.request(
            request.method, url, headers=headers, data=data, allow_redirects=False
        ) as answer:
            fields = CIMultiDict(
                (name, value) for name, value in answer.headers.items() if name.lower() not in self._dropped
            )
            fields.add("Vary", "Origin")
            if origin:
                fields["Access-Control-Allow-Origin"] = origin
                fields["Access-Control-Allow-Credentials"] = "true"
                fields["Access-Control-Expose-Headers"] = self._exposed
            if answer.content_length is not None and answer.content_length <= _SMALL:
                return web.Response(status=answer.status, headers=fields, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=fields)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def _tunnel(
        self, request: web.BaseRequest, url: URL, headers: CIMultiDict[str]
    ) -> web.StreamResponse:
        for name in [name for name in headers if name.lower().startswith("sec-websocket-")]:
            del headers[name]
        near = web.WebSocketResponse(autoping=False)
        async with self._session.ws_connect(url, headers=headers, autoping=False) as far:
            await near.prepare(request)
            await asyncio.gather(_copy_messages(near, far), _copy_messages(far, near))
        return near


async def _copy_messages(source: Any, destination: Any) -> None:
    async for message in source:
        if message.type is WSMsgType.TEXT:
            await destination.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await destination.send_bytes(message.data)
    await destination.close()


async def _serve(site: dict[str, Any], listener: socket.socket) -> None:
    connector = TCPConnector(limit=site["kept"], keepalive_timeout=300)
    async with ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        timeout=ClientTimeout(total=None),
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as session:
        options: dict[str, Any] = {"access_log": None, "keepalive_timeout": 600}
        if site["access_log"]:
            log = logging.getLogger("aiohttp.access")
            log.setLevel(logging.INFO)
            log.addHandler(logging.FileHandler(site["access_log"]))
            options["access_log"] = log
        server = web.Server(Proxy(site, session).handle, **options)
        context = None
        if site["tls"]:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(site["tls"]["chain"], site["tls"]["key"])
        loop = asyncio.get_running_loop()
        await loop.create_server(server, sock=listener, backlog=4096, ssl=context)
        await asyncio.Event().wait()


def main(path: Path) -> None:
    site = json.loads(path.read_text())
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", site["port"]))
    for _ in range(site["workers"] - 1):
        if os.fork() == 0:
            break
    serve = functools.partial(_serve, site, listener)
    uvloop.run(serve())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
