"""`cors-gateway init`: write a first configuration, with comments that say what to change.

It asks nothing and overwrites nothing. What it writes passes `check` and its own tests, or it is not written.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from cors_gateway.config.problems import Problem

MAIN_FILE = "gateway.yaml"
YAML_SUFFIXES = frozenset({".yaml", ".yml"})
STANDARD_OUTPUT = Path("-")

BACKEND = "http://127.0.0.1:8000"
FRONT_END = "http://localhost:3000"

TEMPLATE = """\
# A first configuration of cors-gateway: one backend, and the pages that may call it.
# Everything that can be written here: docs/configuration.md, and for editors: cors-gateway schema
version: 1

server:
  listen: [127.0.0.1:8080]          # 0.0.0.0:8080 serves other machines as well

# Who answers. Several servers are balanced.
upstreams:
  backend:
    servers: [{backend}]

# Who may read the answers from a page of another origin, and with which requests.
policies:
  app:
    allow_origins:                  # as the page's address begins: scheme, host, port if any; no path, no slash
{origins}
    allow_methods: [GET, POST, PUT, PATCH, DELETE]
    allow_headers: [Content-Type, Authorization]
    allow_credentials: {credentials:<13}# cookies and HTTP authentication
    max_age: 10m                    # how long browsers remember that they may

# The longest path wins. Each route names a policy, or says disabled (nobody) or passthrough (the backend decides).
routes:
  - {{name: everything, path: /, upstream: backend, cors: app}}

# What has to stay true: cors-gateway test
tests:
{tests}
"""


@click.command()
@click.option(
    "--backend", default=BACKEND, show_default=True, metavar="URL", help="The server behind the gateway."
)
@click.option(
    "--front-end",
    "front_ends",
    multiple=True,
    default=[FRONT_END],
    show_default=True,
    metavar="ORIGIN",
    help="Origin of a page that may call it; may be repeated.",
)
@click.argument("path", default=Path("config"), type=click.Path(path_type=Path, allow_dash=True))
def command(backend: str, front_ends: tuple[str, ...], path: Path) -> None:
    """Write a first configuration.

    PATH is a file (.yaml), a directory for gateway.yaml, or - for standard output; default ./config. An existing file
    is left alone, and the exit code is 1.
    """
    text = start_configuration(backend, front_ends)
    for problem in _problems(text):
        if problem.is_error:
            hint = f"; {problem.hint}" if problem.hint else ""
            raise click.BadParameter(f"{problem.message}{hint}", param_hint=_option_of(problem))
        click.echo(f"warning: {problem.message}", err=True)
    if path == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    file = path if path.suffix in YAML_SUFFIXES else path / MAIN_FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        click.echo(f"{file} exists already and is left as it is; name another place: init PATH", err=True)
        sys.exit(FAILED)
    except OSError as error:
        click.echo(f"{file} cannot be written: {error.strerror}", err=True)
        sys.exit(FAILED)
    click.echo(f"{file} is written. Next: cors-gateway check {file}, cors-gateway run -c {file}")


def start_configuration(backend: str, front_ends: Sequence[str]) -> str:
    """The text of the file."""
    any_origin = "*" in front_ends
    listed = [json.dumps(origin, ensure_ascii=False) for origin in front_ends]
    exact = [written for written in listed if "*" not in written]
    tests = [
        f"  - {{origin: {written}, method: PUT, path: /, headers: [Content-Type], expect: allow}}"
        for written in exact
    ]
    if any_origin:
        tests.append("  - {origin: https://elsewhere.example, method: PUT, path: /, expect: allow}")
    else:
        tests.append(
            "  - {origin: https://elsewhere.example, method: GET, path: /, expect: deny, reason: origin_not_allowed}"
        )
    return TEMPLATE.format(
        backend=json.dumps(backend, ensure_ascii=False),
        origins="\n".join(f"      - {written}" for written in listed),
        credentials="false" if any_origin else "true",
        tests="\n".join(tests),
    )


def _problems(text: str) -> tuple["Problem", ...]:
    """What `check` says of it."""
    import os

    from cors_gateway.config.load import load

    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, MAIN_FILE)
        file.write_text(text, encoding="utf-8")
        return load(file, os.environ).problems


def _option_of(problem: "Problem") -> str:
    return "--backend" if problem.path.startswith("upstreams") else "--front-end"
