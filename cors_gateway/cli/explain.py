"""`cors-gateway explain`: what a browser would do with a request, what the gateway would answer, and what to change.

`--format json` prints one object; keys are only ever added:

    verdict          "allowed", "refused", or "unknown" (only the backend knows)
    allowed          whether the verdict is "allowed"
    reason           the deciding word of docs/decisions.md; null if the request line itself is refused
    summary          the outcome in a sentence or two
    request          {origin, method, url, host, path, headers: [[name, value or null]], credentials, websocket,
                     browser: the engine asked about, or null for the standard}
    cross_origin     whether the browser applies CORS at all; relation says why
    route            {name, file, line}, null if none serves the request
    policy           {name or null, mode: "enforce" | "disabled" | "passthrough", report_only, file, line}; null likewise
    entry            {text, file, line}: the entry of allow_origins that allowed the origin, or null
    preflight_causes why the browser asks first; empty if it does not
    preflight        {request: [lines], answered_by: "gateway" | "backend", status, headers: [[name, value]], reason,
                     detail: the refused method or header, fault: what the browser objects to}; null if there is none.
                     status is null where the backend decides; headers are those that the policy writes
    actual           the same of the request itself; null if it is never sent
    readable_headers names that the script may read, or "*" for all; empty if it may read nothing
    notes            [sentences]
    remedy           {changes: [{text, action: "add" | "set" | "replace", key, values, policy, route, file, line}],
                     warnings, likely, blocked, consequences}; null if nothing was refused
    curl             {preflight: command line or null, actual: command line}
"""

from pathlib import Path

import click

from cors_gateway.cli.colour import ERROR, FINE, WARNING
from cors_gateway.cli.load_or_exit import snapshot_or_exit
from cors_gateway.cli.options import config_option


@click.command()
@config_option
@click.option("--origin", required=True, help="Origin of the page: https://app.example.com, or null.")
@click.option("--method", default="GET", show_default=True, help="As the script writes it.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME[: VALUE]",
    help="A header that the script sets; may be repeated.",
)
@click.option("--credentials", is_flag=True, help="The script sends cookies: credentials: 'include'.")
@click.option(
    "--browser",
    type=click.Choice(["chromium", "firefox", "webkit"]),
    help="Follow this engine where it goes other ways than the standard. Safari is webkit.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.argument("url")
def command(
    path: Path,
    origin: str,
    method: str,
    headers: tuple[str, ...],
    credentials: bool,
    browser: str | None,
    form: str,
    url: str,
) -> None:
    """Explain what becomes of a request across origins, and why.

    URL is the one the script calls, under the gateway's public name (ws:// and wss:// open a WebSocket); a path alone
    stands for any host. The exit code is 0 whatever the verdict.
    """
    from cors_gateway.explain.described_request import DescriptionFault, describe
    from cors_gateway.policy.engines import Browser

    engine = None if browser is None else Browser(browser)
    try:
        request = describe(
            url, origin=origin, method=method, headers=headers, credentials=credentials, browser=engine
        )
    except DescriptionFault as fault:
        raise click.UsageError(str(fault)) from None
    snapshot = snapshot_or_exit(path, form)

    import json

    from cors_gateway.explain.document import as_document
    from cors_gateway.explain.explainer import Explainer
    from cors_gateway.explain.explanation import Verdict
    from cors_gateway.explain.text import render_text

    explanation = Explainer(snapshot).explain(request)
    if form == "json":
        document = as_document(explanation, snapshot.server)
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        verdict, _, rest = render_text(explanation, snapshot.server).partition("\n")
        colour = {Verdict.ALLOWED: FINE, Verdict.REFUSED: ERROR}.get(explanation.verdict, WARNING)
        click.echo(f"{click.style(verdict, fg=colour, bold=True)}\n{rest}", nl=False)
