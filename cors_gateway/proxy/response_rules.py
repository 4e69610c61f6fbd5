"""What a route does to responses besides CORS, made ready at load: fields set and removed, cookies, places to go.

A grant carries the rules of its route (`Grant.rules`), so whatever is remembered of a response by its grant is right for
its route as well. They are applied in `response_head.py` to heads of backends, in `answers.py` to the gateway's own.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from cors_gateway.http1.cookies import CookieChanges
from cors_gateway.http1.field_edits import LineEdits, compile_edits
from cors_gateway.http1.location import BackendLocations
from cors_gateway.http1.memo import OVERHEAD, Memo, Room
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.policy.grant import ActualDecision
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.preflight import PreflightDecision
from cors_gateway.snapshot import NO_COOKIE_EDITS, NO_EDITS, CookieEdits, FieldEdits, Route, Upstream

REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses whose `Location` browsers follow by themselves (Fetch, "redirect status")."""

PLACES = frozenset({b"location", b"refresh"})
"""Fields that name a place to go."""

# What describes content (RFC 9110 8, 8.8): set on a route it is meant for the backend's content, not for a problem document.
_ABOUT_CONTENT = frozenset(
    {"content-type", "content-encoding", "content-language", "content-location", "content-disposition"}
    | {"content-range", "content-digest", "repr-digest", "etag", "last-modified", "accept-ranges"}
)


PreflightDecider = Callable[
    [Sequence[bytes], Sequence[bytes], Sequence[bytes], Sequence[bytes]], PreflightDecision
]


