"""`cors-gateway check`: everything that can be known about a configuration without opening a socket or asking DNS."""

import sys
from pathlib import Path

import click

from cors_gateway.cli.options import config_option
from cors_gateway.exit_codes import FAILED


@click.command()
@config_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="For people, for programs, or as annotations of GitHub Actions.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail the check as well.")
@click.option(
    "--print",
    "print_effective",
    is_flag=True,
    help="Print the effective configuration, secrets redacted; problems go to standard error.",
)
def command(path: Path, form: str, strict: bool, print_effective: bool) -> None:
    """Check a configuration.

    Everything that can be known without opening a socket or asking DNS; exit code 1 if it is not fit to be served.
    """
    import os

    from cors_gateway.config import problems as report
    from cors_gateway.config.load import effective, load

    loaded = load(path, os.environ)
    if form == "json":
        text = report.render_json(loaded.problems)
    elif form == "github":
        text = report.render_github(loaded.problems)
    else:
        text = report.render_text(loaded.problems) or f"{path}: no problems\n"
    click.echo(text, nl=False, err=print_effective)
    if print_effective and loaded.snapshot is not None:
        click.echo(effective(loaded.snapshot), nl=False)
    if loaded.snapshot is None or (strict and loaded.problems):
        sys.exit(FAILED)
