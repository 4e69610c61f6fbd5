"""A snapshot in service: its routes with all that a request needs, and what is learnt from requests.

What is learnt (hosts, request lines, preflights) is remembered here and forgotten with the snapshot, bounded in number
and length: clients choose the keys. How a snapshot is made ready is in `activation.py`.
"""

from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING

from cors_gateway.http1.field_edits import compile_edits
from cors_gateway.http1.forwarded import HTTP11, MAX_REMEMBERED_HOST, Peer
from cors_gateway.http1.memo import KIB, MIB, OVERHEAD, Memo, Room
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.http1.request import RequestHead, RequestReader
from cors_gateway.http1.request_fields import folded
from cors_gateway.http1.request_line import RequestLine, parse_request_line
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.policy.preflight import PreflightDecision
from cors_gateway.policy.reason import Kind, Reason, outcome_of
from cors_gateway.proxy.answers import OwnAnswer, answer_preflight, edited
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.response_rules import Decider, ResponseRules, RuledPolicy, rules_of_route
from cors_gateway.routing import HostRoutes, RouteTable
from cors_gateway.snapshot import Route, Snapshot, UnderscoreHeaders, Upstream

if TYPE_CHECKING:
    from cors_gateway.proxy.preflight_memory import Repeat

MAX_REMEMBERED_HOSTS = 256
MAX_HOST = 255
"""Bytes of a host that is remembered."""
MAX_REMEMBERED_LINES = 4096
"""Request lines of all hosts together."""
MAX_REMEMBERED_PREFLIGHTS = 2048
"""Preflights, besides one for each listed origin."""
MAX_REMEMBERED_PEERS = 1024
"""Addresses that connections came from; of a balancer there are few."""
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
        tally = self[outcome] = self._stats.decision(*outcome, outcome_of(*outcome))
        return tally


class ActiveRoute:
    """A route with everything a request needs: its compiled policy, its pool, its counters."""

    __slots__ = (
        *("added_lines", "answer", "answer_preflight", "dropped", "host_field", "max_body", "path_map"),
        *("policy", "pool", "prefix", "rejects_underscores", "stats", "tallies", "underscored"),
    )

    pool: UpstreamPool
    """Who lends connections to its backend; set unless there is an `answer`."""

    def __init__(
        self,
        route: Route,
        policy: Decider,
        pool: UpstreamPool | None,
        stats: RouteStats,
        *,
        decisions: Room,
        max_body: int,
        rejects_underscores: bool,
    ) -> None:
        """`decisions` is what all routes with rules for responses may remember together.

        `max_body` bounds the body of a request in bytes, unless the route says something else; 0 is no limit.
        """
        path_map = path_map_of(route)
        rules = rules_of_route(route, None if pool is None else pool.upstream, path_map)
        self.policy = policy if rules is None else RuledPolicy(policy, rules, decisions)
        self.stats = stats
        self.tallies = Tallies(stats)
        self.answer = route.answer
        self.answer_preflight = _preflight_answers(rules)
        self.path_map = path_map
        self.prefix = route.path.encode("ascii") if path_map is not None and route.strip_prefix else b""
        self.max_body = max_body if route.request_body is None else route.request_body
        self.dropped, self.added_lines = _request_edits(route)
        """Folded names of fields that do not go on; lines that go on with those that do."""
        self.host_field = None
        if pool is not None:
            self.pool = pool
            self.host_field = _host_field(pool.upstream)
        self.underscored = _underscored(route)
        """Lower-case names that go on in spite of an underscore, because a policy of the route grants them."""
        self.rejects_underscores = rejects_underscores
        """Whether others have the request refused, not the field dropped."""


