"""A configuration for verbs that can do nothing without a valid one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from cors_gateway.snapshot import Snapshot


def snapshot_or_exit(path: Path, form: str) -> "Snapshot":
    """Load it; otherwise show the problems as `check` does (text on standard error) and exit with 1."""
    import os

    from cors_gateway.cli.colour import paint_problems
    from cors_gateway.config.load import load
    from cors_gateway.config.problems import render_json, render_text

    loaded = load(path, os.environ)
    if loaded.snapshot is not None:
        return loaded.snapshot
    is_json = form == "json"
    text = render_json(loaded.problems) if is_json else paint_problems(render_text(loaded.problems))
    click.echo(text, nl=False, err=not is_json)
    sys.exit(FAILED)
