"""`cors-gateway import-nginx`: a configuration from nginx files, and a review of what they do about CORS.

`--format json` prints one object; keys are only ever added:

    configuration   the text that the other form prints; null if nothing can be routed
    findings        [{code, severity, message, hint, file, line}]
    untranslated    [{directive, file, line, why}]
    notes           [{directive, file, line, why}]: translated, with a difference
    error           why nothing could be read; only then
"""

import sys
from pathlib import Path

import click

from cors_gateway.exit_codes import FAILED


@click.command("import-nginx")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="YAML with a report on standard error, or both in one JSON object.",
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
def command(form: str, files: tuple[Path, ...]) -> None:
    """Translate nginx configuration, and say what is wrong with it.

    FILE is an nginx.conf, a file of server blocks, or a fragment that holds locations. The configuration goes to standard
    output; the report, with each defect and everything that was left out, to standard error. Exit code 1 if nothing can
    be routed.
    """
    import json

    from cors_gateway.migrate.nginx.importer import import_nginx
    from cors_gateway.migrate.nginx.parse import CrossplaneMissingFault, NginxSyntaxFault
    from cors_gateway.migrate.report import render_json, render_text
    from cors_gateway.migrate.write import write

    try:
        outcome = import_nginx(files)
    except (NginxSyntaxFault, CrossplaneMissingFault) as fault:
        if form == "json":
            empty: dict[str, object] = {
                "configuration": None,
                "findings": [],
                "untranslated": [],
                "notes": [],
                "error": str(fault),
            }
            click.echo(json.dumps(empty, indent=2, ensure_ascii=False))
        else:
            click.echo(str(fault), err=True)
        sys.exit(FAILED)
    configuration = None if outcome.is_empty else write(outcome)
    if form == "json":
        click.echo(render_json(outcome, configuration), nl=False)
    else:
        click.echo(configuration or "", nl=False)
        click.echo(render_text(outcome, ", ".join(map(str, files))), nl=False, err=True)
    if configuration is None:
        sys.exit(FAILED)
