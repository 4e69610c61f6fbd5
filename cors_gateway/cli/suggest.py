"""`cors-gateway suggest`: from refused requests to the smallest change that would have let them through.

`--format json` prints one object; keys are only ever added:

    source       where the refusals come from
    allowed_now  how many of the requests the configuration lets through as it is
    suggestions  [{policy: name or null, route, key, action: "add" | "set", values: [{value, count, warnings: [sentences]}],
                 consequences: [sentences], file, line}]; policy is null for a policy written in the route, and for keys of the route
    left_out     [{origin, reason, count, route: name or null, why: [sentences]}]
"""

import http.client
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from cors_gateway.cli.load_or_exit import snapshot_or_exit
from cors_gateway.cli.options import admin_option, config_option, token_option
from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from cors_gateway.observe.refusals import RefusedOrigin


@click.command()
@config_option
@click.option(
    "--from",
    "log",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="An access log of the form json, or - for standard input, in place of the running gateway.",
)
@admin_option
@token_option
@click.option(
    "--origin", "named", multiple=True, help="Suggest this origin although it looks unsafe; may be repeated."
)
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@click.pass_context
def command(
    context: click.Context,
    path: Path,
    log: str | None,
    address: str,
    token: str,
    named: tuple[str, ...],
    form: str,
) -> None:
    """Suggest what to add to the configuration, from requests that were refused.

    Asks the running gateway, by default where the configuration has its admin listener, or reads an access log, also of a policy on trial (report_only). Prints YAML and changes
    nothing: whoever sends requests chooses the origins, so look at each before you add it.
    """
    snapshot = snapshot_or_exit(path, form)
    is_named = context.get_parameter_source("address") is not ParameterSource.DEFAULT
    if snapshot.admin is not None and not is_named:
        address, token = str(snapshot.admin.listen), token or snapshot.admin.token or ""
    refused, source = _of_gateway(address, token) if log is None else _of_log(log)

    import json

    from cors_gateway.explain.explainer import Explainer
    from cors_gateway.explain.suggestion import suggest
    from cors_gateway.explain.suggestion_text import render_yaml, suggestions_document

    found = suggest(refused, Explainer(snapshot), named)
    if form == "json":
        click.echo(json.dumps(suggestions_document(found, source), indent=2))
    else:
        click.echo(render_yaml(found, source), nl=False)


def _of_log(log: str) -> tuple[Sequence["RefusedOrigin"], str]:
    from cors_gateway.observe.log_reading import read_log

    name = "standard input" if log == "-" else log
    with click.open_file(log, encoding="utf-8", errors="replace") as lines:
        reading = read_log(lines)
    if not reading.requests:
        click.echo(f"{name}: no line is about a request; is it an access log of the form json?", err=True)
        sys.exit(FAILED)
    count = sum(refusal.count for refusal in reading.refusals)
    return reading.refusals, f"{count} of {reading.requests} requests in {name} were refused"


def _of_gateway(address: str, token: str) -> tuple[Sequence["RefusedOrigin"], str]:
    import json

    from cors_gateway.cli.admin_client import AddressError, ask, parse_admin_address
    from cors_gateway.observe.refusals import RefusedOrigin

    try:
        target = parse_admin_address(address)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        answer = ask(target, "GET", "/refusals", timeout=10, token=token)
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer from {target}: {error}", err=True)
        sys.exit(FAILED)
    try:
        refused = [RefusedOrigin(**row) for row in json.loads(answer.body)["refusals"]]
    except (ValueError, TypeError, KeyError):
        click.echo(f"{target} answered {answer.status}, and not as the admin listener does", err=True)
        sys.exit(FAILED)
    count = sum(refusal.count for refusal in refused)
    return refused, f"{count} requests were refused by the gateway at {target}"
