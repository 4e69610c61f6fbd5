"""Which route serves a request: by host, then by path prefix, then by method. Pure look-ups, no policy decisions.

Hosts: an exact name, then the longest `*.` pattern, then routes for any host. Within a host the longest prefix on a
segment boundary whose methods admit the request's; a host without such a route falls through to the next. The cost
depends on the number of segments of the path, not on the number of routes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault

T = TypeVar("T")

_ANY_HOST = b""


class Routed(Protocol):
    """What a route asks of a request, whatever else it says."""

    @property
    def host(self) -> str | None: ...

    @property
    def path(self) -> str: ...

    @property
    def methods(self) -> frozenset[str] | None: ...


R = TypeVar("R", bound=Routed)


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What a route asks of a request. `GET` among the methods implies `HEAD`; no methods means any."""

    host: str | None
    """Lower case; exact, or `*.` and the name below which any host is meant; None is any host."""
    path: str
    """Canonical prefix; a trailing slash makes no difference."""
    methods: frozenset[str] | None = None


class HostRoutes(Generic[T]):
    """The routes that can serve one host, the host's own first."""

    __slots__ = ("_roots",)

    def __init__(self, roots: tuple["_Node[T]", ...]) -> None:
        self._roots = roots

    def select_one(self, readings: Sequence[bytes], method: bytes) -> T | None:
        """The one route to which all readings of a path lead, the canonical one first; None also without readings.

        Raises ProtocolFault(400) if they lead to different ones: a backend might see another path than the one whose
        route was checked.
        """
        if len(readings) == 1:
            return self.select(readings[0], method)
        found: list[T | None] = [self.select(reading, method) for reading in readings]
        if any(route is not found[0] for route in found):
            raise ProtocolFault(Cause.PATH_AMBIGUOUS)
        return found[0] if found else None

    def select(self, path: bytes, method: bytes) -> T | None:
        """The route for a canonical path, or None. Never looks at anything but segments and the method."""
        for root in self._roots:
            found = root.by_method.get(method, root.any_method)
            children = root.children
            if children:
                for segment in path.split(b"/", root.depth + 1)[1:]:
                    node = children.get(segment)
                    if node is None:
                        break
                    deeper = node.by_method.get(method, node.any_method)
                    if deeper is not None:
                        found = deeper
                    children = node.children
                    if not children:
                        break
            if found is not None:
                return found
        return None


class RouteTable(Generic[T]):
    """All routes. Of two entries for the same host, prefix and method the first counts."""

    __slots__ = ("_any", "_exact", "_wildcards")

    def __init__(self, entries: Iterable[tuple[RouteKey, T]]) -> None:
        roots: dict[bytes, _Node[T]] = {}
        explicit = list(entries)
        for key, target in (*explicit, *_implied(explicit)):
            host = _ANY_HOST if key.host is None else key.host.encode("ascii")
            roots.setdefault(host, _Node()).add(key, target)
        chains = {host: HostRoutes(_fall_through(host, roots)) for host in roots}
        self._any: HostRoutes[T] = chains.pop(_ANY_HOST, HostRoutes(()))
        self._exact = {host: chain for host, chain in chains.items() if not host.startswith(b"*.")}
        self._wildcards = {host[2:]: chain for host, chain in chains.items() if host.startswith(b"*.")}

    @classmethod
    def of(cls, routes: Iterable[R], target: Callable[[R], T]) -> "RouteTable[T]":
        """The table of some routes, each of which leads to what `target` makes of it."""
        return cls((RouteKey(route.host, route.path, route.methods), target(route)) for route in routes)

    def for_host(self, host: bytes) -> HostRoutes[T]:
        """The routes for the value of a `Host` field, with or without port, in any case, one trailing dot or none."""
        if not (self._exact or self._wildcards):
            return self._any
        name = _host_name(host)
        found = self._exact.get(name)
        if found is not None:
            return found
        for suffix in _suffixes(name):
            found = self._wildcards.get(suffix)
            if found is not None:
                return found
        return self._any


class _Node(Generic[T]):
    """One segment of a prefix, with the routes that end there."""

    __slots__ = ("any_method", "by_method", "children", "depth")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node[T]] = {}
        self.depth = 0
        """Segments below this node, along the longest prefix."""
        self.by_method: dict[bytes, T] = {}
        """Who serves a method; `any_method` serves the others, if anybody."""
        self.any_method: T | None = None

    def add(self, key: RouteKey, target: T) -> None:
        segments = [segment for segment in key.path.encode("ascii").split(b"/") if segment]
        self.depth = max(self.depth, len(segments))
        node = self
        for segment in segments:
            node = node.children.setdefault(segment, _Node())
        node._serve(key.methods, target)

    def _serve(self, methods: frozenset[str] | None, target: T) -> None:
        if methods is None:
            self.any_method = target if self.any_method is None else self.any_method
            return
        for method in methods:
            self.by_method.setdefault(method.encode("ascii"), target)


def _implied(entries: Iterable[tuple[RouteKey, T]]) -> Iterator[tuple[RouteKey, T]]:
    for key, target in entries:
        if key.methods is not None and "GET" in key.methods:
            yield replace(key, methods=frozenset(("HEAD",))), target


def _fall_through(host: bytes, roots: dict[bytes, _Node[T]]) -> tuple[_Node[T], ...]:
    """The trees to search for a host of the table, most specific first."""
    chain = [host]
    if host != _ANY_HOST:
        chain += [b"*." + suffix for suffix in _suffixes(host.removeprefix(b"*."))]
        chain.append(_ANY_HOST)
    return tuple(roots[name] for name in chain if name in roots)


def _suffixes(name: bytes) -> Iterator[bytes]:
    dot = name.find(b".", 1)
    while dot >= 0:
        yield name[dot + 1 :]
        dot = name.find(b".", dot + 1)


def _host_name(host: bytes) -> bytes:
    if host.startswith(b"["):
        return host[: host.find(b"]") + 1].lower()
    return host.partition(b":")[0].removesuffix(b".").lower()
