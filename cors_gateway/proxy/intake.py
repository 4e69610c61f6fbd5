"""From a request head to what becomes of it: an answer made here, or an exchange with a backend.

The order of the checks is the contract: grammar, version, authority, what is never forwarded, preflight, route,
policy, limits. What a repeated request needs is remembered per connection (`context.py`).
"""

from typing import TYPE_CHECKING

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import passed_here_before
from cors_gateway.http1.grammar import is_token, without_default_port
from cors_gateway.http1.request import NO_BODY, HeaderSection, check_version
from cors_gateway.http1.request_line import RequestLine, parse_request_line, plain_path
from cors_gateway.observe.metrics import Tally
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.activation import NOT_FORWARDED, ActiveRoute, PreflightAnswer, RoutedLine
from cors_gateway.proxy.answers import ALLOWED_METHODS, empty_answer, problem
from cors_gateway.proxy.context import Context, context_of, hops_left
from cors_gateway.proxy.exchange import Exchange

if TYPE_CHECKING:
    from cors_gateway.proxy.client import ClientConnection

MAX_FORWARDED_ID = 128

_PREFLIGHT_DETAILS = {
    Reason.ORIGIN_NOT_ALLOWED: "The origin is not allowed on this route.",
    Reason.ORIGIN_MALFORMED: "The Origin field is not a serialised origin.",
    Reason.METHOD_NOT_ALLOWED: "The method is not allowed across origins on this route.",
    Reason.HEADER_NOT_ALLOWED: "A request header is not allowed across origins on this route.",
    Reason.REQUEST_MALFORMED: "The preflight is malformed.",
    Reason.CORS_DISABLED: "This route allows no cross-origin access.",
}


class Answer:
    """An answer made by the gateway, with what is logged about it."""

    __slots__ = ("closes", "data", "line", "route", "section", "status", "tally")

    def __init__(
        self,
        status: int,
        data: bytes,
        *,
        closes: bool,
        line: RequestLine,
        section: HeaderSection,
        route: ActiveRoute | None,
        tally: Tally,
    ) -> None:
        self.status = status
        self.data = data
        self.closes = closes
        self.line = line
        self.section = section
        self.route = route
        self.tally = tally


def admit(client: "ClientConnection", line: bytes, ending: bytes) -> Exchange | Answer | PreflightAnswer:
    """Decide what becomes of a request.

    `ending` is what follows the request line, from its CRLF to that of the empty line; nothing if that is what it was
    for the request before. Raises ProtocolFault if the request must be refused and the connection closed.
    """
    active = client.gateway.active
    context: Context = client.context  # type: ignore[assignment]  # there is one where nothing else follows the line
    if ending or context.active is not active:
        context = context_of(client, active, ending or context.ending)
    head = context.head
    if head.asks_preflight and line.startswith(b"OPTIONS "):
        return _admit_preflight(client, context, line)
    routed = context.host.lines.get(line)
    if routed is None:
        routed = context.host.read_line(line)
    if head.is_plain and routed.is_plain:
        if routed.route is not context.route:
            context.bind(client, routed.route)  # type: ignore[arg-type]  # a plain line has a route
        return _exchange(client, context, routed)
    return _admit_special(client, context, routed)


def _admit_preflight(
    client: "ClientConnection", context: Context, line: bytes
) -> Exchange | Answer | PreflightAnswer:
    """What is to be answered to a preflight: from memory, if its fields were answered by its policy before.

    One that belongs to a trace is not, because its log line names the trace.
    """
    head = context.head
    is_traced = context.section.value_of(b"traceparent") is not None
    if head.is_plain and not is_traced and not client.gateway.is_draining:
        path = plain_path(line, context.active.limits.request_head)
        route = context.host.routes.select(path, head.method_asked[0]) if path is not None else None
        if route is not None:
            answer = context.active.answers.get((head, route.policy))
            if answer is not None:
                if answer.route is not route:
                    answer.bind(route)
                return answer
    return _admit_special(
        client, context, context.host.route(parse_request_line(line, context.active.limits.request_head))
    )


def _admit_special(client: "ClientConnection", context: Context, routed: RoutedLine) -> Exchange | Answer:
    head = context.head
    line = routed.line
    check_version(head, line.is_http11)
    if line.authority is not None and without_default_port(line.authority) != without_default_port(
        head.host or b""
    ):
        raise ProtocolFault(Cause.AUTHORITY)
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
    if line.method == b"OPTIONS" and head.asks_preflight:
        answer = _preflight(client, context, routed)
        if isinstance(answer, Answer):
            return answer
        route = answer
    elif routed.route is None:
        return _no_route(client, context, routed, Kind.ACTUAL if head.origin else Kind.NOT_CORS)
    else:
        route = routed.route
    if head.max_forwards and line.method == b"OPTIONS" and hops_left(head) == 0:
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
    if head.framing != NO_BODY and 0 < context.active.limits.request_body < head.content_length:
        return _too_large(client, context, routed)
    request_id = _received_id(context.section) if client.peer.is_trusted else None
    if request_id is None:
        request_id = gateway.next_request_id()
    exchange = Exchange(
        client,
        routed.line,
        context.section,
        route,
        decision.grant,
        b"%b%b\r\nX-Request-Id: %b\r\n\r\n"
        % (routed.request_line, context.fields or context.render(), request_id),
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
    if not closes and head.is_plain and head.framing == NO_BODY and line.is_simple and len(head.origin) == 1:
        start, _, rest = data.partition(date)
        answer = PreflightAnswer(context.active, head, decision.reason, status, start, rest)
        context.active.answers.offer((head, route.policy), answer)
    return Answer(status, data, closes=closes, line=line, section=context.section, route=route, tally=tally)


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
    return Answer(
        204, data, closes=closes, line=routed.line, section=context.section, route=None, tally=undecided
    )


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
    return Answer(
        status, data, closes=closes, line=routed.line, section=context.section, route=route, tally=tally
    )


def _received_id(section: HeaderSection) -> bytes | None:
    """The request id that a trusted proxy gave, if it can be passed on as it is."""
    value = section.value_of(b"x-request-id")
    if value is not None and len(value) <= MAX_FORWARDED_ID and is_token(value):
        return value
    return None
