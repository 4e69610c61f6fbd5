"""A snapshot in service: its routes with all that a request needs, and what is learnt from requests.

What is learnt (hosts, request lines, preflights) is remembered here and forgotten with the snapshot, bounded in number
and length: clients choose the keys. How a snapshot is made ready is in `activation.py`.
"""

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from cors_gateway.http1.memo import KIB, MIB, OVERHEAD, Memo, Room
from cors_gateway.http1.request import RequestHead, RequestReader
from cors_gateway.http1.request_line import RequestLine, parse_request_line
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.routing import HostRoutes, RouteTable
from cors_gateway.snapshot import Route, Snapshot, UnderscoreHeaders, Upstream

if TYPE_CHECKING:
    from cors_gateway.proxy.preflight_memory import PreflightAnswer

MAX_REMEMBERED_HOSTS = 256
MAX_HOST = 255
"""Bytes of a host that is remembered."""
MAX_REMEMBERED_LINES = 4096
"""Request lines of all hosts together."""
MAX_REMEMBERED_PREFLIGHTS = 2048
"""Preflights, besides one for each listed origin."""
MAX_REMEMBERED_ORIGINS = 16384
"""As many listed origins make the memories larger."""

REST_AFTER = 2.0

NOT_FORWARDED = frozenset({b"TRACE", b"TRACK"})


class Tallies(dict[tuple[Kind, Reason], Tally]):
    """The counters of a route by what CORS came to, each made when it is first asked for."""

    __slots__ = ("_stats",)

    def __init__(self, stats: RouteStats) -> None:
        super().__init__()
        self._stats = stats

    def __missing__(self, outcome: tuple[Kind, Reason]) -> Tally:
        tally = self[outcome] = self._stats.tally(*outcome)
        return tally


class ActiveRoute:
    """A route with everything a request needs: its compiled policy, its pool, its counters."""

    __slots__ = (
        *("host_field", "policy", "pool", "prefix", "rejects_underscores", "route", "stats"),
        *("strip_origin", "strip_segments", "tallies", "underscored"),
    )

    def __init__(
        self,
        route: Route,
        policy: CompiledPolicy,
        pool: UpstreamPool,
        stats: RouteStats,
        *,
        rejects_underscores: bool = False,
    ) -> None:
        self.route = route
        self.policy = policy
        self.pool = pool
        self.stats = stats
        self.tallies = Tallies(stats)
        self.strip_origin = policy.policy.strip_origin
        self.strip_segments = route.path.count("/") if route.strip_prefix and route.path != "/" else 0
        self.prefix = route.path.encode("ascii") if self.strip_segments else b""
        self.host_field = _host_field(pool.upstream)
        self.underscored = _underscored(route)
        """Lower-case names that go on in spite of an underscore, because a policy of the route grants them."""
        self.rejects_underscores = rejects_underscores
        """Whether others have the request refused, not the field dropped."""


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
            and line.is_plain
            and line.method != b"OPTIONS"
            and line.method not in NOT_FORWARDED
        )
        """HTTP/1.1 in origin form, a method that is simply forwarded, and a route: the common case, tested once."""


class ActiveHost:
    """The routes that serve one value of Host, and the request lines seen for it."""

    __slots__ = ("_max_line", "lines", "routes")

    def __init__(self, routes: HostRoutes[ActiveRoute], max_line: int, room: Room) -> None:
        """`max_line` bounds a request line in bytes; 0 is no limit. `room` is that of the lines of all hosts."""
        self.routes = routes
        self._max_line = max_line
        self.lines: Memo[bytes, RoutedLine] = Memo(room, longest=512)

    def read_line(self, line: bytes) -> RoutedLine:
        """Read and route a request line that `lines` does not hold. Raises ProtocolFault."""
        parsed = parse_request_line(line, self._max_line)
        routed = RoutedLine(parsed, self.routes.select_one(parsed.readings, parsed.method))
        self.lines.offer(line, routed)
        return routed


class Active:
    """A snapshot in service."""

    def __init__(
        self,
        snapshot: Snapshot,
        routes: RouteTable[ActiveRoute],
        by_name: Mapping[str, ActiveRoute],
        pools: Mapping[str, UpstreamPool],
    ) -> None:
        self.snapshot = snapshot
        self.pools = pools
        self.routes_by_name = by_name
        self.generation = 0
        limits = snapshot.server.limits
        origins = _listed_origins(snapshot)
        self.reader = RequestReader(
            max_bytes=limits.request_head,
            max_fields=limits.header_fields,
            origins=origins,
            passes_underscores=snapshot.server.underscore_headers is UnderscoreHeaders.PASS,
        )
        self.has_told_of_scheme = False
        """Whether it was said already that the scheme which an untrusted proxy tells is ignored."""
        self.limits = limits
        self.timeouts = snapshot.server.timeouts
        self.rest_after = min(self.timeouts.keep_alive, REST_AFTER)
        """Seconds without a request after which a connection forgets its last one."""
        self.trusted = snapshot.server.trusted_proxies
        self.preflights: Memo[tuple[RequestHead, CompiledPolicy], PreflightAnswer] = Memo(
            Room(entries=MAX_REMEMBERED_PREFLIGHTS + origins, size=8 * MIB + 2 * origins * KIB),
            longest=2,
            cost=_cost_of_preflight,
        )
        """Answers by what the fields of a preflight say, and the policy of the route that it asks about."""
        self._routes = routes
        self._hosts: Memo[bytes, ActiveHost] = Memo(
            Room(entries=MAX_REMEMBERED_HOSTS, size=512 * KIB), longest=MAX_HOST
        )
        self._lines = Room(entries=MAX_REMEMBERED_LINES, size=8 * MIB)

    def host(self, host: bytes) -> ActiveHost:
        """The routes for a value of Host (empty if there was none)."""
        found = self._hosts.get(host)
        if found is None:
            found = ActiveHost(self._routes.for_host(host), self.limits.request_head, self._lines)
            self._hosts.offer(host, found)
        return found


def _cost_of_preflight(key: tuple[RequestHead, CompiledPolicy], preflight: "PreflightAnswer") -> int:
    asked, answer = preflight.asked, preflight.answer
    of_client = sum(map(len, (*asked.origin, *asked.method_asked, *asked.headers_asked, asked.host or b"")))
    return 3 * OVERHEAD + of_client + 2 * (len(answer.lines) + len(answer.content))


def without_prefix(target: bytes, segments: int) -> bytes:
    """A target in origin form without the first segments of its path; the rest stays byte for byte.

    Counted in segments, because a client may spell the prefix with escapes.
    """
    path, question, query = target.partition(b"?")
    parts = path.split(b"/", segments + 1)
    rest = parts[segments + 1] if len(parts) > segments + 1 else b""
    return b"/" + rest + question + query


class _Any:
    """Contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


def _underscored(route: Route) -> Container[bytes]:
    """The names with an underscore that the policies of a route grant: a star grants all."""
    policies = [route.policy, *(further.policy for further in route.further_policies)]
    if any(policy.any_header for policy in policies):
        return _Any()
    return frozenset(
        name.encode("ascii") for policy in policies for name in policy.allow_headers if "_" in name
    )


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