class Decider(Protocol):
    """A policy, or several, as the data path asks them; `CompiledPolicy` says what each call means."""

    @property
    def policy(self) -> Policy: ...

    def actual(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision: ...

    def websocket(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision: ...

    @property
    def preflight(self) -> PreflightDecider: ...

    @property
    def diagnosis(self) -> PreflightDecider: ...


class ResponseRules:
    """The rules of one route, or those that an upstream has for the routes without any. Never changed."""

    __slots__ = (
        "cookies",
        "depends_on_request",
        "edits",
        "locations",
        "own_edits",
        "own_places",
        "tells_scripts",
    )

    def __init__(
        self,
        *,
        edits: FieldEdits = NO_EDITS,
        cookies: CookieEdits = NO_COOKIE_EDITS,
        locations: BackendLocations | None = None,
        tells_scripts: bool = False,
        maps_paths: bool = False,
        public_origins: Sequence[str] = (),
    ) -> None:
        """`maps_paths`: `locations` changes paths; so it depends on the host that the client asked for."""
        self.edits = _line_edits(edits)
        """Of the backend's responses."""
        self.own_edits = _line_edits(
            FieldEdits(
                tuple(each for each in edits.set if each.name.lower() not in _ABOUT_CONTENT),
                tuple(name for name in edits.remove if name not in _ABOUT_CONTENT),
            )
        )
        """Of the gateway's own answers."""
        self.cookies = None if cookies == NO_COOKIE_EDITS else _cookie_changes(cookies)
        self.locations = locations
        self.tells_scripts = tells_scripts
        """Whether a redirect to another origin becomes an answer that a script can read."""
        self.own_places = tuple(
            _scheme_and_host(origin)
            for origin in public_origins
            if origin.startswith(("http://", "https://"))
        )
        """Scheme and host of the gateway's own origins, besides those that a request names."""
        self.depends_on_request = maps_paths or tells_scripts
        """Whether what becomes of a `Location` or `Refresh` depends on more than the response."""

    def passed_on(self, names: Sequence[bytes], is_passed_on: list[bool]) -> list[bool]:
        """Which lines of a response are passed on, by their lower-case names and what holds without these rules."""
        if self.edits is None:
            return is_passed_on
        dropped = self.edits.dropped
        return [is_kept and name not in dropped for is_kept, name in zip(is_passed_on, names, strict=True)]

    def changes(
        self, names: Sequence[bytes], is_passed_on: Sequence[bool], host: bytes
    ) -> list[tuple[int, Callable[[bytes], bytes]]]:
        """Which lines of a response are changed, and how, by their lower-case names.

        `host` is that of the request. A `Location` is among them whenever somebody wants to know where it leads.
        """
        by_name: dict[bytes, Callable[[bytes], bytes]] = {}
        if self.cookies is not None:
            by_name[b"set-cookie"] = _line_change(self.cookies.apply)
        locations = self.locations
        if locations is not None:
            by_name[b"location"] = _line_change(lambda value: locations.location(value, host))
            by_name[b"refresh"] = _line_change(lambda value: locations.refresh(value, host))
        elif self.tells_scripts:
            by_name[b"location"] = bytes
        return [(at, by_name[name]) for at, name in enumerate(names) if name in by_name and is_passed_on[at]]


class RuledPolicy:
    """A policy on a route that has rules for responses: what it decides carries them."""

    __slots__ = ("_decisions", "_inner", "_rules", "diagnosis", "policy", "preflight")

    def __init__(self, inner: Decider, rules: ResponseRules, room: Room) -> None:
        """`room` is what all routes of this kind may remember together."""
        self.policy = inner.policy
        self.preflight = inner.preflight
        self.diagnosis = inner.diagnosis
        self._inner = inner
        self._rules = rules
        # One grant for each of the policy's, because what is remembered of responses goes by its identity.
        self._decisions: Memo[ActualDecision, ActualDecision] = Memo(
            room, longest=len(ActualDecision._fields), cost=_cost_of_decision
        )

    def actual(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a request that is not a preflight."""
        return self._with_rules(self._inner.actual(origin, sec_fetch_site))

    def websocket(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a WebSocket handshake."""
        return self._with_rules(self._inner.websocket(origin, sec_fetch_site))

    def _with_rules(self, decision: ActualDecision) -> ActualDecision:
        ruled = self._decisions.get(decision)
        if ruled is None:
            ruled = decision._replace(grant=decision.grant._replace(rules=self._rules))
            self._decisions.offer(decision, ruled)
        return ruled


def _cost_of_decision(key: ActualDecision, ruled: ActualDecision) -> int:
    return 3 * OVERHEAD + 2 * len(ruled.grant.lines)


def rules_of_route(route: Route, upstream: Upstream | None, paths: PrefixMap | None) -> ResponseRules | None:
    """The rules of a route; None if it has none that its upstream has not. `paths` is how it maps them."""
    policies = (route.policy, *(further.policy for further in route.further_policies))
    # The same in all of them: it concerns the backend.
    tells_scripts = route.policy.cross_origin_redirects == "unauthorized" and not route.policy.report_only
    maps_paths = paths is not None and upstream is not None and upstream.rewrites_redirects
    is_plain = route.response_headers == NO_EDITS and route.cookies == NO_COOKIE_EDITS
    if is_plain and not tells_scripts and not maps_paths:
        return None
    locations = None
    if upstream is not None and upstream.rewrites_redirects:
        locations = BackendLocations(_own_addresses(upstream), paths)
    return ResponseRules(
        edits=route.response_headers,
        cookies=route.cookies,
        locations=locations,
        tells_scripts=tells_scripts,
        maps_paths=maps_paths,
        public_origins=[origin for each in policies for origin in each.public_origins],
    )


def rules_of_upstream(upstream: Upstream) -> ResponseRules | None:
    """The rules for routes that have none of their own."""
    own = _own_addresses(upstream) if upstream.rewrites_redirects else None
    return ResponseRules(locations=BackendLocations(own, None)) if own else None


def _line_change(change: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """A change of values as one of lines."""

    def changed(line: bytes) -> bytes:
        name, colon, value = line.partition(b": ")
        return name + colon + change(value)

    return changed


def _line_edits(edits: FieldEdits) -> LineEdits | None:
    return compile_edits(((each.name, each.value) for each in edits.set), edits.remove)


def _cookie_changes(edits: CookieEdits) -> CookieChanges:
    same_site, domain, path = (
        None if text is None else text.encode() for text in (edits.same_site, edits.domain, edits.path)
    )
    return CookieChanges(same_site, edits.secure, domain, path)


def _own_addresses(upstream: Upstream) -> set[tuple[bytes, int]]:
    """Where the backend may believe that it is: where it is asked, and by what name."""
    own = {(server.host, server.port) for server in upstream.servers if server.unix_path is None}
    if upstream.host == "upstream" and upstream.servers[0].unix_path is not None:
        own.add(("localhost", 80))
    elif upstream.host not in {"preserve", "upstream"}:
        host, colon, port = upstream.host.rpartition(":")
        is_with_port = colon and "]" not in port
        own |= {(host, int(port))} if is_with_port else {(upstream.host, 80), (upstream.host, 443)}
    return {(_bracketed(host).lower().encode("ascii"), port) for host, port in own}


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _scheme_and_host(origin: str) -> tuple[bytes, bytes]:
    scheme, _, host = origin.partition("://")
    return scheme.encode("ascii"), host.encode("ascii")
