"""`cors-gateway demo`: a backend that gets CORS wrong, the gateway in front of it, and a page to try both in a browser.

This module chooses ports, starts the parts in one process and stops them; what they serve is in `demo_site/`.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import click

from cors_gateway.cli import collection
from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from aiohttp import web

    from cors_gateway.cli.demo_site.site import Site
    from cors_gateway.snapshot import Snapshot

PAGE_PORT = 8000
STRANGER_PORT = 8001
GATEWAY_PORT = 8080
BACKEND_PORT = 8081
ADMIN_PORT = 9090
ADMIN_HOST = "127.0.0.1"
"""Wherever the demo listens, its operators are on this machine."""

STOP_SECONDS = 0.5
"""How long requests in progress may take when the demo ends."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help=f"Port of the page; {PAGE_PORT} by default, or any free one if that is taken.",
)
@click.option(
    "--only", type=click.Choice(["backend", "page"]), hidden=True, help="Run one part, as a service."
)
def command(host: str, port: int | None, only: str | None) -> None:
    """Try the gateway in a browser.

    Starts a sample backend that gets CORS wrong on purpose, the gateway in front of it with its admin page, and a page on
    another origin that calls both. Nothing else is needed. The gateway's access log comes on standard output.
    """
    import uvloop

    collection.resume()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            match only:
                case "backend":
                    runner.run(_serve_backend(host, port))
                case "page":
                    runner.run(_serve_page(host, port, os.environ))
                case _:
                    runner.run(_serve_everything(host, port))
    except _CannotStartError as error:
        click.echo(f"cors-gateway demo: {error}", err=True)
        sys.exit(FAILED)


class _CannotStartError(Exception):
    """The demo cannot run here; the message says why."""


async def _serve_everything(host: str, port: int | None) -> None:
    from cors_gateway.cli.demo_site.backend import backend_app
    from cors_gateway.cli.demo_site.gateway import running_gateway
    from cors_gateway.cli.demo_site.page import page_app, stranger_app
    from cors_gateway.cli.demo_site.site import Site, configuration_in_force
    from cors_gateway.server.signals import Signals
    from cors_gateway.server.startup_error import StartupError

    async with AsyncExitStack() as stack:
        signals = Signals()
        page = _listen(host, port, PAGE_PORT)
        stranger, gateway, backend = (
            _listen(host, None, at) for at in (STRANGER_PORT, GATEWAY_PORT, BACKEND_PORT)
        )
        admin = _listen(ADMIN_HOST, None, ADMIN_PORT)
        # Bound but not listening: refuses every connection, and no other program can be given the port meanwhile.
        nobody = stack.enter_context(socket.socket(page.family))
        nobody.bind((host, 0))

        site = Site(
            page=_origin(host, page),
            stranger=_origin(host, stranger),
            gateway=_origin(host, gateway),
            backend=_origin(host, backend),
            admin=_origin(ADMIN_HOST, admin),
            nobody=_origin(host, nobody),
        )
        environ = {
            "DEMO_LISTEN": _authority(gateway.getsockname()[0], gateway),
            "DEMO_ADMIN_LISTEN": _authority(ADMIN_HOST, admin),
            "DEMO_BACKEND": site.backend,
            "DEMO_NOBODY": site.nobody,
            "DEMO_PAGE_ORIGIN": site.page,
        }
        for app, at in (
            (backend_app(), backend),
            (page_app(site, _snapshot(environ), site.backend, configuration_in_force(environ)), page),
            (stranger_app(site), stranger),
        ):
            await _start(stack, app, at)
        try:
            await stack.enter_async_context(running_gateway(environ, signals, traffic=gateway, admin=admin))
        except StartupError as error:
            raise _CannotStartError(str(error)) from error

        click.echo(_welcome(site))
        await signals.stop.wait()


async def _serve_backend(host: str, port: int | None) -> None:
    from cors_gateway.cli.demo_site.backend import backend_app

    async with AsyncExitStack() as stack:
        stopped = _asked_to_stop()
        backend = _listen(host, port, BACKEND_PORT)
        await _start(stack, backend_app(), backend)
        click.echo(f"demo backend on {_origin(host, backend)}")
        await stopped.wait()


async def _serve_page(host: str, port: int | None, environ: Mapping[str, str]) -> None:
    from cors_gateway.cli.demo_site.page import page_app, stranger_app
    from cors_gateway.cli.demo_site.site import configuration_in_force, site_from_environment

    async with AsyncExitStack() as stack:
        stopped = _asked_to_stop()
        page = _listen(host, port, PAGE_PORT)
        stranger = _listen(host, page.getsockname()[1] + 1, STRANGER_PORT)
        site = site_from_environment(environ)
        backend = environ.get("DEMO_BACKEND", "http://backend:8000")
        await _start(
            stack, page_app(site, _snapshot(environ), backend, configuration_in_force(environ)), page
        )
        await _start(stack, stranger_app(site), stranger)
        click.echo(f"demo page on {site.page}")
        await stopped.wait()


def _listen(host: str, wanted: int | None, preferred: int) -> socket.socket:
    """Bind to the wanted port, or else to the preferred one, or else to any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, preferred if wanted is None else wanted), family=family)
    except OSError as error:
        if wanted is not None:
            raise _CannotStartError(f"cannot listen on {host} port {wanted}: {error.strerror}") from error
    try:
        return socket.create_server((host, 0), family=family)
    except OSError as error:
        raise _CannotStartError(f"cannot listen on {host}: {error.strerror}") from error


def _authority(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _origin(host: str, listener: socket.socket) -> str:
    """The origin a browser on this machine uses; port 80 is never written."""
    reachable = "localhost" if host in ("0.0.0.0", "::") else host
    return f"http://{_authority(reachable, listener)}".removesuffix(":80")


def _snapshot(environ: Mapping[str, str]) -> "Snapshot":
    from cors_gateway.cli.demo_site.site import CONFIGURATION
    from cors_gateway.config.load import load
    from cors_gateway.config.problems import render_text

    loaded = load(CONFIGURATION, environ)
    if loaded.snapshot is None:
        raise _CannotStartError(
            f"its configuration does not fit these addresses\n{render_text(loaded.problems)}"
        )
    return loaded.snapshot


async def _start(stack: AsyncExitStack, app: "web.Application", at: socket.socket) -> None:
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.SockSite(runner, at).start()


def _asked_to_stop() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _welcome(site: "Site") -> str:
    return f"""
  Open  {site.page}  in a browser.

    page       {site.page}   the one origin that the policy allows
    stranger   {site.stranger}   a page that nobody invited
    gateway    {site.gateway}   enforces the policy
    backend    {site.backend}   gets CORS wrong on purpose
    admin      {site.admin}   what the gateway has to say, for its operators

  Ctrl+C ends it."""
