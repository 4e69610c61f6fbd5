"""The routes of one server: its locations in the gateway's table, closed where a broader route would open them.

nginx looks for expressions before it takes a prefix; the gateway takes the longest path. Where the two differ, routes are
added or left out so that nobody reaches what nginx did not let them reach.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cors_gateway.migrate.naming import Namer, host_name, path_name
from cors_gateway.migrate.nginx.backends import server_text
from cors_gateway.migrate.nginx.evaluate import Evaluator, Run
from cors_gateway.migrate.nginx.guards import guards_of
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.paths import PathPattern, below, literal_prefix, named_segments, patterns_of
from cors_gateway.migrate.nginx.placing import Placed, place_location
from cors_gateway.migrate.nginx.scope import PASSES, Scope, locations_of, match_of
from cors_gateway.migrate.nginx.sites import Names
from cors_gateway.migrate.nginx.study import Study
from cors_gateway.migrate.outcome import Route, Untranslated

_CLOSED = 404
_ROOT = PathPattern("/")


@dataclass(frozen=True, slots=True)
class Table:
    """What one server becomes."""

    server: Scope
    names: Names
    studies: tuple[Study, ...]
    """Every location, also those that become no route."""
    placed: tuple[Placed, ...]
    left: tuple[Untranslated, ...]
    unplaced: frozenset[Directive]
    """Locations by expression that no route can stand for."""

    @property
    def forwards(self) -> bool:
        return any(one.route.upstream is not None for one in self.placed)


def table_of(server: Scope, names: Names, evaluator: Evaluator, http: Scope) -> Table:
    """Read a server."""
    studies: list[Study] = []
    placed: list[Placed] = []
    left: list[Untranslated] = []
    unplaced: set[Directive] = set()
    locations = list(locations_of(server)) or [_whole(server)]
    shadows = list(_expression_prefixes(locations))
    for location in locations:
        match = match_of(location)
        patterns = patterns_of(match)
        if patterns is None:
            prefix = literal_prefix(match.text, ignore_case=match.kind == "~*") if match.kind else "/"
            studies.append(study := Study(evaluator, location, _sample(match.text, prefix)))
            unplaced.add(location.directive)
            left += _lost_expression(study)
            placed += _closed_prefix(study, prefix, names)
            continue
        if not patterns:
            studies.append(Study(evaluator, location, "/wq7x"))
        for pattern in patterns:
            study = Study(evaluator, location, pattern.sample)
            studies.append(study)
            if match.kind == "" and any(below(pattern.path, shadow) for shadow in shadows):
                continue  # an expression takes all its requests
            name = _name(pattern, names)
            placed.append(
                place_location(study, pattern, http, names.hosts, name, is_caret=match.kind == "^~")
            )
    return Table(server, names, tuple(studies), tuple(_unique(placed)), tuple(left), frozenset(unplaced))


def routes_of(tables: Iterable[Table], left_out: Iterable[Table], namer: Namer) -> list[Route]:
    """The routes of all servers, each with a name of its own.

    Names of servers that are left out stay closed, where routes for more names would serve them.
    """
    tables = list(tables)
    rows: list[tuple[Names, Placed]] = [(table.names, one) for table in tables for one in table.placed]
    routes: list[Route] = []
    for table in tables:
        others = [
            placed
            for names, placed in rows
            if names is not table.names and _falls_through(table.names, names)
        ]
        needed = [*_needed(table, others)]
        for route in sorted(needed, key=_order):
            wishes = (route.name, f"{host_name((route.hosts or ('',))[0])}-{route.name}")
            routes.append(replace(route, name=namer.name(*wishes)))
    taken = {host for table in tables for host in table.names.hosts}
    for table in left_out:
        opened = any(_opens(placed, _ROOT) for names, placed in rows if _falls_through(table.names, names))
        hosts = tuple(host for host in table.names.hosts if host not in taken)
        if hosts and opened:
            place = table.server.directive.place
            comment = f"the server of {place.file}:{place.line} is not translated; without this other routes would serve its names"
            name = namer.name(f"not-{host_name(hosts[0])}")
            routes.append(Route(name=name, path="/", hosts=hosts, refuse=_CLOSED, comments=(comment,)))
    return distinct_routes(routes)


def distinct_routes(routes: list[Route]) -> list[Route]:
    """Of two servers with one name and path the first counts, as in nginx."""
    taken: set[tuple[str, str, bool, str, str]] = set()
    kept: list[Route] = []
    for route in routes:
        path = route.path if route.is_exact else route.path.rstrip("/")
        hosts = [
            host
            for host in route.hosts or ("",)
            if not any(
                (host, path, route.is_exact, extension, method) in taken
                for extension in route.extensions or ("",)
                for method in route.methods or ("",)
            )
        ]
        taken |= {
            (host, path, route.is_exact, extension, method)
            for host in hosts
            for extension in route.extensions or ("",)
            for method in route.methods or ("",)
        }
        if hosts:
            kept.append(replace(route, hosts=tuple(host for host in hosts if host)))
    return kept


def _needed(table: Table, others: list[Placed]) -> Iterator[Route]:
    own = list(table.placed)
    for one in own:
        if one.pattern.extensions:
            yield from _by_extension(one, own, others)
            continue
        if one.is_needed or any(_opens(other, one.pattern) for other in (*own, *others) if other is not one):
            yield one.route
        if one.rest is not None and any(
            _opens(other, one.pattern) for other in (*own, *others) if other is not one
        ):
            yield one.rest
    has_root = any(
        not one.pattern.extensions and one.pattern.path == "/" and not one.pattern.is_exact for one in own
    )
    is_served = any(one.route.upstream is not None for one in own)
    if not has_root and is_served and any(_opens(other, _ROOT) for other in others):
        comment = "nginx serves nothing else under this name; without this the routes for any host would"
        yield Route(
            name="nothing-else", path="/", hosts=table.names.hosts, refuse=_CLOSED, comments=(comment,)
        )


def _by_extension(one: Placed, own: list[Placed], others: list[Placed]) -> Iterator[Route]:
    """A route for each prefix whose requests nginx would give to the expression."""
    prefixes = {
        other.pattern.path
        for other in own
        if other.route.upstream is not None
        and not other.pattern.extensions
        and other.yields_to_expressions
        and below(other.pattern.path, one.pattern.path)
    }
    is_opened = any(_opens(other, one.pattern) for other in (*own, *others) if not other.pattern.extensions)
    if one.is_needed or is_opened:
        prefixes.add(one.pattern.path)
    for path in sorted(prefixes):
        name = one.route.name if path == one.pattern.path else f"{path_name(path)}-{one.route.name}"
        yield replace(one.route, path=path, name=name)


def _opens(other: Placed, pattern: PathPattern) -> bool:
    """Whether a route would take requests of the pattern, if there were none of its own."""
    return other.route.upstream is not None and other.pattern.covers(pattern)


def _falls_through(names: Names, other: Names) -> bool:
    """Whether requests for one server's names reach the routes of another if the first has none for their path."""
    if not other.hosts:
        return bool(names.hosts)
    stars = [host[1:] for host in other.hosts if host.startswith("*.")]
    return any(host.endswith(star) and host != f"*{star}" for host in names.hosts for star in stars)


