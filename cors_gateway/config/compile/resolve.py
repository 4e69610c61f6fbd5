"""From checked parts to the `Snapshot`: names are resolved, defaults filled in, everything is in its final form.

Whatever concerns more than one part is checked here. Nothing is built from a configuration with an error.
"""

from dataclasses import dataclass, field

from cors_gateway.config.compile.backends import (
    compile_upstream,
    inline_upstream,
    named_server,
    unknown_upstream,
)
from cors_gateway.config.compile.policies import PlacedPolicy, finding_problem, read_policy
from cors_gateway.config.compile.sections import Parts, Place, Placed
from cors_gateway.config.compile.server_section import compile_admin, compile_server
from cors_gateway.config.lint.finding import Finding, RouteInput
from cors_gateway.config.lint.route_rules import lint_routes
from cors_gateway.config.models.route import ExpectationSection, RouteSection
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.endpoints import EndpointFault
from cors_gateway.config.syntax.files import Files
from cors_gateway.config.syntax.tree import Document, Path, Sequence
from cors_gateway.http1.paths import resolve
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import PolicyTest, Route, Snapshot, Upstream

_RESERVED: dict[str | None, Policy] = {"disabled": DISABLED, "passthrough": PASSTHROUGH}


@dataclass(slots=True)
class _Resolved:
    """What the names in routes stand for. Policies and upstreams with problems are missing."""

    policies: dict[Place, PlacedPolicy] = field(default_factory=dict)
    """Named ones and those written in routes, by where they stand."""
    upstreams: dict[str, Upstream] = field(default_factory=dict)
    used_upstreams: set[str] = field(default_factory=set)


def compile_parts(parts: Parts, files: Files, problems: list[Problem]) -> Snapshot | None:
    """Build the snapshot. Adds to `problems`; None if there is any error among them."""
    resolved = _Resolved()
    for place in (*parts.policies.values(), *parts.inline_policies):
        policy = read_policy(place.document, place.path, problems)
        if policy is not None:
            resolved.policies[place] = policy
    for name, upstream in parts.upstreams.items():
        resolved.upstreams[name] = compile_upstream(name, upstream, files, problems)
    problems += _resolve_upstreams(parts, resolved)
    problems += _route_problems(parts)
    server = compile_server(parts.main, parts.server, files, problems) if parts.server else None
    admin = (
        compile_admin(parts.main, parts.admin, server.listen if server else (), problems)
        if parts.admin
        else None
    )
    written = parts.main.node(("routes",))
    if isinstance(written, Sequence) and not parts.routes and parts.has_all_routes:
        message = "there is no route: nothing would be served"
        problems.append(parts.main.problem("routes.empty", message, path=("routes",)))
    if server is None or any(problem.is_error for problem in problems):
        return None
    problems += _unused_upstreams(parts, resolved)
    return Snapshot(
        server=server,
        admin=admin,
        upstreams=resolved.upstreams,
        routes=tuple(_route(route, parts, resolved) for route in parts.routes),
        tests=tuple(_test(test) for test in parts.tests),
        fingerprint=files.fingerprint,
        files=files.names,
    )


def canonical_path(text: str) -> str:
    """The one spelling of a route's path: normalised like the paths of requests, without a slash at the end."""
    return resolve(text.encode())[0].decode().rstrip("/") or "/"


def _resolve_upstreams(parts: Parts, resolved: _Resolved) -> list[Problem]:
    """Find what routes call their upstream; a URL becomes an upstream that equal URLs share."""
    problems = []
    for route in parts.routes:
        if "upstream" in route.faulty:
            continue
        text, path = route.value.upstream, (*route.path, "upstream")
        server = named_server(text)
        if isinstance(server, EndpointFault):
            problems.append(
                route.document.problem("upstreams.invalid", server.message, server.hint, path=path)
            )
        elif server is not None:
            resolved.upstreams.setdefault(str(server), inline_upstream(server))
        elif text in parts.upstream_names:
            resolved.used_upstreams.add(text)
        elif parts.has_all_files:
            problems.append(unknown_upstream(route.document, path, text, parts.upstream_names))
    return problems


def _route_problems(parts: Parts) -> list[Problem]:
    """Apply the rules for the routing table, as far as their findings can be trusted."""
    findings = lint_routes([_route_input(route) for route in parts.routes], list(parts.policies))
    is_unsure = not parts.has_all_routes or any(finding.code == "policy.unknown" for finding in findings)
    problems = []
    for finding in findings:
        if is_unsure and finding.severity == "warning":
            continue
        if not _is_known_already(finding, parts):
            document, path = _place(finding.path, parts)
            problems.append(finding_problem(document, path, finding))
    return problems


def _is_known_already(finding: Finding, parts: Parts) -> bool:
    """True for what only says that a value or a file could not be read, and for equal names: see `sections.py`."""
    if finding.code == "policy.unknown" and not parts.has_all_files:
        return True
    index, key = (*finding.path[1:], None, None)[:2]
    return key == "name" or (isinstance(index, int) and key in parts.routes[index].faulty)


def _place(path: Path, parts: Parts) -> tuple[Document, Path]:
    """The document that a finding of the routing table is about, and the path there."""
    step = path[1]
    place = parts.routes[step] if isinstance(step, int) else parts.policies[step]
    return place.document, (*place.path, *path[2:])


def _route_input(route: Placed[RouteSection]) -> RouteInput:
    section = route.value
    return RouteInput(
        name=section.name,
        host=section.host,
        path=section.path,
        methods=None if section.methods is None else tuple(section.methods),
        upstream=section.upstream,
        cors=_policy_name(section),
    )


def _policy_name(section: RouteSection) -> str | None:
    """None for a policy written in the route."""
    return section.cors if isinstance(section.cors, str) else None


def _unused_upstreams(parts: Parts, resolved: _Resolved) -> list[Problem]:
    return [
        upstream.document.problem(
            "upstream.unused",
            f"no route uses the upstream {quoted(name)}",
            "remove it, or name it in a route",
            path=upstream.path,
            severity=Severity.WARNING,
        )
        for name, upstream in parts.upstreams.items()
        if name not in resolved.used_upstreams
    ]


def _route(placed: Placed[RouteSection], parts: Parts, resolved: _Resolved) -> Route:
    section, cors = placed.value, Place(placed.document, (*placed.path, "cors"))
    name = _policy_name(section)
    written = None if name in _RESERVED else resolved.policies[cors if name is None else parts.policies[name]]
    server = named_server(section.upstream)
    return Route(
        name=section.name,
        path=canonical_path(section.path),
        upstream=section.upstream if server is None else str(server),
        policy=written.policy if written else _RESERVED[name],
        host=None if section.host is None else section.host.lower().removesuffix("."),
        methods=None if section.methods is None else frozenset(section.methods),
        strip_prefix=section.strip_prefix,
        policy_name=name if written else None,
        location=placed.location,
        policy_location=written.location if written else cors.location,
        origin_locations=written.origin_locations if written else (),
    )


def _test(placed: Placed[ExpectationSection]) -> PolicyTest:
    section = placed.value
    return PolicyTest(
        origin=section.origin,
        method=section.method,
        path=section.path,
        host=section.host,
        headers=tuple(section.headers),
        credentials=section.credentials,
        allow=section.expect == "allow",
        reason=section.reason.value if section.reason else None,
        location=placed.location,
    )
