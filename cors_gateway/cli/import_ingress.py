"""`cors-gateway import-ingress`: a configuration from Kubernetes YAML, and a review of what it does about CORS.

`--format json` prints the object that `import-nginx` prints.
"""

from pathlib import Path

import click

from cors_gateway.cli.imported import FILES, FORMAT, show, show_fault


@click.command("import-ingress")
@FORMAT
@click.option(
    "--entrance",
    metavar="NAME",
    help="The ingress class or the Gateway to import, if there are several. Default: the first.",
)
@FILES
def command(form: str, entrance: str | None, files: tuple[Path, ...]) -> None:
    """Translate Ingresses and HTTPRoutes, and say what is wrong with them.

    FILE is Kubernetes YAML, such as kubectl get -o yaml prints: Ingresses for ingress-nginx, HTTPRoutes of the Gateway API,
    and the Services, Gateways and ConfigMaps that they refer to. The configuration goes to standard output; the report, with
    each defect and everything that was left out, to standard error. Exit code 1 if nothing can be routed.
    """
    from cors_gateway.migrate.ingress.documents import ManifestFault
    from cors_gateway.migrate.ingress.importer import import_ingress
    from cors_gateway.migrate.nginx.parse import CrossplaneMissingFault, NginxSyntaxFault

    try:
        outcome = import_ingress(files, entrance)
    except (ManifestFault, NginxSyntaxFault, CrossplaneMissingFault) as fault:
        show_fault(str(fault), form)
    show(outcome, form, files)
