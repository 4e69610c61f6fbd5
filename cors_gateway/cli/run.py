"""`cors-gateway run`: serve."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.cli import collection
from cors_gateway.cli.options import config_option

if TYPE_CHECKING:
    from socket import socket

    from cors_gateway.server.control import AdminSite, Control, OpenAdmin


@click.command()
@config_option
def command(path: Path) -> None:
    """Serve.

    SIGHUP reloads the configuration, SIGTERM drains, a second SIGTERM stops at once.
    """
    import os

    from cors_gateway.server.serve import serve

    collection.resume()
    sys.exit(serve(path, os.environ, open_admin=_open_admin))


async def _open_admin(control: "Control", sock: "socket") -> "AdminSite":
    import asyncio

    # In a thread: a reload can ask for it while requests are served, and aiohttp takes a while to import.
    open_site = await asyncio.to_thread(_import_admin)
    return await open_site(control, sock)


def _import_admin() -> "OpenAdmin":
    from cors_gateway.admin.listener import open_site

    return open_site
