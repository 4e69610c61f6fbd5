"""From checked parts to the `Snapshot`: names are resolved, defaults filled in, everything is in its final form.

Whatever concerns more than one part is checked here. Nothing is built from a configuration with an error.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cors_gateway.config.compile.backends import (
    compile_upstream,
    inline_upstream,
    named_server,
    unknown_upstream,
)
from cors_gateway.config.compile.origin_lists import read_lists
from cors_gateway.config.compile.policies import PlacedPolicy, finding_problem, read_policy
from cors_gateway.config.compile.routes import (
    RESERVED,
    NamedPolicy,
    compile_route,
    route_input,
    secret_problems,
)
from cors_gateway.config.compile.sections import Parts, Place, Placed
from cors_gateway.config.compile.server_section import compile_admin, compile_server
from cors_gateway.config.lint.field_conflicts import lint_field_conflicts
from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.policy_lists import Overlaps, lint_policy_list
from cors_gateway.config.lint.redirect_loops import lint_redirects
from cors_gateway.config.lint.rest_of_path import lint_rest
from cors_gateway.config.lint.route_keys import DESTINATIONS, lint_route
from cors_gateway.config.lint.route_rules import lint_routes
from cors_gateway.config.models.policy import PolicySection
from cors_gateway.config.models.route import ExpectationSection, RouteSection
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.endpoints import EndpointFault
from cors_gateway.config.syntax.files import Files
from cors_gateway.config.syntax.tree import Document, Path, Sequence
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import PolicyTest, Server, Snapshot, Upstream


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
    lists = read_lists(parts.origin_lists, parts.has_all_files, problems)
    for place in (*parts.policies.values(), *parts.inline_policies):
        policy = read_policy(place.document, place.path, lists, problems)
        if policy is not None:
            resolved.policies[place] = policy
    for name, upstream in parts.upstreams.items():
        resolved.upstreams[name] = compile_upstream(name, upstream, files, problems)
    problems += _resolve_upstreams(parts, resolved)
    problems += _route_problems(parts)
    problems += _policy_list_problems(parts, resolved)
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
    problems += lists.unused()
    for route in parts.routes:
        problems += secret_problems(route)
        problems += _plain_http_problems(route, server)
    routes = tuple(compile_route(route, _policies(route, parts, resolved)) for route in parts.routes)
    for finding in (*lint_rest(routes), *lint_redirects(routes), *lint_field_conflicts(routes)):
        document, path = _place(finding.path, parts)
        problems.append(finding_problem(document, path, finding))
    if any(problem.is_error for problem in problems):
        return None
    return Snapshot(
        server=server,
        admin=admin,
        upstreams=resolved.upstreams,
        routes=routes,
        tests=tuple(_test(test) for test in parts.tests),
        fingerprint=files.fingerprint,
        files=files.names,
    )


def _resolve_upstreams(parts: Parts, resolved: _Resolved) -> list[Problem]:
    """Find what routes call their upstream; a URL becomes an upstream that equal URLs share."""
    problems = []
    for route in parts.routes:
        if "upstream" in route.faulty or route.value.upstream is None:
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
    findings = lint_routes([route_input(route.value) for route in parts.routes], list(parts.policies))
    findings += [
        replace(finding, path=("routes", at, *finding.path))
        for at, route in enumerate(parts.routes)
        for finding in lint_route(route.value)
    ]
    is_unsure = not parts.has_all_routes or any(finding.code == "policy.unknown" for finding in findings)
    problems = []
    for finding in findings:
        if is_unsure and finding.severity == "warning":
            continue
        if not _is_known_already(finding, parts):
            document, path = _place(finding.path, parts)
            problems.append(finding_problem(document, path, finding))
    return problems


def _policy_list_problems(parts: Parts, resolved: _Resolved) -> Iterator[Problem]:
    """Compare the policies that one route names, if all of them could be read."""
    overlaps = Overlaps()
    for route in parts.routes:
        if isinstance(route.value.cors, list):
            places = [(name, parts.policies.get(name)) for name in dict.fromkeys(route.value.cors)]
            found = [
                (name, resolved.policies[place].policy)
                for name, place in places
                if place in resolved.policies
            ]
            if len(found) == len(route.value.cors):
                for finding in lint_policy_list(found, overlaps):
                    yield finding_problem(route.document, (*route.path, *finding.path), finding)


def _is_known_already(finding: Finding, parts: Parts) -> bool:
    """True for what only says that a value or a file could not be read, and for equal names: see `sections.py`."""
    if finding.code == "policy.unknown" and not parts.has_all_files:
        return True
    index, key = (*finding.path[1:], None, None)[:2]
    if not isinstance(index, int):
        return False
    faulty = parts.routes[index].faulty
    is_destination_unknown = finding.code == "schema.missing" and not faulty.isdisjoint(DESTINATIONS)
    return key == "name" or key in faulty or is_destination_unknown


def _place(path: Path, parts: Parts) -> tuple[Document, Path]:
    """The document that a finding of the routing table is about, and the path there."""
    step = path[1]
    place = parts.routes[step] if isinstance(step, int) else parts.policies[step]
    return place.document, (*place.path, *path[2:])


def _plain_http_problems(route: Placed[RouteSection], server: Server) -> Iterator[Problem]:
    """Browsers take Strict-Transport-Security over TLS only, whoever terminates it (RFC 6797, section 8.1)."""
    if server.trusted_proxies or server.trusts_unix or any(each.tls for each in server.listen):
        return
    for name in route.value.response_headers.set:
        if name.lower() == "strict-transport-security":
            yield route.document.problem(
                "response_headers.plain_http",
                "browsers ignore Strict-Transport-Security on plain http, and no listener has tls",
                "serve tls, or list the proxy that does in trusted_proxies",
                path=(*route.path, "response_headers", "set", name),
                severity=Severity.WARNING,
            )


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


def _policies(route: Placed[RouteSection], parts: Parts, resolved: _Resolved) -> tuple[NamedPolicy, ...]:
    """What `cors` stands for."""
    cors, place = route.value.cors, Place(route.document, (*route.path, "cors"))
    if isinstance(cors, PolicySection):
        return (NamedPolicy(resolved.policies[place]),)
    if isinstance(cors, str) and cors in RESERVED:
        return (NamedPolicy(PlacedPolicy(RESERVED[cors], place.location, ())),)
    names = [cors] if isinstance(cors, str) else cors
    return tuple(NamedPolicy(resolved.policies[parts.policies[name]], name) for name in names)


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
