"""`cors-gateway status`: what the first panels of the admin page say, in a terminal.

`--format json` prints the admin listener's `/summary` as it came; keys are only ever added:

    ready            whether new traffic should come here
    phase            "starting" | "ready" | "reloading" | "draining" | "stopped"
    instance (name of the machine), version, uptime (seconds), generation, configuration (its path), listen [addresses]
    complaints       [sentences]; empty if nothing is wrong
    certificates     [{file, ends (seconds since the epoch), days_left}]
    warnings         how many the check of this configuration gave
    per_second       {requests, preflights, refused_origins, server_errors} over the last minute; null just after the start
    last_minute      {requests, server_errors, failures: [{upstream, outcome, count}]}, counted
    since_start      as per_second, counted
    connections, tunnels, active_requests, workers, workers_serving
    upstreams        {name: [{server, healthy, known (whether it ever answered a connection)}]}
"""

import http
import sys
from collections.abc import Iterator
from typing import Any

import click

from cors_gateway.cli.admin_answer import document_or_exit
from cors_gateway.cli.colour import ERROR, FINE, WARNING
from cors_gateway.cli.options import admin_option, token_option
from cors_gateway.exit_codes import FAILED

_COUNTED = (
    ("requests", "requests"),
    ("preflights", "preflights"),
    ("refused_origins", "refused origins"),
    ("server_errors", "server errors"),
)


@click.command()
@admin_option
@token_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--timeout", default=5.0, show_default=True, help="Seconds to wait for an answer.")
def command(address: str, token: str, form: str, timeout: float) -> None:
    """Say how the running gateway is.

    What is wrong just now, or that nothing is; traffic of the last minute and since the start; the servers of each
    upstream. Exit code 0 if it answers, whatever it says; healthcheck is for scripts that ask whether it is ready.
    """
    answer = document_or_exit(address, "GET", "/summary", timeout=timeout, token=token)
    if answer.status != http.HTTPStatus.OK:
        problem = answer.values.get("detail") or answer.values.get("title") or "no reason given"
        click.echo(f"the admin listener answered {answer.status}: {problem}", err=True)
        sys.exit(FAILED)
    if form == "json":
        click.echo(answer.text)
    else:
        click.echo("\n".join(_lines(answer.values)))


def _lines(summary: dict[str, Any]) -> Iterator[str]:
    from cors_gateway.admin.page import words

    phase = click.style(summary["phase"], fg=FINE if summary["ready"] else ERROR, bold=True)
    yield (
        f"{phase}: generation {summary['generation']}, up {words.span(summary['uptime'])}, version {summary['version']}"
    )
    for complaint in summary["complaints"]:
        yield click.style(complaint, fg=ERROR)
    if not summary["complaints"]:
        yield "Nothing is wrong."
    yield ""
    rates, counts = summary["per_second"], summary["since_start"]
    for key, name in _COUNTED:
        shown = "–" if rates is None else f"{words.rate(rates[key])}/s"
        yield _row(name, f"{shown:>8}  {words.number(counts[key])} in all")
    yield _row(
        "connections",
        f"{words.number(summary['connections']):>8}  {words.counted(summary['tunnels'], 'tunnel')}",
    )
    serving, workers = summary["workers_serving"], summary["workers"]
    yield _row("in progress", f"{words.number(summary['active_requests']):>8}  {_workers(serving, workers)}")
    yield ""
    yield _row("configuration", summary["configuration"] + _warnings(summary["warnings"]))
    yield _row("listens on", ", ".join(summary["listen"]))
    for one in summary["certificates"]:
        left = "expired" if one["days_left"] < 0 else f"{words.counted(one['days_left'], 'day')} left"
        yield _row("certificate", f"{one['file']}, {left}")
    for name, servers in summary["upstreams"].items():
        yield _row(name, ", ".join(_server(server) for server in servers))


def _row(name: str, value: str) -> str:
    return f"  {name:<16} {value}"


def _workers(serving: int, workers: int) -> str:
    return f"{serving} of {workers} workers" if workers > 1 else "1 worker"


def _warnings(number: int) -> str:
    if number == 0:
        return ""
    text = "1 warning" if number == 1 else f"{number} warnings"
    return ", " + click.style(f"{text}, see cors-gateway check", fg=WARNING)


def _server(server: dict[str, Any]) -> str:
    if server["healthy"] and not server.get("known", True):
        return f"{server['server']} not known, it has not answered yet"
    if server["healthy"]:
        return f"{server['server']} {click.style('available', fg=FINE)}"
    return f"{server['server']} {click.style('not available', fg=ERROR)}"
