"""Serving the operators' interface on a socket that the process has bound, within bounds of its own.

It shares the process's open files with the traffic: peers that connect and say nothing must not use them up.
"""

import asyncio
import socket
from collections.abc import Container
from functools import partial
from typing import cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from cors_gateway.admin.app import create_app
from cors_gateway.admin.responses import Handler
from cors_gateway.server.control import AdminSite, Control

MAX_CONNECTIONS = 64
SILENT_SECONDS = 10.0
"""A connection on which no request is in progress ends after so long, whether it sent part of one or nothing."""
SHUTDOWN_SECONDS = 1.0


BUSY = web.AppKey("BUSY", set[RequestHandler])
"""The connections on which a request is in progress."""


class Site:
    """A running operators' interface."""

    def __init__(self, runner: web.AppRunner, server: asyncio.Server) -> None:
        self._runner = runner
        self._server = server

    async def close(self) -> None:
        """Stop serving it; requests in progress have a second."""
        self._server.close()
        await self._runner.cleanup()


async def open_site(control: Control, sock: socket.socket) -> AdminSite:
    """Serve on a duplicate of `sock`, which stays with its owner."""
    app = create_app(control)
    busy: set[RequestHandler] = set()
    app[BUSY] = busy
    app.middlewares.insert(0, _mark_busy)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, keepalive_timeout=SILENT_SECONDS
    )
    await runner.setup()
    handlers = cast("web.Server", runner.server)  # there is one after `setup`
    loop = asyncio.get_running_loop()
    create = loop.create_unix_server if sock.family == socket.AF_UNIX else loop.create_server
    return Site(runner, await create(partial(_accept, handlers, busy), sock=sock.dup()))


def _accept(handlers: web.Server, busy: Container[RequestHandler]) -> RequestHandler:
    """A handler for a new connection, in place of the oldest one if there are too many: newcomers always get in."""
    connections = handlers.connections
    if len(connections) >= MAX_CONNECTIONS:
        idle = (one for one in connections if one not in busy)
        next(idle, connections[0]).force_close()
    return handlers()


@web.middleware
async def _mark_busy(request: web.Request, handler: Handler) -> web.StreamResponse:
    busy = request.app[BUSY]
    busy.add(request.protocol)
    try:
        return await handler(request)
    finally:
        busy.discard(request.protocol)
