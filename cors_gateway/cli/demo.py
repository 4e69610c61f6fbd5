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
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.cli import collection
from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    import ssl

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
    "--tls",
    is_flag=True,
    help="Serve over TLS, with a certificate made for the occasion, and HTTP/2 if it is installed.",
)
@click.option(
    "--only", type=click.Choice(["backend", "page"]), hidden=True, help="Run one part, as a service."
)
def command(host: str, port: int | None, tls: bool, only: str | None) -> None:
    """Try the gateway in a browser.

    Starts a sample backend that gets CORS wrong on purpose, the gateway in front of it with its admin page, and a page on
    another origin that calls both. Nothing else is needed. The gateway's access log comes on standard output.
    """
    if tls and only:
        raise click.UsageError("--tls is for the whole demo, not for one part of it")
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
                    runner.run(_serve_everything(host, port, has_tls=tls))
    except _CannotStartError as error:
        click.echo(f"cors-gateway demo: {error}", err=True)
        sys.exit(FAILED)


class _CannotStartError(Exception):
    """The demo cannot run here; the message says why."""


async def _serve_everything(host: str, port: int | None, *, has_tls: bool) -> None:
    from tempfile import TemporaryDirectory

    from cors_gateway.cli.demo_site.backend import backend_app
    from cors_gateway.cli.demo_site.gateway import running_gateway
    from cors_gateway.cli.demo_site.page import page_app, stranger_app
    from cors_gateway.cli.demo_site.site import CONFIGURATION, Site, configuration_in_force
    from cors_gateway.server.signals import Signals
    from cors_gateway.server.startup_error import StartupError

    async with AsyncExitStack() as stack:
        signals = Signals()
        scheme, tls, configuration = "http", None, CONFIGURATION
        if has_tls:
            directory = Path(stack.enter_context(TemporaryDirectory(prefix="cors-gateway-demo-")))
            scheme, (tls, configuration) = "https", _tls(directory, host)
        page = _listen(host, port, PAGE_PORT)
        stranger, gateway, backend = (
            _listen(host, None, at) for at in (STRANGER_PORT, GATEWAY_PORT, BACKEND_PORT)
        )
        admin = _listen(ADMIN_HOST, None, ADMIN_PORT)
        # Bound but not listening: refuses every connection, and no other program can be given the port meanwhile.
        nobody = stack.enter_context(socket.socket(page.family))
        nobody.bind((host, 0))

        site = Site(
            page=_origin(host, page, scheme),
            stranger=_origin(host, stranger, scheme),
            gateway=_origin(host, gateway, scheme),
            backend=_origin(host, backend, scheme),
            admin=_origin(ADMIN_HOST, admin),
            nobody=_origin(host, nobody, scheme),
        )
        places, address = [(backend, tls)], site.backend
        if has_tls:  # the gateway is on this machine, and needs none to reach it
            behind = _listen(ADMIN_HOST, None, 0)
            places, address = [*places, (behind, None)], _origin(ADMIN_HOST, behind)
        environ = {
            "DEMO_LISTEN": _authority(gateway.getsockname()[0], gateway),
            "DEMO_ADMIN_LISTEN": _authority(ADMIN_HOST, admin),
            "DEMO_BACKEND": address,
            "DEMO_NOBODY": _origin(host, nobody),
            "DEMO_PAGE_ORIGIN": site.page,
        }
        snapshot = _snapshot(configuration, environ)
        shown = configuration_in_force(configuration, environ)
        await _start(stack, backend_app(), *places)
        await _start(stack, page_app(site, snapshot, address, shown), (page, tls))
        await _start(stack, stranger_app(site), (stranger, tls))
        try:
            await stack.enter_async_context(
                running_gateway(configuration, environ, signals, traffic=gateway, admin=admin)
            )
        except StartupError as error:
            raise _CannotStartError(str(error)) from error

        click.echo(_welcome(site, has_tls=has_tls))
        await signals.stop.wait()


