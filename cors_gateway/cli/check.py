"""`cors-gateway check`: everything that can be known about a configuration without opening a socket or asking DNS."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cors_gateway.cli.options import config_option, report_form_option
from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cors_gateway.config.load import Extent


@click.command()
@config_option
@report_form_option
@click.option("--strict", is_flag=True, help="Let warnings fail the check as well.")
@click.option(
    "--print",
    "print_effective",
    is_flag=True,
    help="Print the effective configuration, secrets redacted; problems go to standard error.",
)
@click.argument("place", metavar="[PATH]", required=False, type=click.Path(path_type=Path, readable=False))
@click.pass_context
def command(
    context: click.Context, path: Path, form: str, strict: bool, print_effective: bool, place: Path | None
) -> None:
    """Check a configuration.

    Everything that can be known without opening a socket or asking DNS; exit code 1 if it is not fit to be served.
    PATH is the same as -c PATH.
    """
    import os

    from cors_gateway.cli.colour import paint_problems
    from cors_gateway.config import problems as report
    from cors_gateway.config.load import effective, load

    if place is not None:
        if context.get_parameter_source("path") is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"two configurations are named: {path} and {place}")
        path = place
    loaded = load(path, os.environ)
    if form == "json":
        text = report.render_json(loaded.problems)
    elif form == "github":
        text = report.render_github(loaded.problems)
    else:
        text = paint_problems(report.render_text(loaded.problems))
        if loaded.snapshot is not None:
            verdict = "can be served" if loaded.problems else "no problems"
            text += f"{path}: {verdict}; {_extent_words(loaded.extent)}\n"
            text += "".join(_certificate_lines(loaded.snapshot.certificates))
    click.echo(text, nl=False, err=print_effective)
    if print_effective and loaded.snapshot is not None:
        click.echo(effective(loaded.snapshot), nl=False)
    if loaded.snapshot is None or (strict and loaded.problems):
        sys.exit(FAILED)


def _certificate_lines(certificates: "Mapping[str, float]") -> "Iterator[str]":
    """`certificate /etc/tls.pem: 89 days left, until 2027-02-26`."""
    import time

    from cors_gateway.config.compile.validity import left_words

    for file, ends in certificates.items():
        yield f"certificate {file}: {left_words(ends, time.time())}\n"


def _extent_words(extent: "Extent") -> str:
    """`read 1 file with 3 routes, 2 policies, 1 upstream and 4 tests`."""
    parts = [
        _counted(extent.routes, "route"),
        _counted(extent.policies, "policy", "policies"),
        _counted(extent.upstreams, "upstream"),
    ]
    return (
        f"read {_counted(extent.files, 'file')} with {', '.join(parts)} and {_counted(extent.tests, 'test')}"
    )


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
