"""Options that several verbs share."""

from pathlib import Path

import click

LOCAL_DIRECTORY = Path("config")
SYSTEM_DIRECTORY = Path("/etc/cors-gateway")


def default_path() -> Path:
    """`./config` if it is there, else `/etc/cors-gateway`."""
    return LOCAL_DIRECTORY if LOCAL_DIRECTORY.exists() else SYSTEM_DIRECTORY


config_option = click.option(
    "-c",
    "--config",
    "path",
    envvar="CORS_GATEWAY_CONFIG",
    default=default_path,
    show_default="$CORS_GATEWAY_CONFIG, ./config, /etc/cors-gateway",
    type=click.Path(path_type=Path),
    help="Configuration: a file, or a directory that holds gateway.yaml.",
)

admin_option = click.option(
    "--url",
    "address",
    envvar="CORS_GATEWAY_ADMIN",
    default="127.0.0.1:9090",
    show_default="$CORS_GATEWAY_ADMIN, 127.0.0.1:9090",
    metavar="ADDRESS",
    help="Where the admin listener is: host:port, http://host:port or unix:/path.",
)
