"""Colours for people. Programs get none: click leaves them out where the output is not a terminal.

What the texts say is decided elsewhere; nothing here may be needed to understand them.
"""

import re
from collections.abc import Mapping

import click

ERROR = "red"
WARNING = "yellow"
FINE = "green"

_PROBLEM = r"(?m)^(?P<place>\S.*?:\d+:\d+: )(?P<severity>error|warning)(?P<code> \S+)"
_CARET = r"(?m)^(?P<margin> +\| \s*)(?P<caret>\^+)$"
_HINT = r"(?m)^(?P<margin> +=) (?P<hint>.+)$"


def wants_colour(environ: Mapping[str, str]) -> bool | None:
    """`NO_COLOR` (no-color.org) says no, `FORCE_COLOR` yes, each with any value but an empty one; else None."""
    if environ.get("NO_COLOR"):
        return False
    return True if environ.get("FORCE_COLOR") else None


def paint_problems(text: str) -> str:
    """The text of `render_text` with severities, carets and hints in colour."""
    text = re.sub(_PROBLEM, _painted_problem, text)
    text = re.sub(_CARET, lambda found: found["margin"] + click.style(found["caret"], fg=ERROR), text)
    return re.sub(_HINT, lambda found: f"{found['margin']} {click.style(found['hint'], fg=FINE)}", text)


def _painted_problem(found: re.Match[str]) -> str:
    colour = ERROR if found["severity"] == "error" else WARNING
    return (
        click.style(found["place"], bold=True)
        + click.style(found["severity"], fg=colour, bold=True)
        + found["code"]
    )
