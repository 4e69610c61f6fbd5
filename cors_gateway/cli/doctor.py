"""`cors-gateway doctor`: what is wrong with the CORS of an endpoint, whoever made it.

`--format json` prints one object; keys are only ever added:

    ok        whether nothing was found
    url       the endpoint
    requests  how many were sent
    findings  [{severity: "error" | "warning", code: a word of docs/doctor.md, reason: the word of docs/decisions.md that
              the answer comes to or null, message, hint, question: {kind: "plain" | "preflight" | "actual" | "options",
              page: "nobody" | "listed" | "stranger" | ..., origin, method, path, headers, credentials, text}, more: how
              many other questions show the same, answer: {status, headers: [[name, value]]} or null, curl}]
    notes     [what was not asked, and why]
"""

import sys
from typing import Any

import click

from cors_gateway.cli.probing import (
    Given,
    exit_unanswered,
    make_plan,
    manner_of,
    probing_options,
    read_target,
)
from cors_gateway.exit_codes import DIFFERENCE_FOUND


@click.command()
@probing_options
@click.argument("url")
def command(url: str, **options: Any) -> None:
    """Find what is wrong with the CORS of an endpoint.

    Asks URL, a few dozen times and with safe methods only, what browsers would ask on behalf of listed pages, of
    strangers and of look-alikes. With -c, what the policy says is compared with what the endpoint does, for every
    route if URL has no path. Exit code 5 if there is a defect.
    """
    given = Given(**options)
    target = read_target(url, given)
    plan = make_plan(target, given)

    import asyncio
    import json

    from cors_gateway.probe.asking import EndpointError, endpoint
    from cors_gateway.probe.examination import examine
    from cors_gateway.probe.question import Exchange
    from cors_gateway.probe.report import findings_document, render_findings

    async def ask() -> list[Exchange]:
        async with endpoint(target, manner_of(given)) as server:
            return await server.ask(plan.questions)

    try:
        exchanges = asyncio.run(ask())
    except EndpointError as error:
        exit_unanswered(error)
    findings = examine(exchanges)
    if given.form == "json":
        document = findings_document(url, findings, len(exchanges), plan.notes)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(render_findings(url, findings, len(exchanges), plan.notes), nl=False)
    if findings:
        sys.exit(DIFFERENCE_FOUND)
