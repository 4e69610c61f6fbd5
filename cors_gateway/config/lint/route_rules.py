"""Rules for the routing table: what a row may not say, what two rows may not share, what is never reached.

Paths of findings start at the document: `("routes", 0, "path")`, `("policies", "app")`. How a row is chosen is in
`cors_gateway.routing`.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence

from cors_gateway.config.lint.finding import Finding, RouteInput
from cors_gateway.config.lint.methods import CUSTOMARY
from cors_gateway.config.lint.names import nearest, split_hint
from cors_gateway.http1.paths import PathFault, resolve
from cors_gateway.policy.fetch import is_token
from cors_gateway.policy.quoting import shown

_MODES = ("disabled", "passthrough")
"""What `cors` can say instead of the name of a policy."""
_COMMON_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_HOST = re.compile(
    r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]+\]", re.ASCII | re.IGNORECASE
)
_URL = re.compile(r"(?:[a-z]+://)?(\[[^\]]*\]|[^/:]*)(?::[0-9]+)?(?:/.*)?")

_Table = Sequence[RouteInput]


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
    problem = _problem_of_path(route.path)
    if problem is not None:
        what, hint = problem
        yield Finding("error", "routes.path", f"{shown(route.path)} {what}", hint, ("routes", at, "path"))


def host(at: int, route: RouteInput) -> Iterator[Finding]:
    """A host is a name or an address, or `*.` and a name; ports and schemes take no part."""
    if route.host is None or (_HOST.fullmatch(route.host) and len(route.host) <= 255):
        return
    parts = _URL.fullmatch(route.host.strip().lower())
    bare = parts[1] if parts else ""
    hint = (
        f'write "{bare}"'
        if _HOST.fullmatch(bare)
        else 'write a name such as api.example.com, or "*.example.com"'
    )
    yield Finding("error", "routes.host", f"{shown(route.host)} is not a host", hint, ("routes", at, "host"))


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
    first: dict[tuple[str | None, str, str | None], int] = {}
    for at, route in enumerate(routes):
        taken: dict[int, list[str]] = defaultdict(list)
        for method in dict.fromkeys(route.methods) if route.methods is not None else (None,):
            earlier = first.setdefault((*_place(route), method), at)
            if earlier != at:
                taken[earlier].append(method or "every method")
        for earlier, shared in taken.items():
            yield Finding(
                "error",
                "routes.duplicate",
                f"{shown(route.path)} is served by {_called(routes[earlier], earlier)} already ({', '.join(shared)})",
                "remove one, or give them different hosts, paths or methods",
                ("routes", at, "path"),
            )


def unreachable(routes: _Table) -> Iterator[Finding]:
    """A route for every method, of which the others on its path leave only exotic ones."""
    claimed: dict[tuple[str | None, str], set[str]] = defaultdict(set)
    for route in routes:
        if route.methods is not None:
            claimed[_place(route)].update(route.methods, {"HEAD"} if "GET" in route.methods else ())
    for at, route in enumerate(routes):
        if route.methods is None and claimed.get(_place(route), set()) >= _COMMON_METHODS:
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
        name = route.cors
        if name is None or name in policies or name in _MODES:
            continue
        if name not in hints:
            guess = nearest(name, (*_MODES, *policies))
            known = ", ".join((*list(policies)[:5], *_MODES))
            hints[name] = f"did you mean {guess}?" if guess else f"known are {known}"
        yield Finding(
            "error",
            "policy.unknown",
            f"no policy is called {shown(name)}",
            hints[name],
            ("routes", at, "cors"),
        )


def unused_policy(routes: _Table, policies: Collection[str]) -> Iterator[Finding]:
    """A policy that no route names is a leftover, or a name was mistyped."""
    used = {route.cors for route in routes}
    for name in policies:
        if name not in used and name not in _MODES:
            yield Finding(
                "warning",
                "policy.unused",
                f"no route uses the policy {shown(name)}",
                "remove it, or name it in a route",
                ("policies", name),
            )


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


_ROW_RULES = (path, host, methods)
_TABLE_RULES = (duplicate_name, duplicate, unreachable)
_NAME_RULES = (unknown_policy, unused_policy, reserved_policy)


def _problem_of_path(text: str) -> tuple[str, str] | None:
    if not text.startswith("/"):
        absolute = "/" + text.lstrip("^/")
        return (
            "does not begin with a slash",
            f"write {shown('/api/' if _problem_of_path(absolute) else absolute)}",
        )
    for char, what in (("?", "has a query, which takes no part in routing"), ("#", "has a fragment")):
        if char in text:
            return what, f"write {shown(text.partition(char)[0])}"
    if "*" in text:
        return (
            "has a star; a path is a prefix and covers all below it",
            f"write {shown(text.partition('*')[0])}",
        )
    if not text.isascii():
        return "has characters that are percent-encoded in requests", f"write {shown(_encoded(text))}"
    try:
        readings = resolve(text.encode("ascii"))
    except PathFault as fault:
        return f"can match no request: {fault}", "write the path as requests have it after normalisation"
    canonical = readings[0].decode("ascii")
    if len(readings) > 1:
        return (
            "can be read in more than one way",
            "write a path without empty segments, ';' or encoded delimiters",
        )
    return None if canonical == text else ("is not in canonical form", f'write "{canonical}"')


def _encoded(text: str) -> str:
    return "".join(
        char if char.isascii() else "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in text
    )


def _place(route: RouteInput) -> tuple[str | None, str]:
    """What the routing table tells routes apart by, besides methods."""
    host = None if route.host is None else route.host.lower().removesuffix(".")
    return host, route.path.rstrip("/")


def _called(route: RouteInput, at: int) -> str:
    return shown(route.name) if route.name is not None else f"routes[{at}]"
