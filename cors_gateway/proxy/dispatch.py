"""From a request head to what becomes of it: forwarded, answered here, or answered again from memory.

The order of the checks is the contract: grammar, version, authority, what is never forwarded, preflight, route,
policy, limits. What comes out is a value; nothing here knows a connection. What a repeated request needs is remembered
in `last_request.py`.
"""

from collections.abc import Callable
from typing import final

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import END
from cors_gateway.http1.forwarded import HTTP2, HTTP11, Peer, passed_here_before, via_line
from cors_gateway.http1.grammar import is_token, without_default_port
from cors_gateway.http1.location import redirect_location
from cors_gateway.http1.request import NO_BODY, HeaderSection, check_version
from cors_gateway.http1.request_line import RequestLine, parse_request_line, path_of_options
from cors_gateway.observe.metrics import Metrics, RouteStats, Tally
from cors_gateway.observe.trouble import Trouble, refused
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.active import NOT_FORWARDED, ActiveRoute, RoutedLine
from cors_gateway.proxy.answers import OPTIONS_OF_GATEWAY, OwnAnswer, problem, under
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.last_request import Bound, LastRequest, bind_in_full, hops_left
from cors_gateway.proxy.preflight_memory import Repeat, remembered
from cors_gateway.snapshot import Redirect, Refusal

MAX_FORWARDED_ID = 128

# Python 3.11 looks members of enumerations up by a call.
_PREFLIGHT = Kind.PREFLIGHT

ROUTE_CLOSED = "route_closed"
"""The reason of a route with `refuse`, in its problem document."""


@final
class Answer:
    """A request that is answered here, and what is counted and logged about it."""

    __slots__ = ("answer", "line", "section", "stats", "tally", "trouble", "wants_body")

    def __init__(
        self,
        answer: OwnAnswer,
        *,
        line: RequestLine,
        section: HeaderSection,
        stats: RouteStats,
        tally: Tally,
        trouble: Trouble | None = None,
        wants_body: bool = True,
    ) -> None:
        self.answer = answer
        self.line = line
        self.section = section
        self.stats = stats
        self.tally = tally
        """Counted already."""
        self.trouble = trouble
        """Why it is not served, if that is no decision."""
        self.wants_body = wants_body
        """False: the body is larger than accepted, and not to be waited for."""


Dispatch = Callable[[LastRequest, bytes, Peer], Forward | Answer | Repeat]
"""Decides what becomes of a request with this request line, which is the connection's last one, from this peer.

Raises ProtocolFault if it must be refused and the connection closed.
"""


