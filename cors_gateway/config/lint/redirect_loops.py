"""Warns of redirects of the gateway's own that lead back to themselves, and where a redirect leads.

Only a `to` without host is followed: whether a host of its own comes back here, DNS and whoever ends TLS know.
"""

from collections.abc import Iterator, Sequence

from cors_gateway.config.lint.finding import Finding
from cors_gateway.http1.location import redirect_location
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Redirect, Route

_LABEL = "x"
"""Stands for a label or a segment that no route names."""


def lint_redirects(routes: Sequence[Route]) -> Iterator[Finding]:
    """Check a whole table that is otherwise right. Paths of findings start at the document."""
    table = RouteTable((key, at) for at, route in enumerate(routes) for key in route.keys)
    for at, route in enumerate(routes):
        path = route.path if route.is_exact else f"{route.path.rstrip('/')}/{_LABEL}"
        if route.extensions:
            path += f".{min(route.extensions)}"
        if any(_comes_back(table, routes, at, path, host) for host in route.hosts or ("",)):
            yield Finding(
                "warning",
                "redirect.loop",
                "the redirect leads back to this route: browsers follow it some twenty times, then give up",
                "choose a path that another route serves, or write strip_prefix: true if the prefix shall go",
                ("routes", at, "redirect", "to"),
            )


def redirect_place(route: Route, target: str) -> str:
    """Where a redirect of the route sends a client that asks for `target`."""
    encoded = target.encode()
    if route.replace_prefix is not None:
        prefix = PrefixMap(route.path.encode(), route.replace_prefix.encode(), is_exact=route.is_exact)
        encoded = prefix.forward(encoded)
    to = route.answer.to if isinstance(route.answer, Redirect) else ""
    return redirect_location(to.encode(), encoded).decode()


def _comes_back(table: RouteTable[int], routes: Sequence[Route], start: int, path: str, host: str) -> bool:
    """Whether a GET for a path of the route `start` is sent to that route again, by it or by those it leads to."""
    rows = table.for_host(host.replace("*", _LABEL).encode())
    met: set[int] = set()
    found = rows.select(path.encode(), b"GET")
    while found is not None and found not in met:
        answer = routes[found].answer
        if not isinstance(answer, Redirect) or "://" in answer.to:
            return False
        met.add(found)
        path = redirect_place(routes[found], path)
        found = rows.select(path.encode(), b"GET")
    return found == start
