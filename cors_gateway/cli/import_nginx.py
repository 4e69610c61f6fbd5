"""`cors-gateway import-nginx`: a configuration from nginx files, and a review of what they do about CORS."""

from pathlib import Path

import click

from cors_gateway.cli.imported import FILES, FORMAT, show, show_fault


@click.command("import-nginx")
@FORMAT
@FILES
def command(form: str, files: tuple[Path, ...]) -> None:
    """Translate nginx configuration, and say what is wrong with it.

    FILE is an nginx.conf, a file of server blocks, or a fragment that holds locations. The configuration goes to standard
    output; the report, with each defect and everything that was left out, to standard error. Exit code 1 if nothing can
    be routed.
    """
    from cors_gateway.migrate.nginx.importer import import_nginx
    from cors_gateway.migrate.nginx.parse import CrossplaneMissingFault, NginxSyntaxFault

    try:
        outcome = import_nginx(files)
    except (NginxSyntaxFault, CrossplaneMissingFault) as fault:
        show_fault(str(fault), form)
    show(outcome, form, files)
