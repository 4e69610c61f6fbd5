"""From a checked route section to a `Route`: every value in its final form."""

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import dataclass

from cors_gateway.config.compile.backends import named_server
from cors_gateway.config.compile.policies import PlacedPolicy
from cors_gateway.config.compile.sections import Placed
from cors_gateway.config.lint.field_edits import is_secret_name
from cors_gateway.config.lint.finding import RouteInput
from cors_gateway.config.models.route import CookiesSection, HeadersSection, RouteSection
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.interpolation import absolute_reference
from cors_gateway.config.syntax.tree import Document, Path, Scalar
from cors_gateway.http1.paths import resolve
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import CookieEdits, FieldEdits, Redirect, Refusal, Route, RoutePolicy, SetField

RESERVED: Dict[str, Policy] = {"disabled": DISABLED, "passthrough": PASSTHROUGH}
"""What `cors` can say instead of the name of a policy."""

_COOKIE_WORDS = {"keep": None, "remove": ""}


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """One policy of a route."""

    placed: PlacedPolicy
    name: str | None = None
    """None unless it stands under `policies`."""


def compile_route(placed: Placed[RouteSection], policies: tuple[NamedPolicy, ...]) -> Route:
    """Build a route for which the rules found no error. `policies` are those that `cors` names, at least one."""
    section, (first, *further) = placed.value, policies
    hosts = section.hosts or ([] if section.host is None else [section.host])
    is_exact = section.match == "exact"
    return Route(
        name=section.name,
        path=canonical_path(section.path, is_exact=is_exact),
        upstream=_upstream_name(section),
        policy=first.placed.policy,
        hosts=tuple(host.lower().removesuffix(".") for host in hosts),
        methods=None if section.methods is None else frozenset(section.methods),
        is_exact=is_exact,
        extensions=None if section.extensions is None else frozenset(map(str.lower, section.extensions)),
        replace_prefix=_replacement(section),
        answer=_answer(section),
        request_headers=_field_edits(
            placed.document, (*placed.path, "request_headers"), section.request_headers
        ),
        response_headers=_field_edits(
            placed.document, (*placed.path, "response_headers"), section.response_headers
        ),
        cookies=_cookie_edits(section.cookies),
        request_body=section.limits.request_body,
        policy_name=first.name,
        further_policies=tuple(
            RoutePolicy(each.placed.policy, each.name, each.placed.location, each.placed.origin_locations)
            for each in further
        ),
        location=placed.location,
        policy_location=first.placed.location,
        origin_locations=first.placed.origin_locations,
    )


def route_input(section: RouteSection) -> RouteInput:
    """What the rules for the routing table look at."""
    cors = section.cors
    return RouteInput(
        name=section.name,
        host=section.host,
        hosts=None if section.hosts is None else tuple(section.hosts),
        path=section.path,
        is_exact=section.match == "exact",
        methods=None if section.methods is None else tuple(section.methods),
        extensions=None if section.extensions is None else tuple(section.extensions),
        upstream=section.upstream,
        cors=cors if isinstance(cors, str) else tuple(cors) if isinstance(cors, list) else None,
    )


def secret_problems(placed: Placed[RouteSection]) -> Iterator[Problem]:
    """Values that only one backend should know, but that stand in a file that many people read."""
    for direction in ("request_headers", "response_headers"):
        headers: HeadersSection = getattr(placed.value, direction)
        for name in headers.set:
            path = (*placed.path, direction, "set", name)
            if is_secret_name(name) and _reference(placed.document, path) is None:
                yield placed.document.problem(
                    f"{direction}.secret",
                    f"the value of {quoted(name)} can be read by everybody who reads this file",
                    "put it in a file of its own and write ${file:/run/secrets/name}",
                    path=path,
                    severity=Severity.WARNING,
                )


def canonical_path(text: str, *, is_exact: bool = False) -> str:
    """The one spelling of a route's path: normalised like the paths of requests, a prefix without a slash at the end."""
    path = resolve(text.encode())[0].decode()
    return path if is_exact else path.rstrip("/") or "/"


def _upstream_name(section: RouteSection) -> str:
    if section.upstream is None:
        return ""
    server = named_server(section.upstream)
    return section.upstream if server is None else str(server)


def _replacement(section: RouteSection) -> str | None:
    if section.strip_prefix:
        return "/"
    if section.replace_prefix is None:
        return None
    return canonical_path(section.replace_prefix, is_exact=section.match == "exact")


def _answer(section: RouteSection) -> Redirect | Refusal | None:
    if section.redirect is not None:
        return Redirect(section.redirect.to.rstrip("/"), section.redirect.status)
    return None if section.refuse is None else Refusal(section.refuse)


def _field_edits(document: Document, path: Path, section: HeadersSection) -> FieldEdits:
    return FieldEdits(
        tuple(
            SetField(name, value, _reference(document, (*path, "set", name)))
            for name, value in section.set.items()
        ),
        tuple(map(str.lower, section.remove)),
    )


def _reference(document: Document, path: Path) -> str | None:
    node = document.node(path)
    written = node.reference if isinstance(node, Scalar) else None
    return written and absolute_reference(written, document.directory)


def _cookie_edits(section: CookiesSection) -> CookieEdits:
    return CookieEdits(
        same_site=None if section.same_site == "keep" else section.same_site.title(),
        secure=section.secure,
        domain=_COOKIE_WORDS.get(section.domain, section.domain.lower().removeprefix(".")),
        path=_COOKIE_WORDS.get(section.path, section.path),
    )
