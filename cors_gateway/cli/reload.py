"""`cors-gateway reload`: ask a running gateway to read its configuration again, and show what came of it."""

import sys

import click

from cors_gateway.cli.admin_answer import document_or_exit
from cors_gateway.cli.colour import paint_problems
from cors_gateway.cli.options import admin_option, token_option
from cors_gateway.exit_codes import FAILED


@click.command()
@admin_option
@token_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for the outcome.")
def command(address: str, token: str, form: str, timeout: float) -> None:
    """Have the running gateway read its configuration.

    Exit code 1 if it keeps the old one.
    """
    answer = document_or_exit(address, "POST", "/reload", timeout=timeout, token=token)
    if form == "json":
        click.echo(answer.text)
    else:
        click.echo(paint_problems("\n".join(_lines(answer.values))))
    if not answer.values.get("ok"):
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
