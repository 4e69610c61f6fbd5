"""What the verbs that import share: their option, their arguments, and where their output goes.

`--format json` prints one object; keys are only ever added:

    configuration   the text that the other form prints; null if nothing can be routed
    findings        [{code, severity, message, hint, file, line}]
    untranslated    [{directive, file, line, why}]
    notes           [{directive, file, line, why}]: translated, with a difference
    error           why nothing could be read; only then
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from cors_gateway.migrate.outcome import Outcome

FORMAT = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="YAML with a report on standard error, or both in one JSON object.",
)
FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))


def show(outcome: "Outcome", form: str, files: tuple[Path, ...]) -> None:
    """Print an outcome; exits with code 1 if nothing can be routed."""
    from cors_gateway.migrate.report import render_json, render_text
    from cors_gateway.migrate.write import write

    configuration = None if outcome.is_empty else write(outcome)
    if form == "json":
        click.echo(render_json(outcome, configuration), nl=False)
    else:
        click.echo(configuration or "", nl=False)
        click.echo(render_text(outcome, ", ".join(map(str, files))), nl=False, err=True)
    if configuration is None:
        sys.exit(FAILED)


def show_fault(reason: str, form: str) -> NoReturn:
    """Say why nothing could be read, and exit."""
    import json

    if form == "json":
        empty: dict[str, object] = {
            "configuration": None,
            "findings": [],
            "untranslated": [],
            "notes": [],
            "error": reason,
        }
        click.echo(json.dumps(empty, indent=2, ensure_ascii=False))
    else:
        click.echo(reason, err=True)
    sys.exit(FAILED)
