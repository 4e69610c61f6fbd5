"""`cors-gateway reload`: ask a running gateway to read its configuration again, and show what came of it."""

import http.client
import sys

import click

from cors_gateway.cli.admin_client import AddressError, ask, parse_admin_address
from cors_gateway.cli.options import admin_option
from cors_gateway.exit_codes import FAILED


@click.command()
@admin_option
@click.option(
    "--token",
    envvar="CORS_GATEWAY_ADMIN_TOKEN",
    default="",
    help="Bearer token, if the admin listener wants one.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for the outcome.")
def command(address: str, token: str, form: str, timeout: float) -> None:
    """Have the running gateway read its configuration.

    Exit code 1 if it keeps the old one.
    """
    import json

    try:
        target = parse_admin_address(address)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        answer = ask(target, "POST", "/reload", timeout=timeout, token=token)
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer from {target}: {error}", err=True)
        sys.exit(FAILED)
    try:
        result = json.loads(answer.body)
    except ValueError:
        click.echo(f"{target} answered {answer.status}, and not as the admin listener does", err=True)
        sys.exit(FAILED)
    if form == "json":
        click.echo(answer.body.decode())
    else:
        click.echo("\n".join(_lines(result)))
    if not result.get("ok"):
        sys.exit(FAILED)


def _lines(result: dict[str, object]) -> list[str]:
    """The outcome for people: one line of verdict, then problems or changes."""
    verdict = str(result.get("message") or result.get("detail") or result.get("title") or "no outcome given")
    problems = result.get("problems")
    changes = result.get("changes")
    lines = [verdict]
    for problem in problems if isinstance(problems, list) else []:
        place = "{file}:{line}:{column}".format_map(problem)
        lines.append("{place}: {severity} {code} {path}: {message}".format(place=place, **problem))
        if problem["hint"]:
            lines.append(f"  = {problem['hint']}")
    lines += [f"  {change}" for change in (changes if isinstance(changes, list) else [])]
    return lines