class RoutedLine:
    """A request line with the route it selects, and the line as it goes upstream. Raises ProtocolFault."""

    __slots__ = ("is_plain", "line", "request_line", "route", "target")

    def __init__(self, line: RequestLine, route: ActiveRoute | None) -> None:
        self.line = line
        self.route = route
        target = line.target
        if route is not None and route.path_map is not None:
            target = route.path_map.forward(target)
        self.target = target
        """For the backend."""
        self.request_line = b"%b %b HTTP/1.1\r\n" % (line.method, target)
        self.is_plain = (
            route is not None
            and route.answer is None
            and line.is_plain
            and line.method != b"OPTIONS"
            and line.method not in NOT_FORWARDED
        )
        """HTTP/1.1 in origin form, a method that is simply forwarded, and a route that forwards: tested once."""


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
        pools: Mapping[str, UpstreamPool],
    ) -> None:
        self.snapshot = snapshot
        self.pools = pools
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
        self.trusts_unix = snapshot.server.trusts_unix
        self.preflights: Memo[tuple[RequestHead, Decider], Repeat] = Memo(
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
        self._peers: Memo[tuple[str, bool, str, bool], Peer] = Memo(
            Room(entries=MAX_REMEMBERED_PEERS, size=2 * MIB), longest=4, cost=_cost_of_peer
        )

    def peer(self, address: str, *, is_tls: bool, protocol: str = HTTP11, is_named: bool = False) -> Peer:
        """The other end of a connection, by its address; empty for that of a Unix socket.

        `is_named`: somebody else gave the address, so that an empty one says nothing about who is connected.
        """
        key = address, is_tls, protocol, is_named
        peer = self._peers.get(key)
        if peer is None:
            trusts_unix = self.trusts_unix and not is_named
            peer = Peer(address, self.trusted, is_tls=is_tls, trusts_unix=trusts_unix, protocol=protocol)
            self._peers.offer(key, peer)
        return peer

    def host(self, host: bytes) -> ActiveHost:
        """The routes for a value of Host (empty if there was none)."""
        found = self._hosts.get(host)
        if found is None:
            found = ActiveHost(self._routes.for_host(host), self.limits.request_head, self._lines)
            self._hosts.offer(host, found)
        return found


def path_map_of(route: Route) -> PrefixMap | None:
    """What becomes of the paths of a route on the way to its backend; None if nothing does."""
    if route.replace_prefix is None or route.replace_prefix == route.path:
        return None
    prefix, replacement = route.path.encode("ascii"), route.replace_prefix.encode("ascii")
    return PrefixMap(prefix, replacement, is_exact=route.is_exact)


def _cost_of_peer(key: tuple[str, bool, str, bool], peer: Peer) -> int:
    """With the lines about it, which name a Host."""
    return 2 * OVERHEAD + MAX_REMEMBERED_HOST


def _cost_of_preflight(key: tuple[RequestHead, Decider], repeat: "Repeat") -> int:
    asked, answer = repeat.asked, repeat.answer
    of_client = sum(map(len, (*asked.origin, *asked.method_asked, *asked.headers_asked, asked.host or b"")))
    return 3 * OVERHEAD + of_client + 2 * (len(answer.lines) + len(answer.content))


def _preflight_answers(rules: ResponseRules | None) -> Callable[[PreflightDecision], OwnAnswer]:
    """How a route answers preflights: with the fields that it sets on all its responses."""
    edits = None if rules is None else rules.own_edits
    if edits is None:
        return answer_preflight

    def answer_with_edits(decision: PreflightDecision) -> OwnAnswer:
        answer = answer_preflight(decision)
        return answer._replace(lines=edited(answer.lines, edits))

    return answer_with_edits


def _request_edits(route: Route) -> tuple[frozenset[bytes], bytes]:
    """Names, as some backend reads them, of the fields that never go on, and the lines to add.

    What only imitates a name that the route sets does not go on either: `X_Api_Key` is `X-Api-Key` to many backends.
    """
    fields = route.request_headers
    edits = compile_edits(((each.name, each.value) for each in fields.set), fields.remove)
    origin = frozenset({b"origin"}) if route.policy.strip_origin else frozenset()
    if edits is None:
        return origin, b""
    return origin | frozenset(map(folded, edits.dropped)), edits.lines


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
    policies = (
        policy
        for route in snapshot.routes
        for policy in (route.policy, *(further.policy for further in route.further_policies))
    )
    listed = {id(policy): len(policy.allow_origins) for policy in policies}
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