def _expression_prefixes(locations: Iterable[Scope]) -> Iterator[str]:
    for location in locations:
        match = match_of(location)
        if match.kind in ("~", "~*"):
            for pattern in patterns_of(match) or ():
                if not pattern.extensions and not pattern.is_exact and pattern.path.endswith("/"):
                    yield pattern.path


def _lost_expression(study: Study) -> Iterator[Untranslated]:
    """What to name for a location that no route can stand for."""
    location = study.location
    run = study.observe("GET", study.welcome).run
    handler = run.handler
    if guards := guards_of(location):
        for guard in guards:
            yield _note(
                guard,
                "routes go by prefix, so this cannot be closed everywhere: see what your backend serves there",
            )
    elif handler is not None and handler.name == "proxy_pass" and _is_computed(run):
        yield _note(handler, "the server is computed from the request")
    elif (handler is None and run.returned is None) or (handler is not None and handler.name == "proxy_pass"):
        yield _note(
            location.directive, "routes go by prefix and by the ends of paths, not by such expressions"
        )


def _is_computed(run: Run) -> bool:
    address = run.handler.args[0] if run.handler and run.handler.args else ""
    return not run.variables.is_constant(server_text(address))


def _closed_prefix(study: Study, prefix: str, names: Names) -> Iterator[Placed]:
    """All below the prefix of an expression is closed if a guard or an unknown server hangs on it."""
    run = study.observe("GET", study.welcome).run
    match = match_of(study.location)
    is_guarded = bool(guards_of(study.location))
    is_proxied = run.handler is not None and run.handler.name in ("proxy_pass", *PASSES)
    patterns: tuple[PathPattern, ...] = ()
    if prefix != "/" and (is_guarded or is_proxied):
        patterns = (PathPattern(prefix),)
    elif is_guarded:
        patterns = named_segments(match.text, ignore_case=match.kind == "~*")
    place = study.location.directive
    comment = f"{place.text}  ({place.place.file}:{place.place.line}): routes cannot tell these paths apart"
    for pattern in patterns:
        route = Route(
            name=_name(pattern, names),
            path=pattern.path,
            hosts=names.hosts,
            refuse=_CLOSED,
            comments=(comment,),
        )
        yield Placed(pattern, route, False, is_guarded=True)


def _unique(placed: Iterable[Placed]) -> list[Placed]:
    """One for each place of the table: `/api` and `/api/` are the same there, and the one with the slash is meant."""
    found: dict[tuple[str, bool, tuple[str, ...]], Placed] = {}
    for one in placed:
        pattern = one.pattern
        key = (
            pattern.path if pattern.is_exact else pattern.path.rstrip("/"),
            pattern.is_exact,
            pattern.extensions,
        )
        if key not in found or (pattern.path.endswith("/") and not found[key].is_guarded):
            found[key] = one
    return list(found.values())


def _order(route: Route) -> tuple[int, int]:
    """Broad routes last, as a person would write them."""
    return (
        -len([segment for segment in route.path.split("/") if segment]),
        0 if route.is_exact or route.extensions else 1,
    )


def _whole(server: Scope) -> Scope:
    """A server without locations answers by itself."""
    place = server.directive.place
    return Scope(Directive("location", ("/",), place, ()), server)


def _name(pattern: PathPattern, names: Names) -> str:
    if pattern.extensions:
        base = path_name(pattern.path)
        return f"{base}-{pattern.extensions[0]}" if base else pattern.extensions[0]
    if pattern.is_exact and pattern.path == "/":
        return "home"
    return path_name(pattern.path) or host_name((names.hosts or ("",))[0]) or "site"


def _sample(text: str, prefix: str) -> str:
    return f"{prefix.rstrip('/')}/wq7x/{len(text)}"


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
