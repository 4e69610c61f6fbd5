"""A snapshot made ready to serve: policies compiled, pools at hand, tables built, memos empty.

Everything that can fail about a snapshot fails in `prepare`, before anything is swapped. What is learnt from requests
(lines, hosts, preflights) is remembered here and forgotten with the snapshot, bounded in number and length: clients
choose the keys.
"""

import asyncio

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.memo import Memo
from cors_gateway.http1.request import RequestHead, RequestReader
from cors_gateway.http1.request_line import RequestLine, parse_request_line
from cors_gateway.observe.metrics import Metrics, RouteStats, Tally
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.grant import ActualDecision
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.connect import credentials
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.routing import HostRoutes, RouteKey, RouteTable
from cors_gateway.snapshot import Route, Snapshot, Upstream

MAX_REMEMBERED_HOSTS = 256
MAX_REMEMBERED_ORIGINS = 16384
MAX_REMEMBERED_REQUEST = 4096

NOT_FORWARDED = frozenset({b"TRACE", b"TRACK"})


class ActivationError(Exception):
    """A valid configuration cannot be served here: a certificate is missing, an engine is not installed."""


class ActiveRoute:
    """A route with everything a request needs: its compiled policy, its pool, its counters."""

    __slots__ = (
        "_last_decision",
        "_last_tally",
        "_tallies",
        "host_field",
        "policy",
        "pool",
        "prefix",
        "route",
        "stats",
        "strip_origin",
        "strip_segments",
    )

    def __init__(self, route: Route, policy: CompiledPolicy, pool: UpstreamPool, stats: RouteStats) -> None:
        self.route = route
        self.policy = policy
        self.pool = pool
        self.stats = stats
        self.strip_origin = policy.policy.strip_origin
        self.strip_segments = route.path.count("/") if route.strip_prefix and route.path != "/" else 0
        self.prefix = route.path.encode("ascii") if self.strip_segments else b""
        self.host_field = _host_field(pool.upstream)
        self._tallies: dict[tuple[int, int], Tally] = {}
        self._last_decision: ActualDecision | None = None
        self._last_tally: Tally = None  # type: ignore[assignment]  # set with the decision

    def tally(self, decision: ActualDecision) -> Tally:
        """The counter of a decision; decisions are shared values, and most are the one before."""
        if decision is not self._last_decision:
            self._last_decision = decision
            self._last_tally = self.tally_of(decision.kind, decision.reason)
        return self._last_tally

    def tally_of(self, kind: Kind, reason: Reason) -> Tally:
        """The counter of an outcome."""
        key = (id(kind), id(reason))  # members are unique objects, and hashing one is a call in Python
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = self.stats.decision(kind, reason, reason.outcome)
        return tally


class RoutedLine:
    """A request line with the route it selects, and the line as it goes upstream."""

    __slots__ = ("is_plain", "line", "request_line", "route")

    def __init__(self, line: RequestLine, route: ActiveRoute | None) -> None:
        self.line = line
        self.route = route
        target = line.target
        if route is not None and route.strip_segments:
            target = without_prefix(target, route.strip_segments)
        self.request_line = b"%b %b HTTP/1.1\r\n" % (line.method, target)
        self.is_plain = (
            route is not None
            and line.is_simple
            and line.method != b"OPTIONS"
            and line.method not in NOT_FORWARDED
        )
        """HTTP/1.1 in origin form, a method that is simply forwarded, and a route: the common case, tested once."""


class ActiveHost:
    """The routes that serve one value of Host, and the request lines seen for it."""

    __slots__ = ("_max_line", "lines", "routes")

    def __init__(self, routes: HostRoutes[ActiveRoute], max_line: int) -> None:
        self.routes = routes
        self._max_line = max_line
        self.lines: Memo[bytes, RoutedLine] = Memo(size=4096, longest=512)

    def read_line(self, line: bytes) -> RoutedLine:
        """Read a request line that `lines` does not hold. Raises ProtocolFault."""
        routed = self.route(parse_request_line(line, self._max_line))
        self.lines.offer(line, routed)
        return routed

    def route(self, line: RequestLine) -> RoutedLine:
        """Find the route that serves a request line. Raises ProtocolFault."""
        return RoutedLine(line, self.select(line, line.method))

    def select(self, line: RequestLine, method: bytes) -> ActiveRoute | None:
        """The route for a line, by a method that a preflight may ask for instead of its own.

        Raises ProtocolFault(400) if two readings of the path would select different routes.
        """
        readings = line.readings
        if len(readings) == 1:
            return self.routes.select(readings[0], method)
        if not readings:
            return None
        route = self.routes.select(readings[0], method)
        for reading in readings[1:]:
            if self.routes.select(reading, method) is not route:
                raise ProtocolFault(Cause.PATH_AMBIGUOUS)
        return route


