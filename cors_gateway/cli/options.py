"""Options that several verbs share."""

from pathlib import Path

import click


def default_path() -> Path:
    """Where the configuration is if nobody says so."""
    from cors_gateway.config import places

    return places.default_path()


config_option = click.option(
    "-c",
    "--config",
    "path",
    envvar="CORS_GATEWAY_CONFIG",
    show_envvar=True,
    default=default_path,
    show_default="./config, else /etc/cors-gateway",
    # Whether it can be read is found out by reading, and reported like everything else that is wrong with it.
    type=click.Path(path_type=Path, readable=False, allow_dash=True),
    metavar="PATH",
    help="Configuration: a file, a directory that holds gateway.yaml, or - for standard input.",
)

# For verbs that review a configuration, also in merge requests.
report_form_option = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="For people, for programs, or as annotations of GitHub Actions.",
)

admin_option = click.option(
    "--url",
    "address",
    envvar="CORS_GATEWAY_ADMIN",
    show_envvar=True,
    default="127.0.0.1:9090",
    show_default=True,
    metavar="ADDRESS",
    help="Where the admin listener is: host:port, http://host:port or unix:/path.",
)

token_option = click.option(
    "--token",
    envvar="CORS_GATEWAY_ADMIN_TOKEN",
    show_envvar=True,
    default="",
    help="Bearer token, if the admin listener wants one.",
)
