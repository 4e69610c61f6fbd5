"""The command line: a table of verbs, each a module of its own that is imported when it is asked for.

Nothing heavy may be imported here or at the top of a verb: `healthcheck` runs every few seconds for ever.
Exit codes are those of `exit_codes.py`.
"""

import importlib
import os

import click

from cors_gateway import __version__
from cors_gateway.cli.colour import wants_colour

VERBS = (
    "run",
    "init",
    "check",
    "explain",
    "test",
    "doctor",
    "compare",
    "suggest",
    "diff",
    "import-nginx",
    "import-ingress",
    "schema",
    "status",
    "watch",
    "reload",
    "healthcheck",
    "version",
    "demo",
)
"""In the order of `--help`. `cors_gateway.cli.<verb>` has the click command as `command`; a dash is an underscore there."""


class Verbs(click.Group):
    """A group whose commands are modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(
            f"cors_gateway.cli.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and proposes a verb for a mistyped one; for options click does that itself."""
        if args[0] not in VERBS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(f'there is no verb "{args[0]}"{_proposal(args[0])}', ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", message="cors-gateway %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """A reverse proxy that enforces CORS.

    \b
    Exit codes: 0 fine, 1 invalid configuration or cannot start, 2 wrong usage,
                3 drain timed out, 4 policy tests failed, 5 difference or defect found
    Environment: CORS_GATEWAY_CONFIG       the configuration, where -c does not name it
                 CORS_GATEWAY_ADMIN        address of the admin listener, for status, watch, suggest, reload, healthcheck
                 CORS_GATEWAY_ADMIN_TOKEN  its token, for status, watch, suggest, reload
                 CORS_GATEWAY_LOG_FORMAT   text or json, for what run reports on standard error
                 CORS_GATEWAY_LOG_LEVEL    debug, info, warning or error, for the same
                 NO_COLOR, FORCE_COLOR     never or always use colours
    """
    context.color = wants_colour(os.environ)


def _proposal(mistyped: str) -> str:
    import difflib

    close = difflib.get_close_matches(mistyped, VERBS, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