class Dispatcher:
    """Dispatches requests to what is in service."""

    __slots__ = ("_metrics", "_next_request_id", "_own_via", "_pseudonym")

    def __init__(self, pseudonym: bytes, metrics: Metrics, next_request_id: Callable[[], bytes]) -> None:
        """`pseudonym` names this gateway in Via."""
        self._pseudonym = pseudonym
        self._own_via = {protocol: via_line((), protocol, pseudonym) for protocol in (HTTP11, HTTP2)}
        self._metrics = metrics
        self._next_request_id = next_request_id

    def dispatch(self, last: LastRequest, line: bytes, peer: Peer) -> Forward | Answer | Repeat:
        """As `Dispatch` says."""
        head = last.head
        if head.asks_preflight and line.startswith(b"OPTIONS "):
            limit = last.active.limits.request_head
            path = path_of_options(line, limit)
            if path and head.is_plain:
                route = last.host.routes.select(path, head.method_asked[0])
                repeat = None if route is None else _answered_before(last, route)
                if repeat is not None:
                    return repeat
            return self._preflight(last, parse_request_line(line, limit), peer)
        routed = last.host.lines.get(line) or last.host.read_line(line)
        route = routed.route
        if route is not None and routed.is_plain and head.is_plain:
            bound = last.bound
            if bound is None or route is not bound.route:
                bound = last.bind(route, peer, self._own_via[peer.protocol])
            fields = last.fields
            if not fields:
                fields = last.fields = bound.fields(last.section)
            return self._forward(last, routed, bound, fields, peer)
        return self._dispatch_in_full(last, routed, peer)

    # -- preflights ------------------------------------------------------------------------------------------------

    def _preflight(self, last: LastRequest, line: RequestLine, peer: Peer) -> Forward | Answer | Repeat:
        """Routed by the method that it asks for (Fetch, CORS-preflight fetch): the policy is that request's."""
        head = last.head
        is_plain = head.is_plain and line.is_plain
        if not is_plain:
            answer = self._answer_unrouted(last, line)
            if answer is not None:
                return answer
        asked = head.method_asked[0]
        route = last.host.routes.select_one(line.readings, asked)
        if route is None:
            return self._no_route(last, line, Kind.PREFLIGHT)
        if is_plain:
            repeat = _answered_before(last, route)
            if repeat is not None:
                return repeat
        decision = route.policy.preflight(
            head.origin, head.method_asked, head.headers_asked, head.private_network
        )
        tally = route.tallies[_PREFLIGHT, decision.reason]
        if decision.forward:
            return self._forward_in_full(last, RoutedLine(line, route), route, peer, tally)
        own = route.answer_preflight(decision)
        if is_plain and not head.closes and head.framing == NO_BODY and len(head.origin) == 1:
            last.active.preflights.offer((head, route.policy), remembered(head, decision.reason, own, route))
        tally.count += 1
        return Answer(own, line=line, section=last.section, stats=route.stats, tally=tally)

    # -- everything else -------------------------------------------------------------------------------------------

    def _dispatch_in_full(self, last: LastRequest, routed: RoutedLine, peer: Peer) -> Forward | Answer:
        """As `dispatch`, for a request that is not plain, in the line or the fields: every rule is looked at."""
        line = routed.line
        answer = self._answer_unrouted(last, line)
        if answer is not None:
            return answer
        if routed.route is None:
            return self._no_route(last, line, Kind.ACTUAL if last.head.origin else Kind.NOT_CORS)
        return self._forward_in_full(last, routed, routed.route, peer)

    def _answer_unrouted(self, last: LastRequest, line: RequestLine) -> Answer | None:
        """What is answered whatever route would serve it. Raises ProtocolFault for what must be refused."""
        head = last.head
        check_version(head, line.is_http11)
        if line.authority is not None and without_default_port(line.authority) != without_default_port(
            head.host or b""
        ):
            raise ProtocolFault(Cause.AUTHORITY)
        if line.method in NOT_FORWARDED:
            return self._refuse(last, line, ProtocolFault(Cause.METHOD_NOT_SERVED))
        if line.target == b"*":
            return self._undecided(last, line, OPTIONS_OF_GATEWAY)
        if head.via and passed_here_before(head.via, self._pseudonym):
            return self._refuse(last, line, ProtocolFault(Cause.LOOP))
        return None

    def _forward_in_full(
        self,
        last: LastRequest,
        routed: RoutedLine,
        route: ActiveRoute,
        peer: Peer,
        tally: Tally | None = None,
    ) -> Forward | Answer:
        """`tally` is given for a preflight that goes on: it counts as what it is, with what the policy makes of it."""
        line = routed.line
        if last.head.max_forwards and line.method == b"OPTIONS" and hops_left(last.head) == 0:
            return self._undecided(last, line, OPTIONS_OF_GATEWAY)
        bound = bind_in_full(last, route, line, peer, self._pseudonym)
        if tally is not None:
            bound.tally = tally
        if route.answer is not None:
            return _answer_of_route(last, routed, bound, route.answer)
        return self._forward(last, routed, bound, bound.fields(last.section), peer)

    def _forward(
        self, last: LastRequest, routed: RoutedLine, bound: Bound, fields: bytes, peer: Peer
    ) -> Forward | Answer:
        head = last.head
        bound.tally.count += 1
        if bound.decision.rejected:
            return _refuse_origin(last, routed.line, bound)
        if head.framing != NO_BODY and 0 < bound.max_body < head.content_length:
            return _refuse_body(last, routed.line, bound)
        request_id = _received_id(last.section) if peer.is_trusted else None
        if request_id is None:
            request_id = self._next_request_id()
        request = routed.request_line + fields + request_id + END
        return Forward(routed.line, last.section, bound, request, request_id)

    def _no_route(self, last: LastRequest, line: RequestLine, kind: Kind) -> Answer:
        stats = self._metrics.unrouted
        tally = stats.tally(kind, Reason.NO_ROUTE)
        tally.count += 1
        answer = problem(404, Reason.NO_ROUTE, "No route serves this host, path and method.")
        return Answer(answer, line=line, section=last.section, stats=stats, tally=tally)

    def _refuse(self, last: LastRequest, line: RequestLine, fault: ProtocolFault) -> Answer:
        """Not served, whatever route it is; the connection goes on."""
        own = problem(fault.status, fault.reason, fault.detail, cause=fault.cause)
        return self._undecided(last, line, own, refused(fault))

    def _undecided(
        self, last: LastRequest, line: RequestLine, answer: OwnAnswer, trouble: Trouble | None = None
    ) -> Answer:
        """An answer before anybody asked what CORS comes to."""
        stats, tally = self._metrics.unrouted, self._metrics.undecided
        return Answer(answer, line=line, section=last.section, stats=stats, tally=tally, trouble=trouble)


