"""The command line: a table of verbs, each a module of its own that is imported when it is asked for.

Nothing heavy may be imported here or at the top of a verb: `healthcheck` runs every few seconds for ever.
Exit codes are those of `exit_codes.py`.
"""

import importlib

import click

from cors_gateway import __version__

VERBS = (
    "run",
    "check",
    "explain",
    "test",
    "doctor",
    "compare",
    "suggest",
    "schema",
    "reload",
    "healthcheck",
    "version",
    "demo",
)
"""In the order of `--help`. `cors_gateway.cli.<verb>` has the click command as `command`."""


class Verbs(click.Group):
    """A group whose commands are modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(f"cors_gateway.cli.{cmd_name}").command
        return command


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", message="cors-gateway %(version)s")
def main() -> None:
    """A reverse proxy that enforces CORS.

    \b
    Exit codes: 0 fine, 1 invalid configuration or cannot start, 2 wrong usage,
                3 drain timed out, 4 policy tests failed, 5 difference or defect found
    """
