"""What is answered to a request that is refused before, or instead of, being dispatched, and whom it is counted for.

As soon as its path, host and origin can be read, the answer is one of its route: script may read it as far as the
policy grants, so that a console does not blame CORS for a cookie that is too large. Looking for that is bounded in
bytes, and done for refused requests alone.
"""

from typing import NamedTuple

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.refused import RefusedHead, read_refused
from cors_gateway.observe.metrics import Metrics, RouteStats, Tally
from cors_gateway.proxy.active import Active, ActiveRoute
from cors_gateway.proxy.answers import OwnAnswer, grant_lines, problem, without_content

MAX_LOOKED_AT = 64 * 1024
"""Bytes of a head that are looked at for the fields that name a route and an origin."""


class RefusedRequest(NamedTuple):
    """A request that is refused, and its answer."""

    fault: ProtocolFault
    head: RefusedHead
    answer: OwnAnswer
    stats: RouteStats
    tally: Tally
    """What CORS came to; counted already, if there was a route to decide."""


def refuse(fault: ProtocolFault, received: bytes, active: Active, metrics: Metrics) -> RefusedRequest:
    """Answer what came of a request, of which `received` is the beginning. Never raises."""
    head = read_refused(_head_of(received))
    route = _route(head, active)
    if route is None:
        stats, tally, lines = metrics.unrouted, metrics.undecided, b""
    else:
        decision = route.policy.actual((head.origin,) if head.origin is not None else (), ())
        stats, tally, lines = (
            route.stats,
            route.tallies[decision.kind, decision.reason],
            grant_lines(decision.grant),
        )
        tally.count += 1
    answer = problem(fault.status, fault.reason, fault.detail, cause=fault.cause, lines=lines)
    if received.startswith(b"HEAD "):
        answer = without_content(answer, lines)
    return RefusedRequest(fault, head, answer, stats, tally)


def _head_of(received: bytes) -> bytes:
    end = received.find(b"\r\n\r\n", 0, MAX_LOOKED_AT)
    return received[:MAX_LOOKED_AT] if end < 0 else received[: end + 4]


def _route(head: RefusedHead, active: Active) -> ActiveRoute | None:
    """The route that would have served it, if there is one and no doubt about it."""
    if not head.is_routable:
        return None
    method = head.method_asked if head.is_preflight and head.method_asked is not None else head.method
    try:
        return active.host(head.host or b"").routes.select_one(head.readings, method)
    except ProtocolFault:
        return None
