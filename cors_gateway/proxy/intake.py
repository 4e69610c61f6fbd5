"""From a request head to what becomes of it: an answer made here, or an exchange with a backend.

The order of the checks is the contract: grammar, version, authority, what is never forwarded, preflight, route,
policy, limits. Everything a repeated request needs is remembered per connection (`Context`), so that a client that
repeats its fields, as browsers do, pays for little more than its request line.
"""

from typing import TYPE_CHECKING

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import passed_here_before, via_line
from cors_gateway.http1.grammar import is_token, without_default_port
from cors_gateway.http1.request import NO_BODY, RequestHead, check_version, is_websocket
from cors_gateway.http1.request_line import RequestLine
from cors_gateway.observe.metrics import Tally
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.activation import NOT_FORWARDED, Active, ActiveRoute, RememberedPreflight, RoutedLine
from cors_gateway.proxy.answers import ALLOWED_METHODS, empty_answer, problem
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.rewrite import request_fields

if TYPE_CHECKING:
    from cors_gateway.policy.grant import ActualDecision
    from cors_gateway.proxy.client import ClientConnection

MAX_REMEMBERED_BLOCK = 8192
MAX_FORWARDED_ID = 128

_PREFLIGHT_DETAILS = {
    Reason.ORIGIN_NOT_ALLOWED: "The origin is not allowed on this route.",
    Reason.ORIGIN_MALFORMED: "The Origin field is not a serialised origin.",
    Reason.METHOD_NOT_ALLOWED: "The method is not allowed across origins on this route.",
    Reason.HEADER_NOT_ALLOWED: "A request header is not allowed across origins on this route.",
    Reason.REQUEST_MALFORMED: "The preflight is malformed.",
    Reason.CORS_DISABLED: "This route allows no cross-origin access.",
}


class Context:
    """What a header section came to on one connection under one snapshot, and for the route it last went to."""

    __slots__ = ("active", "block", "decision", "fields", "head", "host", "route", "tally", "websocket_key")

    def __init__(self, active: Active, block: bytes, head: RequestHead) -> None:
        self.active = active
        self.block = block
        self.head = head
        self.host = active.host(head.host or b"")
        self.route: ActiveRoute | None = None
        self.decision: ActualDecision = None  # type: ignore[assignment]  # set with the route
        self.tally: Tally = None  # type: ignore[assignment]  # likewise
        self.websocket_key: bytes | None = None
        self.fields = b""
        """The header section for the backend, but for X-Request-Id."""

    def bind(self, client: "ClientConnection", route: ActiveRoute) -> None:
        """Decide for a route, and render the fields that its backend gets."""
        head = self.head
        added = [*client.peer.lines(head.forwarding, head.host or b"", route.prefix), client.gateway.via_line]
        self._bind(route, route.policy.actual(head.origin, head.sec_fetch_site), added)

    def bind_special(self, client: "ClientConnection", route: ActiveRoute, line: RequestLine) -> None:
        """As `bind`, for a request whose version, Via, Max-Forwards or Upgrade matter."""
        head = self.head
        added = [
            *client.peer.lines(head.forwarding, head.host or b"", route.prefix),
            via_line(head.via, line.is_http11, client.gateway.pseudonym),
        ]
        if head.max_forwards:
            hops = _hops_left(head) - 1 if line.method == b"OPTIONS" else None
            value = head.max_forwards[0] if hops is None else b"%d" % hops
            added.append(b"Max-Forwards: " + value + b"\r\n")
        if bool(head.upgrade) and is_websocket(line.method, head, line.is_http11):
            self.websocket_key = head.websocket_key[0]
            added.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
            decide = route.policy.websocket
        else:
            self.websocket_key = None
            decide = route.policy.actual
        self._bind(route, decide(head.origin, head.sec_fetch_site), added)

    def _bind(self, route: ActiveRoute, decision: "ActualDecision", added: list[bytes]) -> None:
        host = self.head.host or b"" if route.host_field is None else route.host_field
        self.route = route
        self.decision = decision
        self.tally = route.tally(decision)
        self.fields = request_fields(self.head, host=host, strip_origin=route.strip_origin, added=added)