def _answered_before(last: LastRequest, route: ActiveRoute) -> Repeat | None:
    """What is remembered for the preflight, if anything is.

    One that belongs to a trace is not answered from memory, because its log line names the trace.
    """
    repeat = last.active.preflights.get((last.head, route.policy))
    if repeat is None or last.section.layout.is_traced:
        return None
    return repeat if repeat.route is route else repeat.on(route)


def _answer_of_route(
    last: LastRequest, routed: RoutedLine, bound: Bound, answer: Redirect | Refusal
) -> Answer:
    """What a route without a backend answers to whatever the policy lets pass."""
    bound.tally.count += 1
    if bound.decision.rejected:
        return _refuse_origin(last, routed.line, bound)
    if isinstance(answer, Refusal):
        return _of_route(last, routed.line, bound, answer.status, ROUTE_CLOSED, "This path is not served.")
    location = redirect_location(answer.to.encode(), routed.target)
    own = OwnAnswer(answer.status, b"Location: " + location + b"\r\n")
    return _own(last, routed.line, bound, own)


def _refuse_origin(last: LastRequest, line: RequestLine, bound: Bound) -> Answer:
    detail = "Requests from this origin are refused on this route."
    reason = bound.decision.reason
    return _of_route(last, line, bound, 403, reason, detail)


def _refuse_body(last: LastRequest, line: RequestLine, bound: Bound) -> Answer:
    """A request body beyond `limits.request_body`, known from its Content-Length."""
    fault = ProtocolFault(Cause.BODY_TOO_LARGE, limit=bound.max_body)
    return _of_route(last, line, bound, fault.status, fault.reason, fault.detail, fault)


def _of_route(
    last: LastRequest,
    line: RequestLine,
    bound: Bound,
    status: int,
    reason: str,
    detail: str,
    fault: ProtocolFault | None = None,
) -> Answer:
    """A refusal that script may read as far as the policy grants it; for a fault of the body, if there is one."""
    cause = fault.cause if fault is not None else ""
    return _own(last, line, bound, problem(status, reason, detail, cause=cause), fault)


def _own(
    last: LastRequest, line: RequestLine, bound: Bound, answer: OwnAnswer, fault: ProtocolFault | None = None
) -> Answer:
    """An answer of the gateway's own on a route, with what the policy grants."""
    return Answer(
        under(bound.grant, answer),
        line=line,
        section=last.section,
        stats=bound.stats,
        tally=bound.tally,
        trouble=refused(fault) if fault is not None else bound.trouble,
        wants_body=fault is None,
    )


def _received_id(section: HeaderSection) -> bytes | None:
    """The request id that a trusted proxy gave, if it can be passed on as it is."""
    value = section.value_of(b"x-request-id")
    if value is not None and len(value) <= MAX_FORWARDED_ID and is_token(value):
        return value
    return None
