"""Serving the operators' interface on a socket that the process has bound."""

import socket

from aiohttp import web

from cors_gateway.admin.app import create_app
from cors_gateway.server.control import AdminSite, Control

SHUTDOWN_SECONDS = 1.0


class Site:
    """A running operators' interface."""

    def __init__(self, runner: web.AppRunner) -> None:
        self._runner = runner

    async def close(self) -> None:
        """Stop serving it; requests in progress have a second."""
        await self._runner.cleanup()


async def open_site(control: Control, sock: socket.socket) -> AdminSite:
    """Serve on a duplicate of `sock`, which stays with its owner."""
    runner = web.AppRunner(create_app(control), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    await web.SockSite(runner, sock.dup()).start()
    return Site(runner)