class PreflightAnswer:
    """The answer of a policy to preflights whose fields say the same: all but the Date line, and where to count it."""

    __slots__ = (
        "active",
        "asked",
        "head",
        "reason",
        "request",
        "requests",
        "rest",
        "route",
        "status",
        "tally",
    )

    def __init__(
        self, active: "Active", asked: RequestHead, reason: Reason, status: int, head: bytes, rest: bytes
    ) -> None:
        self.active = active
        self.asked = asked
        """What the fields of the preflights say."""
        self.reason = reason
        self.status = status
        self.head = head
        self.rest = rest
        """What follows the Date line."""
        self.route: ActiveRoute = None  # type: ignore[assignment]  # these three are set by `bind`, before it is given
        self.tally: Tally = None  # type: ignore[assignment]
        self.requests: list[int] = []
        """Counters of the route by the first digit of the status."""
        self.request = b""
        """All bytes of the last request that it was the answer to: the same bytes need not be read again."""

    def bind(self, route: ActiveRoute) -> None:
        """Count for a route from now on."""
        self.route = route
        self.tally = route.tally_of(Kind.PREFLIGHT, self.reason)
        self.requests = route.stats.requests[b"OPTIONS"]
        self.request = b""

    def remember(self, request: bytes) -> None:
        """Take down `request`, unless it is long."""
        self.request = request if len(request) <= MAX_REMEMBERED_REQUEST else b""


class Active:
    """A snapshot in service."""

    def __init__(
        self,
        snapshot: Snapshot,
        routes: RouteTable[ActiveRoute],
        by_name: dict[str, ActiveRoute],
        pools: dict[str, UpstreamPool],
    ) -> None:
        self.snapshot = snapshot
        self.pools = pools
        self.routes_by_name = by_name
        self.generation = 0
        limits = snapshot.server.limits
        origins = _listed_origins(snapshot)
        self.reader = RequestReader(
            max_bytes=limits.request_head, max_fields=limits.header_fields, origins=origins
        )
        self.limits = limits
        self.timeouts = snapshot.server.timeouts
        self.trusted = snapshot.server.trusted_proxies
        self.answers: Memo[tuple[RequestHead, CompiledPolicy], PreflightAnswer] = Memo(
            size=2048 + origins, longest=2
        )
        """The answers to preflights by what their fields say, and the policy of the route that they ask about."""
        self._routes = routes
        self._hosts: dict[bytes, ActiveHost] = {}

    def host(self, host: bytes) -> ActiveHost:
        """The routes for a value of Host (empty if there was none)."""
        found = self._hosts.get(host)
        if found is None:
            found = ActiveHost(self._routes.for_host(host), self.limits.request_head)
            if len(self._hosts) >= MAX_REMEMBERED_HOSTS:
                self._hosts.clear()
            self._hosts[host] = found
        return found


def prepare(
    snapshot: Snapshot,
    *,
    loop: asyncio.AbstractEventLoop,
    clock: CoarseClock,
    metrics: Metrics,
    serving: Active | None = None,
) -> Active:
    """Build everything a snapshot needs, taking over the pools of `serving` whose upstream did not change.

    Raises ActivationError; nothing is changed then.
    """
    pools: dict[str, UpstreamPool] = {}
    for name, upstream in snapshot.upstreams.items():
        old = serving.pools.get(name) if serving is not None else None
        try:
            if old is not None and old.upstream == upstream and old.credentials == credentials(upstream.tls):
                pools[name] = old
                continue
            pools[name] = UpstreamPool(upstream, loop=loop, clock=clock, stats=metrics.upstream(name))
        except OSError as error:
            raise ActivationError(f"upstream {name}: TLS files cannot be used: {error}") from error
    compiled: dict[int, CompiledPolicy] = {}
    by_name: dict[str, ActiveRoute] = {}
    entries: list[tuple[RouteKey, ActiveRoute]] = []
    for route in snapshot.routes:
        policy = compiled.get(id(route.policy))
        if policy is None:
            try:
                policy = compiled[id(route.policy)] = CompiledPolicy(route.policy)
            except (
                Exception
            ) as error:  # the regex engine is missing or refuses: its errors share no base class
                raise ActivationError(f"route {route.name}: {error}") from error
        active = ActiveRoute(route, policy, pools[route.upstream], metrics.route(route.name))
        by_name[route.name] = active
        entries.append((RouteKey(route.host, route.path, route.methods), active))
    return Active(snapshot, RouteTable(entries), by_name, pools)


def without_prefix(target: bytes, segments: int) -> bytes:
    """A target in origin form without the first segments of its path; the rest stays byte for byte.

    Counted in segments, because a client may spell the prefix with escapes.
    """
    path, question, query = target.partition(b"?")
    parts = path.split(b"/", segments + 1)
    rest = parts[segments + 1] if len(parts) > segments + 1 else b""
    return b"/" + rest + question + query


def _listed_origins(snapshot: Snapshot) -> int:
    """How many origins are listed, as far as the memories shall grow for them."""
    listed = {id(route.policy): len(route.policy.allow_origins) for route in snapshot.routes}
    return min(sum(listed.values()), MAX_REMEMBERED_ORIGINS)


def _host_field(upstream: Upstream) -> bytes | None:
    """The Host to send, or None for the one that came."""
    if upstream.host == "preserve":
        return None
    if upstream.host != "upstream":
        return upstream.host.encode("ascii")
    server = upstream.servers[0]
    if server.unix_path is not None:
        return b"localhost"
    host = f"[{server.host}]" if ":" in server.host else server.host
    is_default = server.port == (443 if server.tls else 80)
    return (host if is_default else f"{host}:{server.port}").encode("ascii")
