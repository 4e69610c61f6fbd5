"""Which route serves a request: by host, then by path, extension and method. Pure look-ups, no policy decisions.

Hosts: an exact name, then the longest `*.` pattern, then routes for any host. Within a host the exact path, then the
longest prefix on a segment boundary; of routes with one path those for the extension of the last segment come first,
then those for the method. Where a route does not admit the request, the next shorter one is asked, and a host without
a route that does falls through to the next. The order of entries means nothing. The cost depends on the number of
segments of the path, not on the number of routes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault

T = TypeVar("T")

_ANY_HOST = b""


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What a route asks of a request. `GET` among the methods implies `HEAD`; no methods means any."""

    host: str | None
    """Lower case; exact, or `*.` and the name below which any host is meant; None is any host."""
    path: str
    """Canonical; in a prefix a trailing slash makes no difference."""
    methods: frozenset[str] | None = None
    is_exact: bool = False
    """Only this path, not what is below it."""
    extensions: frozenset[str] | None = None
    """Lower case, compared without case: what follows a dot of the last segment and ends it. None is anything."""


class Routed(Protocol):
    """A route, whatever else it says."""

    @property
    def keys(self) -> tuple[RouteKey, ...]:
        """What it asks of a request: one key for each of its hosts."""
        ...


R = TypeVar("R", bound=Routed)


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


class SelectiveHostRoutes(HostRoutes[T]):
    """The same where some route is for one exact path or for extensions. Other tables do not pay for that."""

    __slots__ = ("_max_dots",)

    def __init__(self, roots: tuple["_Node[T]", ...]) -> None:
        super().__init__(roots)
        self._max_dots = max(root.max_dots for root in roots)

    def select(self, path: bytes, method: bytes) -> T | None:
        endings = self._endings(path)
        for root in self._roots:
            node = root.exact.get(path)
            found = None if node is None else node.choose(method, endings)
            if found is not None:
                return found
            found = root.choose(method, endings)
            children = root.children
            for segment in path.split(b"/", root.depth + 1)[1:]:
                node = children.get(segment)
                if node is None:
                    break
                deeper = node.choose(method, endings)
                if deeper is not None:
                    found = deeper
                children = node.children
            if found is not None:
                return found
        return None

    def _endings(self, path: bytes) -> tuple[bytes, ...]:
        """What follows each dot of the last segment, the longest first, as far as any route has as many dots."""
        pieces = path[path.rfind(b"/") + 1 :].lower().rsplit(b".", self._max_dots)[1:]
        return tuple(b".".join(pieces[at:]) for at in range(len(pieces)))


class RouteTable(Generic[T]):
    """All routes. Of two entries for the same host, prefix and method the first counts."""

    __slots__ = ("_any", "_exact", "_wildcards")

    def __init__(self, entries: Iterable[tuple[RouteKey, T]]) -> None:
        roots: dict[bytes, _Node[T]] = {}
        explicit = list(entries)
        for key, target in (*explicit, *_implied(explicit)):
            host = _ANY_HOST if key.host is None else key.host.encode("ascii")
            roots.setdefault(host, _Node()).add(key, target)
        chains = {host: _host_routes(_fall_through(host, roots)) for host in roots}
        self._any: HostRoutes[T] = chains.pop(_ANY_HOST, HostRoutes(()))
        self._exact = {host: chain for host, chain in chains.items() if not host.startswith(b"*.")}
        self._wildcards = {host[2:]: chain for host, chain in chains.items() if host.startswith(b"*.")}

    @classmethod
    def of(cls, routes: Iterable[R], target: Callable[[R], T]) -> "RouteTable[T]":
        """The table of some routes, each of which leads to what `target` makes of it."""
        rows = ((route.keys, target(route)) for route in routes)
        return cls((key, made) for keys, made in rows for key in keys)

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
    """One segment of a prefix, or one exact path, with the routes that end there."""

    __slots__ = ("any_method", "by_extension", "by_method", "children", "depth", "exact", "max_dots")

    def __init__(self) -> None:
        self.children: dict[bytes, _Node[T]] = {}
        self.depth = 0
        """Segments below this node, along the longest prefix."""
        self.by_method: dict[bytes, T] = {}
        """Who serves a method; `any_method` serves the others, if anybody."""
        self.any_method: T | None = None
        self.by_extension: dict[bytes, _Node[T]] = {}
        """Who serves paths with an extension, before those above; of these nodes only the methods are used."""
        self.exact: dict[bytes, _Node[T]] = {}
        """Who serves one whole path; of a root only."""
        self.max_dots = 0
        """Dots in front of and within the longest extension; of a root only."""

    @property
    def is_selective(self) -> bool:
        """Whether the routes of this root ask for more than prefix and method."""
        return bool(self.exact) or self.max_dots > 0

    def add(self, key: RouteKey, target: T) -> None:
        """Add a route to the tree of which this is the root."""
        path = key.path.encode("ascii")
        node = self
        if key.is_exact:
            node = self.exact.setdefault(path, _Node())
        else:
            segments = [segment for segment in path.split(b"/") if segment]
            self.depth = max(self.depth, len(segments))
            for segment in segments:
                node = node.children.setdefault(segment, _Node())
        if key.extensions is None:
            node._serve(key.methods, target)
        for extension in key.extensions or ():
            self.max_dots = max(self.max_dots, extension.count(".") + 1)
            node.by_extension.setdefault(extension.encode("ascii"), _Node())._serve(key.methods, target)

    def choose(self, method: bytes, endings: tuple[bytes, ...]) -> T | None:
        """The route that ends here and admits a request; the longest extension is asked first."""
        if self.by_extension:
            for ending in endings:
                node = self.by_extension.get(ending)
                found = None if node is None else node.by_method.get(method, node.any_method)
                if found is not None:
                    return found
        return self.by_method.get(method, self.any_method)

    def _serve(self, methods: frozenset[str] | None, target: T) -> None:
        if methods is None:
            self.any_method = target if self.any_method is None else self.any_method
            return
        for method in methods:
            self.by_method.setdefault(method.encode("ascii"), target)


def _host_routes(roots: tuple[_Node[T], ...]) -> HostRoutes[T]:
    is_selective = any(root.is_selective for root in roots)
    return SelectiveHostRoutes(roots) if is_selective else HostRoutes(roots)


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