class Answer:
    """An answer made by the gateway, with what is logged about it."""

    __slots__ = ("closes", "data", "head", "line", "route", "status", "tally")

    def __init__(
        self,
        status: int,
        data: bytes,
        *,
        closes: bool,
        line: RequestLine,
        head: RequestHead,
        route: ActiveRoute | None,
        tally: Tally,
    ) -> None:
        self.status = status
        self.data = data
        self.closes = closes
        self.line = line
        self.head = head
        self.route = route
        self.tally = tally


def admit(client: "ClientConnection", line: bytes, block: bytes) -> Exchange | Answer:
    """Decide what becomes of a request. Raises ProtocolFault if it must be refused and the connection closed."""
    active = client.gateway.active
    context = client.context
    if context is None or context.block != block or context.active is not active:
        context = Context(active, block, active.reader.read(block))
        client.context = context if len(block) <= MAX_REMEMBERED_BLOCK else None
    routed = context.host.lines.get(line)
    if routed is None:
        routed = context.host.read_line(line)
    head = context.head
    route = routed.route
    if head.is_plain and routed.is_plain:
        if route is not context.route:
            context.bind(client, route)  # type: ignore[arg-type]  # a plain line has a route
        return _exchange(client, context, routed)
    return _admit_special(client, context, routed)


def _admit_special(client: "ClientConnection", context: Context, routed: RoutedLine) -> Exchange | Answer:
    head = context.head
    line = routed.line
    check_version(head, line.is_http11)
    if line.authority is not None and without_default_port(line.authority) != without_default_port(
        head.host or b""
    ):
        raise ProtocolFault(421, "the target's authority is not the Host")
    if line.method in NOT_FORWARDED:
        return _refusal(
            client, context, routed, 405, "method_not_served", "TRACE is not served.", ALLOWED_METHODS
        )
    if line.target == b"*":
        return _options_of_gateway(client, context, routed)
    if head.via and passed_here_before(head.via, client.gateway.pseudonym):
        return _refusal(
            client, context, routed, 508, "loop_detected", "The request came through this gateway before."
        )
    if line.method == b"OPTIONS" and head.origin and head.method_asked:
        answer = _preflight(client, context, routed)
        if isinstance(answer, Answer):
            return answer
        route = answer
    elif routed.route is None:
        return _no_route(client, context, routed, Kind.ACTUAL if head.origin else Kind.NOT_CORS)
    else:
        route = routed.route
    if head.max_forwards and line.method == b"OPTIONS" and _hops_left(head) == 0:
        return _options_of_gateway(client, context, routed)
    context.bind_special(client, route, line)
    outcome = _exchange(client, context, routed)
    context.route = None  # what was bound holds for this request alone
    context.websocket_key = None
    return outcome


def _exchange(client: "ClientConnection", context: Context, routed: RoutedLine) -> Exchange | Answer:
    decision = context.decision
    head = context.head
    route: ActiveRoute = context.route  # type: ignore[assignment]  # bound
    context.tally.count += 1
    if decision.rejected:
        return _rejection(client, context, routed)
    gateway = client.gateway
    limit = context.active.limits.request_body
    if limit and head.framing != NO_BODY and head.content_length > limit:
        return _too_large(client, context, routed)
    request_id = _received_id(client, head) if head.request_id else None
    if request_id is None:
        request_id = gateway.next_request_id()
    exchange = Exchange(
        client,
        routed.line,
        head,
        route,
        decision.grant,
        b"%b%bX-Request-Id: %b\r\n\r\n" % (routed.request_line, context.fields, request_id),
    )
    exchange.request_id = request_id
    exchange.tally = context.tally
    exchange.websocket_key = context.websocket_key
    return exchange


