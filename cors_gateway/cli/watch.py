"""`cors-gateway watch`: decisions and causes of a running gateway, in a terminal, as they happen.

`--format json` prints the lines that a JSON access log has (docs/observability.md).
"""

import http.client
import json
import sys
import time
from collections.abc import Iterator

import click

from cors_gateway.cli.admin_client import AddressError, AdminAddress, ask, open_stream, parse_admin_address
from cors_gateway.cli.colour import ERROR, WARNING
from cors_gateway.cli.options import admin_option, token_option
from cors_gateway.exit_codes import FAILED

ANSWER_SECONDS = 20.0
"""The listener sends a sign of life more often than that."""


@click.command()
@click.option("--origin", default="", metavar="ORIGIN", help="Only requests from this origin.")
@click.option("--route", default="", metavar="NAME", help="Only requests on this route.")
@click.option(
    "--diagnose",
    metavar="DURATION",
    help="For so long (10m, at most 1h) answer refused preflights of --origin with what is allowed, so that the "
    "browser's console names what is missing; 0s ends that.",
)
@admin_option
@token_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(origin: str, route: str, diagnose: str | None, address: str, token: str, form: str) -> None:
    """Watch what the running gateway decides.

    Prints every decision about CORS, and every request that failed, until Ctrl+C. Nothing is kept while nobody watches.
    An origin that no policy lists is refused under --diagnose, too; all other origins are answered as ever.
    """
    if diagnose is not None and not origin:
        raise click.UsageError("--diagnose is for one origin; name it with --origin")
    try:
        target = parse_admin_address(address)
    except AddressError as error:
        raise click.BadParameter(str(error), param_hint="--url") from None
    try:
        if diagnose is not None:
            _diagnose(target, token, origin, diagnose)
        for name, data in _events(target, token, origin, route):
            _show(name, data, form)
    except (OSError, http.client.HTTPException) as error:
        click.echo(f"no answer from {target}: {error}", err=True)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        return
    click.echo("the gateway has ended", err=True)
    sys.exit(FAILED)


def line_for_people(entry: dict[str, object]) -> str:
    """`12:00:00 403 OPTIONS api.example.com/v1 from https://a.example: preflight refused, header_not_allowed …`."""
    cors = entry.get("cors")
    kind, outcome, reason = (
        (str(cors.get(key, "")) for key in ("kind", "outcome", "reason"))
        if isinstance(cors, dict)
        else ("", "none", "")
    )
    status = int(str(entry.get("status", 0)))
    colour = ERROR if status >= 500 else WARNING if outcome == "refused" or status >= 400 else None
    origin = entry.get("origin")
    asked = entry.get("asked")
    words = [
        str(entry.get("ts", ""))[11:19],
        click.style(str(status), fg=colour, bold=colour is not None),
        str(entry.get("method", "")),
        f"{entry.get('host', '')}{entry.get('path', '')}",
        f"on {entry['route']}" if entry.get("route") not in (None, "_none") else "on no route",
        f"from {origin}" if origin else "",
        f"{kind} {outcome}: {click.style(reason, fg=colour)}" if outcome != "none" else reason,
    ]
    if isinstance(asked, dict):
        words.append(f"asked {asked.get('method', '')}")
        words.append(f"with {asked['headers']}" if asked.get("headers") else "")
    causes = dict.fromkeys(filter(None, (entry.get("failure"), entry.get("cause"))))
    words += [click.style(str(cause), fg=ERROR) for cause in causes]
    if entry.get("detail"):
        words.append(f"({entry['detail']})")
    return " ".join(filter(None, words))


def _show(name: str, data: str, form: str) -> None:
    if name == "lost":
        click.echo(f"{data} more were lost: they come faster than they are read", err=True)
    elif name == "watching":
        of = " ".join(filter(None, json.loads(data).values()))
        click.echo(f"watching {of or 'everything'}; Ctrl+C ends it", err=True)
    elif form == "json":
        click.echo(data)
    else:
        click.echo(line_for_people(json.loads(data)))


def _diagnose(target: AdminAddress, token: str, origin: str, duration: str) -> None:
    from urllib.parse import urlencode

    form = urlencode({"origin": origin, "for": duration})
    answer = ask(target, "POST", "/diagnoses", timeout=ANSWER_SECONDS, token=token, form=form)
    if answer.status != http.HTTPStatus.OK:
        _refused(target, answer.status, answer.body)
    running = {one["origin"]: one["ends"] for one in json.loads(answer.body)["diagnoses"]}
    if origin in running:
        until = time.strftime("%H:%M:%S", time.localtime(running[origin]))
        click.echo(f"{origin} is diagnosed until {until}; --diagnose 0s ends that", err=True)
    else:
        click.echo(f"{origin} is not diagnosed any more", err=True)


def _events(target: AdminAddress, token: str, origin: str, route: str) -> Iterator[tuple[str, str]]:
    """Names and data of the events (WHATWG HTML, "server-sent events"), until the listener hangs up."""
    from urllib.parse import urlencode

    query = urlencode([(key, value) for key, value in (("origin", origin), ("route", route)) if value])
    with open_stream(target, f"/watch?{query}", timeout=ANSWER_SECONDS, token=token) as response:
        if response.status != http.HTTPStatus.OK:
            _refused(target, response.status, response.read())
        name = ""
        while line := response.readline():
            field, _, value = line.decode().rstrip("\n").partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, value
                name = ""


def _refused(target: AdminAddress, status: int, body: bytes) -> None:
    try:
        why = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        why = "and not as the admin listener does"
    click.echo(f"{target} answered {status}: {why}", err=True)
    sys.exit(FAILED)
