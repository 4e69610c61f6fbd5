"""Rules for the routing table: what a row may not say, what two rows may not share, what is never reached.

Paths of findings start at the document: `("routes", 0, "path")`, `("policies", "app")`. How a row is chosen is in
`cors_gateway.routing`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from cors_gateway.config.lint.finding import Finding, Path, RouteInput
from cors_gateway.config.lint.methods import CUSTOMARY
from cors_gateway.config.lint.names import nearest, split_hint
from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.policy.fetch import is_token
from cors_gateway.policy.quoting import shown
from cors_gateway.policy.spelling import repair

_MODES = ("disabled", "passthrough")
"""What `cors` can say instead of the name of a policy."""
_COMMON_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_HOST = re.compile(
    r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]", re.ASCII | re.IGNORECASE
)
_URL = re.compile(r"(?:[a-z]+://)?(\[[^\]]*\]|[^/:]*)(?::[0-9]+)?(?:/.*)?")

_EXTENSION = re.compile(r"[A-Za-z0-9_~-]{1,32}(?:\.[A-Za-z0-9_~-]{1,32}){0,3}")

_Table = Sequence[RouteInput]
_Place = tuple[str | None, str, bool, str | None]
"""Host, path, whether it is exact, extension."""


def lint_routes(routes: Sequence[RouteInput], policies: Collection[str]) -> list[Finding]:
    """Check every route, alone and against the others. `policies` holds the names under `policies`."""
    findings = [
        finding for rule in _ROW_RULES for at, route in enumerate(routes) for finding in rule(at, route)
    ]
    findings += [finding for rule in _TABLE_RULES for finding in rule(routes)]
    findings += [finding for rule in _NAME_RULES for finding in rule(routes, policies)]
    return findings


def path(at: int, route: RouteInput) -> Iterator[Finding]:
    """A prefix is compared with the canonical path of requests, so only a canonical one can match."""
    problem = path_problem(route.path)
    if problem is not None:
        what, hint = problem
        yield Finding("error", "routes.path", f"{shown(route.path)} {what}", hint, ("routes", at, "path"))


def hosts(at: int, route: RouteInput) -> Iterator[Finding]:
    """A host is a name or an address, or `*.` and a name; ports and schemes take no part."""
    if route.host is not None and route.hosts is not None:
        what = "a route has host, for one name, or hosts, for several"
        yield Finding("error", "schema.conflict", what, "write the name in hosts", ("routes", at, "host"))
    seen: set[str] = set()
    for index, name in enumerate(route.hosts or ()):
        yield from _host(name, ("routes", at, "hosts", index))
        if _bare(name) in seen:
            what = f"{shown(name)} stands here twice"
            yield Finding("error", "routes.hosts", what, "remove one", ("routes", at, "hosts", index))
        seen.add(_bare(name))
    if route.host is not None:
        yield from _host(route.host, ("routes", at, "host"))


def _host(name: str, place: Path) -> Iterator[Finding]:
    if _HOST.fullmatch(name) and len(name) <= 255:
        return
    parts = _URL.fullmatch(name.strip().lower())
    bare = parts[1] if parts else ""
    if not bare.isascii():
        bare = repair(f"https://{bare}").removeprefix("https://")
    hint = (
        f'write "{bare}"'
        if _HOST.fullmatch(bare)
        else 'write a name such as api.example.com, or "*.example.com"'
    )
    yield Finding("error", "routes.host", f"{shown(name)} is not a host", hint, place)


def extensions(at: int, route: RouteInput) -> Iterator[Finding]:
    """What stands after a dot at the end of a path, which has no slash and no dot in front."""
    seen: set[str] = set()
    for index, extension in enumerate(route.extensions or ()):
        place: Path = ("routes", at, "extensions", index)
        if not _EXTENSION.fullmatch(extension):
            bare = extension.removeprefix("\\").removeprefix("*").removeprefix(".").removesuffix("$")
            hint = f"write {bare}" if _EXTENSION.fullmatch(bare) else "write one without its dot: woff2"
            yield Finding(
                "error", "routes.extensions", f"{shown(extension)} is not an extension", hint, place
            )
        elif extension.lower() in seen:
            what = f"{shown(extension)} stands here twice; upper and lower case are the same"
            yield Finding("error", "routes.extensions", what, "remove one", place)
        seen.add(extension.lower())
    if route.extensions and route.is_exact:
        what = "extensions has no effect: match: exact is about one path"
        yield Finding("error", "schema.conflict", what, "remove one of the two", ("routes", at, "extensions"))


def methods(at: int, route: RouteInput) -> Iterator[Finding]:
    """A route compares methods as they come, and no method is the empty one."""
    if route.methods == ():
        yield Finding(
            "error",
            "routes.methods",
            "an empty list serves no request",
            "leave methods out to serve every method",
            ("routes", at, "methods"),
        )
    for index, method in enumerate(route.methods or ()):
        if not is_token(method) or method == "*":
            hint = "leave methods out to serve every method" if method == "*" else split_hint(method)
            what = f"{shown(method)} is not a method"
        elif method != method.upper() and method.upper() in CUSTOMARY:
            hint = f"write {method.upper()}"
            what = f"methods are case-sensitive: no client sends {shown(method)}"
        else:
            continue
        yield Finding("error", "routes.methods", what, hint, ("routes", at, "methods", index))


def duplicate_name(routes: _Table) -> Iterator[Finding]:
    """Names appear in logs and metrics, where two routes must not look like one."""
    first: dict[str, int] = {}
    for at, route in enumerate(routes):
        if route.name is not None and first.setdefault(route.name, at) != at:
            yield Finding(
                "error",
                "routes.duplicate",
                f"another route is called {shown(route.name)} already",
                "give each route its own name",
                ("routes", at, "name"),
            )


def duplicate(routes: _Table) -> Iterator[Finding]:
    """Two routes for the same requests: the order of the file must not decide which policy holds."""
    first: dict[tuple[_Place, str | None], int] = {}
    for at, route in enumerate(routes):
        taken: dict[int, dict[str, None]] = defaultdict(dict)
        for place in _places(route):
            for method in dict.fromkeys(route.methods) if route.methods is not None else (None,):
                earlier = first.setdefault((place, method), at)
                if earlier != at:
                    taken[earlier][_shared(place, method)] = None
        for earlier, shared in taken.items():
            yield Finding(
                "error",
                "routes.duplicate",
                f"{shown(route.path)} is served by {_called(routes[earlier], earlier)} already ({', '.join(shared)})",
                "remove one, or give them different hosts, paths, extensions or methods",
                ("routes", at, "path"),
            )


def unreachable(routes: _Table) -> Iterator[Finding]:
    """A route for every method, of which the others on its path leave only exotic ones."""
    claimed: dict[_Place, set[str]] = defaultdict(set)
    for route in routes:
        if route.methods is not None:
            for place in _places(route):
                claimed[place].update(route.methods, {"HEAD"} if "GET" in route.methods else ())
    for at, route in enumerate(routes):
        if route.methods is None and all(
            claimed.get(place, set()) >= _COMMON_METHODS for place in _places(route)
        ):
            yield Finding(
                "warning",
                "routes.unreachable",
                f"other routes for {shown(route.path)} serve every common method, so this one is hardly ever chosen",
                "remove it, or remove methods from the others",
                ("routes", at),
            )


def unknown_policy(routes: _Table, policies: Collection[str]) -> Iterator[Finding]:
    """A name that leads nowhere must not fall back to anything."""
    hints: dict[str, str] = {}
    for at, route in enumerate(routes):
        for name, place in _policy_names(at, route):
            if name in policies or name in _MODES:
                continue
            if name not in hints:
                guess = nearest(name, (*_MODES, *policies))
                known = ", ".join((*list(policies)[:5], *_MODES))
                hints[name] = f"did you mean {guess}?" if guess else f"known are {known}"
            what = f"no policy is called {shown(name)}"
            yield Finding("error", "policy.unknown", what, hints[name], place)


def unused_policy(routes: _Table, policies: Collection[str]) -> Iterator[Finding]:
    """A policy that no route names is a leftover, or a name was mistyped."""
    used = {name for at, route in enumerate(routes) for name, _ in _policy_names(at, route)}
    for name in policies:
        if name not in used and name not in _MODES:
            yield Finding(
                "warning",
                "policy.unused",
                f"no route uses the policy {shown(name)}",
                "remove it, or name it in a route",
                ("policies", name),
            )


def policy_list(routes: _Table, policies: Collection[str]) -> Iterator[Finding]:
    """Several policies are asked one after the other; one alone, or one that asks nobody, is no list."""
    for at, route in enumerate(routes):
        if isinstance(route.cors, str) or route.cors is None:
            continue
        if len(route.cors) < 2:
            hint = f"write cors: {route.cors[0]}" if route.cors else "name a policy, disabled or passthrough"
            what = "a list of one policy" if route.cors else "the list is empty"
            yield Finding("error", "cors.list", what, hint, ("routes", at, "cors"))
        for index, name in enumerate(route.cors):
            if name in _MODES:
                what = f"{name} is no policy that could list an origin"
                hint = f"remove it, or write cors: {name} alone"
            elif name in route.cors[:index]:
                what, hint = f"{shown(name)} stands here twice", "remove one"
            else:
                continue
            yield Finding("error", "cors.list", what, hint, ("routes", at, "cors", index))


def reserved_policy(routes: _Table, policies: Collection[str]) -> Iterator[Finding]:
    """`cors: disabled` has a meaning of its own."""
    for name in policies:
        if name in _MODES:
            yield Finding(
                "error",
                "schema.conflict",
                f'no route can name this policy: "cors: {name}" has a meaning of its own',
                "choose another name",
                ("policies", name),
            )


_ROW_RULES = (path, hosts, methods, extensions)
_TABLE_RULES = (duplicate_name, duplicate, unreachable)
_NAME_RULES = (unknown_policy, unused_policy, reserved_policy, policy_list)


def _policy_names(at: int, route: RouteInput) -> Iterator[tuple[str, Path]]:
    """The names of the policies of a route, each with its place."""
    if isinstance(route.cors, str):
        yield route.cors, ("routes", at, "cors")
    else:
        yield from ((name, ("routes", at, "cors", index)) for index, name in enumerate(route.cors or ()))


def _places(route: RouteInput) -> Iterator[_Place]:
    """What the routing table tells routes apart by, besides methods: a route may stand in several places."""
    named = route.hosts or (route.host,)
    path = route.path if route.is_exact else route.path.rstrip("/")
    for name in dict.fromkeys(name and _bare(name) for name in named):
        for extension in dict.fromkeys(map(str.lower, route.extensions)) if route.extensions else (None,):
            yield name, path, route.is_exact, extension


def _shared(place: _Place, method: str | None) -> str:
    """What two routes have in common, in words."""
    name, _, _, extension = place
    words = [method or "every method", f"of .{extension}" if extension else "", f"for {name}" if name else ""]
    return " ".join(filter(None, words))


def _bare(name: str) -> str:
    return name.lower().removesuffix(".")


def _called(route: RouteInput, at: int) -> str:
    return shown(route.name) if route.name is not None else f"routes[{at}]"
