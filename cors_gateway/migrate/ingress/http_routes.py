"""HTTPRoutes of the Gateway API as routes: each match of each rule is one.

Their precedence is the gateway's own (exact, then the longest prefix on whole segments, then the method), and a star in a
host stands for any number of labels in both. What asks for header fields or query parameters is left out: whoever sends a
request chooses those, so leaving it out opens nothing. A rule with a filter that nothing stands for is closed.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.http_backends import Backends
from cors_gateway.migrate.ingress.http_filters import (
    TO_HTTPS,
    Filters,
    filters_of,
    host_of,
    prefix_of,
    redirect_of,
)
from cors_gateway.migrate.ingress.services import Services, Unknown
from cors_gateway.migrate.naming import path_name
from cors_gateway.migrate.nginx.paths import PathPattern, below, expression_patterns, literal_prefix
from cors_gateway.migrate.nginx.quantities import duration
from cors_gateway.migrate.outcome import DISABLED, PASSTHROUGH, Finding, Route, Untranslated, Upstream

_CLOSED = 404
_NO_BACKEND = 500
_CONDITION = "routes choose by host, path and method; by default these requests go where the others go"
_NO_HOST = "neither it nor a Gateway in these files names a host, so it serves every host here"
_OLDER = "9999"


@dataclass(slots=True)
class HttpRoutes:
    """What the HTTPRoutes become, and what is said about them."""

    routes: list[Route] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left: list[Untranslated] = field(default_factory=list)
    notes: list[Untranslated] = field(default_factory=list)
    places: dict[Route, Node] = field(default_factory=dict)
    """The match or rule that a route stands for."""


@dataclass(frozen=True, slots=True)
class _Rule:
    node: Node
    filters: Filters
    hosts: tuple[str, ...]
    name: str
    namespace: str


def http_routes_of(routes: Iterable[Node], objects: Iterable[Node], services: Services) -> HttpRoutes:
    """Read all HTTPRoutes, the oldest first: of two that ask for the same, that one has it."""
    objects = list(objects)
    made = HttpRoutes()
    backends = Backends(objects, services)
    for one in sorted(routes, key=lambda route: route.text("metadata", "creationTimestamp", default=_OLDER)):
        hosts = _hosts(one, objects, made)
        if hosts is None:
            continue
        for node in one.items("spec", "rules"):
            rule = _Rule(node, filters_of(node.items("filters")), hosts, one.name, one.namespace)
            made.left += rule.filters.left
            made.notes += rule.filters.notes
            if rule.filters.cors is not None:
                made.findings += rule.filters.cors.findings
            for name in ("retry", "sessionPersistence"):
                if (found := node.at(name)) is not None:
                    made.left.append(_note(found, name, "write retries: or balance: on the upstream"))
            made.routes += _routes(rule, backends, made)
    made.routes = [one for one in made.routes if one.refuse is None or _is_needed(one, made.routes)]
    # A redirect to https stands beside the routes of the https listener, which are the ones to serve.
    made.routes.sort(key=_is_to_https)
    made.routes.sort(
        key=lambda route: (-len([part for part in route.path.split("/") if part]), not route.is_exact)
    )
    return made


def _hosts(route: Node, objects: list[Node], made: HttpRoutes) -> tuple[str, ...] | None:
    """The names that a route serves; none are all. None if no listener lets it in."""
    own = tuple(str(one.value).lower() for one in route.items("spec", "hostnames"))
    listening = _listening(route, objects)
    if listening is None:
        if not own:
            made.notes.append(_note(route.at("spec") or route, "hostnames", _NO_HOST))
        return own
    if not own:
        return () if "" in listening else tuple(dict.fromkeys(listening))
    kept = tuple(dict.fromkeys(name for host in own for one in listening if (name := _common(host, one))))
    if not kept:
        at = route.at("spec", "hostnames") or route
        made.left.append(_note(at, "hostnames", "no listener of the Gateway is for these names"))
        return None
    if len(kept) < len(own):
        lost = ", ".join(host for host in own if not any(_common(host, one) for one in listening))
        at = route.at("spec", "hostnames") or route
        made.left.append(
            _note(at, "hostnames", f"no listener of the Gateway is for {lost or 'some of them'}")
        )
    return kept


def _listening(route: Node, objects: list[Node]) -> list[str] | None:
    """The hosts of the listeners that a route is attached to; "" is any. None if their Gateway is not known."""
    found: list[str] = []
    for parent in route.items("spec", "parentRefs"):
        space = parent.text("namespace") or route.namespace
        gateway = next(
            (
                one
                for one in objects
                if one.kind == "Gateway" and one.name == parent.text("name") and one.namespace in (space, "")
            ),
            None,
        )
        if gateway is None:
            return None
        section = parent.text("sectionName")
        found += [
            one.text("hostname").lower()
            for one in gateway.items("spec", "listeners")
            if section in ("", one.text("name"))
        ]
    return found or None


def _common(host: str, listener: str) -> str:
    """The names that are both; empty if there are none."""
    if listener in ("", host):
        return host
    if listener.startswith("*.") and host.removeprefix("*").endswith(listener[1:]):
        return host
    return listener if host.startswith("*.") and listener.endswith(host[1:]) else ""


def _routes(rule: _Rule, backends: Backends, made: HttpRoutes) -> Iterator[Route]:
    for match in rule.node.items("matches") or (None,):
        conditions = [found for key in ("headers", "queryParams") if match and (found := match.at(key))]
        if conditions:
            made.left.append(_note(conditions[0], "matches", _CONDITION))
            continue
        method = match.text("method") if match is not None else ""
        for pattern in _patterns(match, made):
            route = Route(
                name=path_name(pattern.path) or rule.name or "site",
                path=pattern.path,
                is_exact=pattern.is_exact,
                extensions=pattern.extensions,
                hosts=rule.hosts,
                methods=(method,) if method else (),
            )
            filled = _filled(route, rule, backends, made)
            made.places[filled] = (match.at("path") if match is not None else None) or rule.node
            yield filled
        closed = _closed_by_expression(match, rule)
        if closed is not None:
            yield closed


def _patterns(match: Node | None, made: HttpRoutes) -> tuple[PathPattern, ...]:
    path = match.at("path") if match is not None else None
    if path is None:
        return (PathPattern("/"),)
    value = path.text("value", default="/")
    if path.text("type") != "RegularExpression":
        problem = path_problem(value)
        if problem is not None:
            made.left.append(_note(path, "path", f"the path {problem[0]}"))
            return ()
        return (PathPattern(value, is_exact=path.text("type") == "Exact"),)
    patterns = expression_patterns(f"^{value}$", ignore_case=False)
    if patterns is None:
        made.left.append(
            _note(path, "path", "routes go by prefix and by the ends of paths, not by such expressions")
        )
    return patterns or ()


def _closed_by_expression(match: Node | None, rule: _Rule) -> Route | None:
    """What begins like an expression that no route can stand for is closed, as far as that is a directory."""
    path = match.at("path") if match is not None else None
    value = path.text("value") if path is not None else ""
    if path is None or path.text("type") != "RegularExpression":
        return None
    prefix = literal_prefix(f"^{value}$", ignore_case=False)
    if prefix == "/" or expression_patterns(f"^{value}$", ignore_case=False) is not None:
        return None
    comment = f"path: {value}  ({path.file}:{path.line}): routes cannot tell these paths apart"
    return Route(name=path_name(prefix), path=prefix, hosts=rule.hosts, refuse=_CLOSED, comments=(comment,))


def _filled(route: Route, rule: _Rule, backends: Backends, made: HttpRoutes) -> Route:
    filters = rule.filters
    if filters.closing is not None:
        node, why = filters.closing
        made.left.append(_note(node, node.text("type"), f"{why}; the rule is closed"))
        return _closing(route, node, node.text("type"), why)
    cors = filters.cors
    policy = cors.policy if cors is not None else None
    route = replace(
        route,
        policies=(policy,) if policy is not None else (),
        mode=PASSTHROUGH if cors is None else DISABLED,
        comments=("no origin is left that could be allowed: see the report",)
        if cors is not None and policy is None
        else (),
        response_headers=filters.response,
    )
    if filters.redirect is not None:
        target = redirect_of(filters.redirect, rule.hosts)
        if isinstance(target, str):
            made.left.append(_note(filters.redirect, "RequestRedirect", target))
            return _closing(route, filters.redirect, "RequestRedirect", target)
        return replace(route, redirect=target, mode=DISABLED)
    prefix = prefix_of(filters.rewrite, route.path, is_exact=route.is_exact)
    if isinstance(prefix, Untranslated):
        made.left.append(prefix)
        return _closing(route, filters.rewrite or rule.node, "URLRewrite", prefix.why)
    return _forwarding(
        replace(route, replace_prefix=prefix, request_headers=filters.request), rule, backends, made
    )


def _forwarding(route: Route, rule: _Rule, backends: Backends, made: HttpRoutes) -> Route:
    references = rule.node.at("backendRefs") or rule.node
    found = backends.upstream(rule.node.items("backendRefs"), rule.namespace)
    if isinstance(found, Unknown):
        made.left.append(_note(references, "backendRefs", found.why))
        return _closing(route, references, "backendRefs", found.why)
    if found is None:
        return _closing(route, references, "backendRefs", "there is none", _NO_BACKEND)
    made.notes += backends.notes_of(rule.node.items("backendRefs"))
    timeouts = tuple(_timeouts(rule.node))
    return replace(
        route,
        upstream=Upstream(
            servers=found.servers, host=host_of(rule.filters.rewrite), timeouts=timeouts, tls=found.tls
        ),
    )


def _timeouts(rule: Node) -> Iterator[tuple[str, str]]:
    text = rule.text("timeouts", "backendRequest") or rule.text("timeouts", "request")
    if value := duration(text):
        yield "response_head", value


def _is_to_https(route: Route) -> bool:
    return route.refuse is not None and any(TO_HTTPS in text for text in route.comments)


def _is_needed(route: Route, routes: list[Route]) -> bool:
    """Whether a broader route would serve what is closed."""
    return any(
        one.refuse is None and not one.is_exact and one is not route and below(route.path, one.path)
        for one in routes
    )


def _closing(route: Route, at: Node, name: str, why: str, status: int = _CLOSED) -> Route:
    comment = f"{name}  ({at.file}:{at.line}): {why}"
    return replace(
        route,
        refuse=status,
        upstream=None,
        policies=(),
        mode=DISABLED,
        replace_prefix=None,
        comments=(comment,),
    )


def _note(at: Node, name: str, why: str) -> Untranslated:
    return Untranslated(name, at.file, at.line, why)