def _tls(directory: Path, host: str) -> tuple["ssl.SSLContext", Path]:
    """How everything but the gateway serves over TLS, and the configuration by which the gateway does."""
    from cors_gateway.cli.demo_site.certificate import (
        NoCertificateError,
        configuration_over_tls,
        make_certificate,
    )
    from cors_gateway.server.tls_context import make_server_context

    try:
        certificate = make_certificate(directory, host)
    except NoCertificateError as error:
        raise _CannotStartError(str(error)) from error
    return make_server_context(certificate), configuration_over_tls(directory)


async def _serve_backend(host: str, port: int | None) -> None:
    from cors_gateway.cli.demo_site.backend import backend_app

    async with AsyncExitStack() as stack:
        stopped = _asked_to_stop()
        backend = _listen(host, port, BACKEND_PORT)
        await _start(stack, backend_app(), (backend, None))
        click.echo(f"demo backend on {_origin(host, backend)}")
        await stopped.wait()


async def _serve_page(host: str, port: int | None, environ: Mapping[str, str]) -> None:
    from cors_gateway.cli.demo_site.page import page_app, stranger_app
    from cors_gateway.cli.demo_site.site import (
        CONFIGURATION,
        configuration_in_force,
        site_from_environment,
    )

    async with AsyncExitStack() as stack:
        stopped = _asked_to_stop()
        page = _listen(host, port, PAGE_PORT)
        stranger = _listen(host, page.getsockname()[1] + 1, STRANGER_PORT)
        site = site_from_environment(environ)
        backend = environ.get("DEMO_BACKEND", "http://backend:8000")
        shown = configuration_in_force(CONFIGURATION, environ)
        await _start(stack, page_app(site, _snapshot(CONFIGURATION, environ), backend, shown), (page, None))
        await _start(stack, stranger_app(site), (stranger, None))
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


def _origin(host: str, listener: socket.socket, scheme: str = "http") -> str:
    """The origin a browser on this machine uses; the port that goes without saying is never written."""
    reachable = "localhost" if host in ("0.0.0.0", "::") else host
    unwritten = ":443" if scheme == "https" else ":80"
    return f"{scheme}://{_authority(reachable, listener)}".removesuffix(unwritten)


def _snapshot(configuration: Path, environ: Mapping[str, str]) -> "Snapshot":
    from cors_gateway.config.load import load
    from cors_gateway.config.problems import render_text

    loaded = load(configuration, environ)
    if loaded.snapshot is None:
        raise _CannotStartError(
            f"its configuration does not fit these addresses\n{render_text(loaded.problems)}"
        )
    return loaded.snapshot


async def _start(
    stack: AsyncExitStack, app: "web.Application", *places: tuple[socket.socket, "ssl.SSLContext | None"]
) -> None:
    """Serve an application on these sockets, over TLS where there is a context."""
    from aiohttp import web

    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    for at, tls in places:
        await web.SockSite(runner, at, ssl_context=tls).start()


def _asked_to_stop() -> asyncio.Event:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    return stopped


def _welcome(site: "Site", *, has_tls: bool) -> str:
    return f"""
  Open  {site.page}  in a browser.

    page       {site.page}   the one origin that the policy allows
    stranger   {site.stranger}   a page that nobody invited
    gateway    {site.gateway}   enforces the policy
    backend    {site.backend}   gets CORS wrong on purpose
    admin      {site.admin}   what the gateway has to say, for its operators
{_about_tls() if has_tls else ""}
  Ctrl+C ends it."""


def _about_tls() -> str:
    from cors_gateway.config.compile.http2_listeners import INSTALL_HINT, is_http2_available

    protocols = (
        "HTTP/2 and HTTP/1.1" if is_http2_available() else f"HTTP/1.1 only; for HTTP/2: {INSTALL_HINT}"
    )
    return f"""
  The gateway speaks {protocols}.
  Nobody vouches for the certificate, so the browser warns: go on all the same. One that asks again for each port
  (Firefox does) has to be told so at the first four addresses before the page can call them.
"""
