"""`cors-gateway diff`: what one configuration allows and the other does not, and how long browsers keep old answers.

`--format json` prints one object; keys are only ever added:

    widened, narrowed  names of routes on which somebody may do more, or less, than before
    settings           [sentences] about what is not a route
    routes             [{route, settings: [phrases], wider, narrower, changed, remembered: {browser: seconds}}], where
                       wider, narrower and changed are [{key, gained: [entries], lost: [entries], old, new}]
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.cli.options import report_form_option
from cors_gateway.exit_codes import DIFFERENCE_FOUND

if TYPE_CHECKING:
    from cors_gateway.policy.difference import Statement
    from cors_gateway.server.changes import Changes, RouteChange
    from cors_gateway.snapshot import Snapshot

_CONFIGURATION = click.Path(path_type=Path, readable=False, allow_dash=True)


@click.command()
@click.option(
    "--fail-on-widening", is_flag=True, help="End with exit code 5 if anybody may do more than before."
)
@report_form_option
@click.argument("old", type=_CONFIGURATION)
@click.argument("new", type=_CONFIGURATION)
def command(old: Path, new: Path, form: str, fail_on_widening: bool) -> None:
    """Compare what two configurations allow.

    Access is compared by what it admits, not by how it is written: https://*.a.example contains https://x.a.example, a
    route under another name is the same route, and a path that another route serves now is compared with that one.
    """
    if str(old) == str(new) == "-":
        raise click.UsageError("standard input can be read once: name a file or a directory for the other")
    from cors_gateway.cli.load_or_exit import snapshot_or_exit
    from cors_gateway.server.changes import compare

    before, after = snapshot_or_exit(old, form), snapshot_or_exit(new, form)
    changes = compare(before, after)
    match form:
        case "json":
            import json

            click.echo(json.dumps(_document(changes), indent=2, ensure_ascii=False))
        case "github":
            click.echo("".join(f"{line}\n" for line in _annotations(changes, after)), nl=False)
        case _:
            click.echo("".join(f"{line}\n" for line in _lines(changes)), nl=False)
    if fail_on_widening and changes.widened:
        sys.exit(DIFFERENCE_FOUND)


def _lines(changes: "Changes") -> list[str]:
    if not (changes.routes or changes.settings):
        return ["No difference: both allow the same."]
    lines = [*changes.lines, ""]
    lines.append(f"access widened on {_routes(changes.widened)}, narrowed on {_routes(changes.narrowed)}")
    return lines + _advice(changes)


def _advice(changes: "Changes") -> list[str]:
    """How to narrow so that no browser goes by what was granted before."""
    seconds = max((seconds for route in changes.routes for _, seconds in route.policy.remembered), default=0)
    if not seconds:
        return []
    return [
        "",
        "Browsers go on by the preflight answers that they remember. To narrow without that:",
        "  1. set max_age: 0 in the old configuration, and reload",
        f"  2. wait {_time(seconds)}, until the last old answer is forgotten",
        "  3. put the new configuration in its place",
    ]


def _routes(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "no route"


def _time(seconds: int) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _annotations(changes: "Changes", new: "Snapshot") -> list[str]:
    """A warning for each route that is wider, a notice for each that is narrower, at the place of its policy."""
    places = {route.name: route.policy_location or route.location for route in new.routes}
    lines = []
    for route in changes.routes:
        place = places.get(route.name)
        where = f"file={place.file},line={place.line}," if place is not None else ""
        for level, verb, phrases in (
            ("warning", "widened", route.widened),
            ("notice", "narrowed", route.narrowed),
        ):
            if phrases:
                text = f"route {route.name}: access {verb}, {'; '.join(phrases)}".replace("%", "%25")
                lines.append(f"::{level} {where}title=access {verb}::{text}")
    return lines


def _document(changes: "Changes") -> dict[str, object]:
    return {
        "widened": list(changes.widened),
        "narrowed": list(changes.narrowed),
        "settings": list(changes.settings),
        "routes": [_route(route) for route in changes.routes],
    }


def _route(route: "RouteChange") -> dict[str, object]:
    return {
        "route": route.name,
        "settings": list(route.settings),
        "wider": [_statement(each) for each in route.policy.wider],
        "narrower": [_statement(each) for each in route.policy.narrower],
        "changed": [_statement(each) for each in route.policy.changed],
        "remembered": dict(route.policy.remembered),
    }


def _statement(statement: "Statement") -> dict[str, object]:
    return {
        "key": statement.key,
        "gained": list(statement.gained),
        "lost": list(statement.lost),
        "old": statement.old,
        "new": statement.new,
    }
