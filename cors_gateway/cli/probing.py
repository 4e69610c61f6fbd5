"""What `doctor` and `compare` share: options, and how to get from them to questions."""

import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from cors_gateway.cli.load_or_exit import snapshot_or_exit
from cors_gateway.exit_codes import FAILED

if TYPE_CHECKING:
    from cors_gateway.explain.described_request import Target
    from cors_gateway.probe.asking import Manner
    from cors_gateway.probe.plan import Plan

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "-c",
        "--config",
        "path",
        type=click.Path(path_type=Path, readable=False, allow_dash=True),
        help="Ask what this configuration's routes, policies and tests are about.",
    ),
    click.option(
        "--origin", "origins", multiple=True, metavar="ORIGIN", help="A listed page; may be repeated."
    ),
    click.option(
        "--method",
        "methods",
        multiple=True,
        metavar="METHOD",
        help="A method that scripts use; may be repeated.",
    ),
    click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="NAME[: VALUE]",
        help="A header that scripts set; preflights name it, no value is sent.",
    ),
    click.option("--credentials", is_flag=True, help="Scripts send cookies: credentials: 'include'."),
    click.option(
        "--unsafe", is_flag=True, help="Also send methods that may change something, without content."
    ),
    click.option("--host", default="", metavar="NAME", help="Host to ask for in place of the URL's."),
    click.option("--insecure", is_flag=True, help="Take any certificate."),
    click.option(
        "--cacert", type=click.Path(exists=True, dir_okay=False), help="Trust the certificates of this file."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0.1, 600),
        default=10.0,
        show_default=True,
        help="Seconds for one answer.",
    ),
    click.option(
        "--pause",
        type=click.FloatRange(0, 60),
        default=0.1,
        show_default=True,
        help="Seconds between two requests.",
    ),
    click.option(
        "--limit", type=click.IntRange(10, 500), default=60, show_default=True, help="Requests, at most."
    ),
    click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True),
)


@dataclass(frozen=True, slots=True)
class Given:
    """The options as they were given."""

    path: Path | None
    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    credentials: bool
    unsafe: bool
    host: str
    insecure: bool
    cacert: str | None
    timeout: float
    pause: float
    limit: int
    form: str


def probing_options(command: F) -> F:
    """Add the options; the command takes them as the keywords of `Given`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_target(url: str, given: Given) -> "Target":
    """The address of an endpoint, under the host that is to be asked for. Raises click.UsageError."""
    from cors_gateway.explain.described_request import DescriptionFault, parse_target

    try:
        target = parse_target(url)
        if target.origin is None or target.is_websocket:
            raise click.UsageError(f'"{url}" is no endpoint: write http:// or https:// and its host')
        if given.host:
            scheme = target.origin.partition("://")[0]
            target = replace(target, host=parse_target(f"{scheme}://{given.host}/").host)
    except DescriptionFault as fault:
        raise click.UsageError(str(fault)) from None
    return target


def make_plan(target: "Target", given: Given) -> "Plan":
    """The questions. Raises click.UsageError, and ClickException if there are none; exits with 1 on an invalid file."""
    from cors_gateway.explain.described_request import DescriptionFault, describe, parse_header
    from cors_gateway.policy.fetch import normalise_method
    from cors_gateway.probe.enquiry import Enquiry, plan_for

    try:
        for origin in given.origins or (None,):
            for method in given.methods or ("GET",):
                describe(str(target), origin=origin, method=method, headers=given.headers)
    except DescriptionFault as fault:
        raise click.UsageError(str(fault)) from None
    enquiry = Enquiry(
        given.origins,
        tuple(normalise_method(method) for method in given.methods),
        tuple(parse_header(header) for header in given.headers),
        given.credentials,
        given.unsafe,
        given.limit,
    )
    snapshot = None if given.path is None else snapshot_or_exit(given.path, given.form)
    plan = plan_for(target, enquiry, snapshot, secrets.token_hex(4))
    if not plan.questions:
        raise click.ClickException(f"nothing to ask: {'; '.join(plan.notes)}")
    return plan


def manner_of(given: Given) -> "Manner":
    """How to ask."""
    from cors_gateway.probe.asking import Manner

    return Manner(given.timeout, given.pause, given.insecure, given.cacert, given.host)


def exit_unanswered(error: Exception) -> NoReturn:
    """The endpoint cannot be asked: say why, and end with 1."""
    click.echo(str(error), err=True)
    sys.exit(FAILED)
