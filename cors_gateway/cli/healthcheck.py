"""`cors-gateway healthcheck`: is the gateway on this machine ready? For `HEALTHCHECK` and exec probes.

Runs every few seconds for ever, so it imports as little as can be.
"""

import http.client
import sys

import click

from cors_gateway.cli.admin_client import AddressError, ask, parse_admin_address
from cors_gateway.cli.options import admin_option
from cors_gateway.exit_codes import FAILED


@click.command()
@admin_option
@click.option("--timeout", default=2.0, show_default=True, help="Seconds to wait for an answer.")
def command(address: str, timeout: float) -> None:
    """Ask whether the running gateway is ready.

    Exit code 0 if its admin listener says so, else 1.
    """
    try:
        target = parse_admin_address(address)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        answer = ask(target, "GET", "/readyz", timeout=timeout)
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer from {target}: {error}", err=True)
        sys.exit(FAILED)
    if answer.status != http.client.OK:
        click.echo(
            f"{target} answered {answer.status}: {answer.body.decode('utf-8', 'replace').strip()}", err=True
        )
        sys.exit(FAILED)
    click.echo("ready")
