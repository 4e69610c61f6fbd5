"""Requests that another route serves than before: because a route came, went, or asks for something else.

Found by asking both routing tables about sample requests around every route that changed. Pure; what the moves come to
is said in `changes.py`.
"""

from collections.abc import Iterable, Iterator
from itertools import product

from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route, Snapshot

MAX_SAMPLES = 100_000
"""Requests that are tried; beyond that those of the hosts and paths of other routes are left out."""

_LABEL = "sample-of-any"
_UNLISTED_HOST = "sample.invalid"
_UNLISTED_METHOD = "SAMPLE"

Move = tuple[Route | None, Route | None]
"""Who served some request, and who serves it now; None for nobody. Two forms of one route are no move."""


def moves(old: Snapshot, new: Snapshot) -> tuple[Move, ...]:
    """Every move once, in the order of the routes."""
    former = RouteTable.of(old.routes, lambda route: route)
    latter = RouteTable.of(new.routes, lambda route: route)
    found: dict[tuple[str | None, str | None], Move] = {}
    for host, path, method in _samples(old.routes, new.routes):
        before = former.for_host(host).select(path, method)
        after = latter.for_host(host).select(path, method)
        names = (None if before is None else before.name, None if after is None else after.name)
        if names[0] != names[1]:
            found.setdefault(names, (before, after))
    return tuple(found.values())


def _samples(old: tuple[Route, ...], new: tuple[Route, ...]) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Host, path and method of requests that changed routes serve or served."""
    changed = list(_changed(old, new))
    if not changed:
        return
    routes = (*old, *new)
    all_hosts = {sample for route in routes for sample in _hosts(route)}
    extensions = sorted({extension for route in routes for extension in route.extensions or ()})
    methods = sorted(
        {method for route in routes for method in route.methods or ()} | {"GET", _UNLISTED_METHOD}
    )
    for route in changed:
        below = {each.path for each in routes if each.path.startswith(route.path.rstrip("/") + "/")}
        hosts, paths = all_hosts, {route.path, *below}
        if len(hosts) * len(paths) * len(methods) * len(changed) > MAX_SAMPLES:
            hosts, paths = set(_hosts(route)), {route.path}
        tried = sorted({sample for path in paths for sample in _paths(path, extensions)})
        for host, path, method in product(sorted(hosts), tried, methods):
            yield host.encode(), path.encode(), method.encode()


def _changed(old: tuple[Route, ...], new: tuple[Route, ...]) -> Iterator[Route]:
    """Routes that the other side does not have, or not for the same requests; both forms of one that has changed."""
    before, after = ({route.name: route for route in routes} for routes in (old, new))
    for name in dict.fromkeys((*before, *after)):
        forms = [routes[name] for routes in (before, after) if name in routes]
        if len(forms) == 1 or forms[0].keys != forms[1].keys:
            yield from forms


def _hosts(route: Route) -> Iterable[str]:
    """One host for each pattern."""
    if not route.hosts:
        return (_UNLISTED_HOST,)
    return (host.replace("*", _LABEL, 1) for host in route.hosts)


def _paths(path: str, extensions: list[str]) -> Iterator[str]:
    """The path itself, and paths below it with every extension that means something and without."""
    base = path.rstrip("/")
    yield path
    yield f"{base}/sample"
    for extension in extensions:
        yield f"{base}/sample.{extension}"