def _preflight(client: "ClientConnection", context: Context, routed: RoutedLine) -> ActiveRoute | Answer:
    """Answer a preflight, or name the route if its backend answers (passthrough, report_only).

    It is routed by the method it asks for (Fetch, CORS-preflight fetch): the policy in question is that request's.
    """
    head = context.head
    line = routed.line
    asked = head.method_asked[0]
    route = context.host.select(line, asked)
    if route is None:
        return _no_route(client, context, routed, Kind.PREFLIGHT)
    decision = route.policy.preflight(
        head.origin, head.method_asked, head.headers_asked, head.private_network
    )
    if decision.forward:
        return route
    tally = route.tally_of(Kind.PREFLIGHT, decision.reason)
    tally.count += 1
    closes = head.closes or not line.is_http11 or client.gateway.is_draining
    status = decision.status
    date = client.clock.date_line
    if 200 <= status < 300:
        data = empty_answer(status, lines=decision.lines, date_line=date, closes=closes)
    else:
        detail = _PREFLIGHT_DETAILS.get(decision.reason, "The preflight was refused.")
        data = problem(status, decision.reason, detail, lines=decision.lines, date_line=date, closes=closes)
    is_constant = not closes and head.is_plain and head.framing == NO_BODY and line.authority is None
    preflights = context.active.preflights
    if is_constant and len(head.origin) == 1 and preflights.wants(client.request_bytes):
        start, _, rest = data.partition(date)
        counters = route.stats.requests[b"OPTIONS"]
        remembered = RememberedPreflight(
            start, rest, status, tally, counters, route, head.origin[0], line.target, head.host or b""
        )
        preflights.offer(client.request_bytes, remembered)
    return Answer(status, data, closes=closes, line=line, head=head, route=route, tally=tally)


def _rejection(client: "ClientConnection", context: Context, routed: RoutedLine) -> Answer:
    reason = context.decision.reason
    detail = "Requests from this origin are refused on this route."
    return _refusal(client, context, routed, 403, reason, detail, route=context.route, tally=context.tally)


def _too_large(client: "ClientConnection", context: Context, routed: RoutedLine) -> Answer:
    """A request body beyond `limits.request_body`, known from its Content-Length."""
    return _refusal(
        client,
        context,
        routed,
        413,
        "request_body_too_large",
        "The request body is larger than this gateway accepts.",
        route=context.route,
        tally=context.tally,
        closes=True,
    )


def _no_route(client: "ClientConnection", context: Context, routed: RoutedLine, kind: Kind) -> Answer:
    tally = client.gateway.metrics.unrouted.decision(kind, Reason.NO_ROUTE, Reason.NO_ROUTE.outcome)
    tally.count += 1
    detail = "No route serves this host, path and method."
    return _refusal(client, context, routed, 404, Reason.NO_ROUTE, detail, tally=tally)


def _options_of_gateway(client: "ClientConnection", context: Context, routed: RoutedLine) -> Answer:
    """OPTIONS about the gateway itself: `*`, or Max-Forwards that ends here (RFC 9110 7.6.2, 9.3.7)."""
    closes = context.head.closes or not routed.line.is_http11 or client.gateway.is_draining
    data = empty_answer(204, lines=ALLOWED_METHODS, date_line=client.clock.date_line, closes=closes)
    undecided = client.gateway.metrics.undecided
    return Answer(204, data, closes=closes, line=routed.line, head=context.head, route=None, tally=undecided)


def _refusal(
    client: "ClientConnection",
    context: Context,
    routed: RoutedLine,
    status: int,
    reason: str,
    detail: str,
    lines: bytes = b"",
    *,
    route: ActiveRoute | None = None,
    tally: Tally | None = None,
    closes: bool = False,
) -> Answer:
    closes = closes or context.head.closes or not routed.line.is_http11 or client.gateway.is_draining
    if route is not None and context.decision.grant.rewrite:
        lines += context.decision.grant.vary_line + context.decision.grant.lines
    data = problem(
        status,
        reason,
        detail,
        lines=lines,
        date_line=client.clock.date_line,
        closes=closes,
        is_head_request=routed.line.method == b"HEAD",
    )
    tally = tally or client.gateway.metrics.undecided
    return Answer(status, data, closes=closes, line=routed.line, head=context.head, route=route, tally=tally)


def _hops_left(head: RequestHead) -> int:
    """Max-Forwards as a number (RFC 9110 7.6.2). Raises ProtocolFault if it is none."""
    value = head.max_forwards[0]
    if len(head.max_forwards) > 1 or not value.isdigit() or len(value) > 9:
        raise ProtocolFault(400, "malformed Max-Forwards")
    return int(value)


def _received_id(client: "ClientConnection", head: RequestHead) -> bytes | None:
    """The request id that a trusted proxy gave, if it can be passed on as it is."""
    value = head.request_id[0]
    if client.peer.is_trusted and len(value) <= MAX_FORWARDED_ID and is_token(value):
        return value
    return None
