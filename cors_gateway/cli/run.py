"""`cors-gateway run`: serve."""

import sys
from pathlib import Path

import click

from cors_gateway.cli.options import config_option


@click.command()
@config_option
def command(path: Path) -> None:
    """Serve. SIGHUP reloads the configuration, SIGTERM drains, a second SIGTERM stops at once."""
    import os

    from cors_gateway.admin.site import open_site
    from cors_gateway.server.process import serve

    sys.exit(serve(path, os.environ, open_admin=open_site))
