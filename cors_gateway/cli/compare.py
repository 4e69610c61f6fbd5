"""`cors-gateway compare`: where a browser would notice that one endpoint was replaced by another.

`--format json` prints one object; keys are only ever added:

    ok           whether there is no difference
    a, b         the endpoints
    requests     how many each was sent
    differences  [{aspect: a word of docs/doctor.md, question: as in `doctor`, also: [other questions that show the
                 same], a and b: {reason: a word of docs/decisions.md or null, text, answer: {status, headers}, curl}}]
    notes        [what was not asked, and why]
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
@click.argument("url_a")
@click.argument("url_b")
def command(url_a: str, url_b: str, **options: Any) -> None:
    """Find where a browser would notice that URL_B is not URL_A.

    Asks both, a few dozen times and with safe methods only, and compares what a browser makes of the answers, not the
    answers. With -c the questions are those of the policy's routes and tests. Exit code 5 if there is a difference.
    """
    given = Given(**options)
    targets = read_target(url_a, given), read_target(url_b, given)
    plan = make_plan(targets[0], given)

    import asyncio
    import json

    from cors_gateway.probe.asking import EndpointError, endpoint
    from cors_gateway.probe.comparison import compare, unasked
    from cors_gateway.probe.question import Exchange, moved
    from cors_gateway.probe.report import differences_document, render_differences

    async def ask() -> tuple[list[Exchange], list[Exchange]]:
        manner = manner_of(given)
        async with endpoint(targets[0], manner) as one, endpoint(targets[1], manner) as other:
            questions = plan.questions
            ones, others = await asyncio.gather(one.ask(questions), other.ask(moved(questions, *targets)))
            more = unasked(ones, others)
            answers = await asyncio.gather(one.ask(more), other.ask(moved(more, *targets)))
            return ones + answers[0], others + answers[1]

    try:
        ones, others = asyncio.run(ask())
    except EndpointError as error:
        exit_unanswered(error)
    differences = compare(ones, others)
    urls = url_a, url_b
    if given.form == "json":
        document = differences_document(urls, differences, len(ones), plan.notes)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(render_differences(urls, differences, len(ones), plan.notes), nl=False)
    if differences:
        sys.exit(DIFFERENCE_FOUND)
