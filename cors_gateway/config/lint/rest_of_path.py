"""Warns where a filter leaves the rest of a path to a broader route that is more open.

`methods` and `extensions` choose requests, they close nothing: whatever a route does not admit is served by the next
shorter one. A location of nginx is different, so who comes from there expects that nothing is served.
"""

from collections.abc import Iterator, Sequence

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.regex.containment import contains
from cors_gateway.policy.cover import Cover
from cors_gateway.policy.difference import is_left_to_backend
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.quoting import shown
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_LABEL = "x"
"""Stands for a label or a segment that no route names."""


def lint_rest(routes: Sequence[Route]) -> Iterator[Finding]:
    """Check a whole table that is otherwise right. Paths of findings start at the document."""
    table = RouteTable((key, at) for at, route in enumerate(routes) for key in route.keys)
    openings = _Openings()
    for at, route in enumerate(routes):
        if route.answer is not None:
            continue
        for key, path, method in _rest(route):
            broader = _broader(table, route, path, method, openings, routes)
            if broader is not None:
                other, why = broader
                what = "other methods" if key == "methods" else "other files"
                yield Finding(
                    "warning",
                    "routes.rest",
                    f"{what} of {shown(route.path)} are served by the route {shown(other.name)}, {why}",
                    f"if they shall not be, add a route with path: {route.path} and refuse: 404",
                    ("routes", at, key),
                )
                break


class _Openings:
    """What one route allows and another does not, found once for each pair of policies: they may be large."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, ...], str | None] = {}

    def of(self, broad: Route, narrow: Route) -> str | None:
        """Why the first is more open than the second, None if it is not."""
        theirs, ours = _policies(broad), _policies(narrow)
        pair = (*map(id, theirs), 0, *map(id, ours))
        if pair not in self._found:
            self._found[pair] = _opening(theirs, ours)
        return self._found[pair]


def _rest(route: Route) -> Iterator[tuple[str, str, str]]:
    """Requests next to those that a route admits: which key leaves them out, path and method."""
    below = f"{route.path.rstrip('/')}/{_LABEL}"
    if route.methods is not None:
        ending = f".{min(route.extensions)}" if route.extensions else ""
        path = route.path if route.is_exact else below + ending
        yield from (("methods", path, method) for method in _METHODS if method not in route.methods)
    if route.extensions is not None:
        yield from (("extensions", below, method) for method in sorted(route.methods or ("GET",)))


def _broader(
    table: RouteTable[int],
    route: Route,
    path: str,
    method: str,
    openings: _Openings,
    routes: Sequence[Route],
) -> tuple[Route, str] | None:
    """The more open route that serves such a request, on any of the hosts, and why it is more open."""
    for host in route.hosts or ("",):
        found = table.for_host(host.replace("*", _LABEL).encode()).select(path.encode(), method.encode())
        other = None if found is None else routes[found]
        why = None if other is None or other.answer is not None else openings.of(other, route)
        if other is not None and why is not None:
            return other, why
    return None


def _policies(route: Route) -> tuple[Policy, ...]:
    return (route.policy, *(further.policy for further in route.further_policies))


def _opening(theirs: Sequence[Policy], ours: Sequence[Policy]) -> str | None:
    if theirs == ours or is_left_to_backend(ours[0]):
        return None
    if is_left_to_backend(theirs[0]):
        return "which leaves CORS to the backend"
    if theirs[0].mode is Mode.DISABLED:
        return None
    if any(policy.any_origin for policy in ours):
        added = None
    elif any(policy.any_origin for policy in theirs):
        added = "which allows every origin"
    else:
        added = next((f"which allows {shown(text)}" for text in _added_origins(theirs, ours)), None)
    if added is None and _has_credentials(theirs) and not _has_credentials(ours):
        return "which allows credentials"
    return added


def _added_origins(theirs: Sequence[Policy], ours: Sequence[Policy]) -> Iterator[str]:
    """What their policies list and ours do not cover, as it is written."""
    cover = Cover([pattern for policy in ours for pattern in policy.allow_origins], contains)
    for policy in theirs:
        yield from (pattern.text for pattern in policy.allow_origins if pattern not in cover)
        if policy.allow_null_origin and not any(each.allow_null_origin for each in ours):
            yield "null"


def _has_credentials(policies: Sequence[Policy]) -> bool:
    return any(policy.allow_credentials for policy in policies)
