"""JSON from the admin listener of the running gateway, for verbs that can say nothing without it."""

import http.client
import json
import sys
from dataclasses import dataclass

import click

from cors_gateway.cli.admin_client import AddressError, ask, parse_admin_address
from cors_gateway.exit_codes import FAILED


@dataclass(frozen=True, slots=True)
class Document:
    status: int
    text: str
    """As it came, without the white space around it."""
    values: dict[str, object]


def document_or_exit(address: str, method: str, path: str, *, timeout: float, token: str) -> Document:
    """Ask; without an answer that is JSON, say so on standard error and exit with 1."""
    try:
        target = parse_admin_address(address)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        answer = ask(target, method, path, timeout=timeout, token=token)
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer from {target}: {error}", err=True)
        sys.exit(FAILED)
    try:
        values = json.loads(answer.body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        click.echo(f"{target} answered {answer.status}, and not as the admin listener does", err=True)
        sys.exit(FAILED)
    return Document(answer.status, answer.body.decode().strip(), values)
