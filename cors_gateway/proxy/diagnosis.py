"""Dispatch while origins are diagnosed: their refused preflights are answered with what is allowed.

Stands before dispatch only as long as a diagnosis runs (as `traced_dispatch.py` does for tracing). What it answers is
never remembered, so that nothing of it is left when the diagnosis ends.
"""

from collections.abc import Collection

from cors_gateway.http1.forwarded import Peer
from cors_gateway.http1.request_line import parse_request_line
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.dispatch import Answer, Dispatch
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.last_request import LastRequest
from cors_gateway.proxy.preflight_memory import Repeat

_DIAGNOSED = frozenset({Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED})
"""A console can name what is missing only of an origin that is listed."""


def with_diagnosis(dispatch: Dispatch, origins: Collection[bytes]) -> Dispatch:
    """As `dispatch`, with `preflight_failure: diagnose` for these origins, whatever their policies say."""
    diagnosed = frozenset((origin,) for origin in origins)

    def dispatch_diagnosing(last: LastRequest, line: bytes, peer: Peer) -> Forward | Answer | Repeat:
        outcome = dispatch(last, line, peer)
        if last.head.origin not in diagnosed or isinstance(outcome, Forward):
            return outcome
        tally = outcome.tally
        if tally.kind != Kind.PREFLIGHT or tally.reason not in _DIAGNOSED:
            return outcome
        return _diagnose(last, line, outcome)

    return dispatch_diagnosing


def _diagnose(last: LastRequest, line: bytes, outcome: Answer | Repeat) -> Answer | Repeat:
    head = last.head
    line_read = parse_request_line(line, last.active.limits.request_head)
    route = last.host.routes.select_one(line_read.readings, head.method_asked[0])
    if route is None:
        return outcome
    decision = route.policy.diagnosis(
        head.origin, head.method_asked, head.headers_asked, head.private_network
    )
    if isinstance(outcome, Repeat):
        # Of what is remembered, whoever sends it counts; this is sent as a new answer, which is counted when made.
        outcome.tally.count += 1
    return Answer(
        route.answer_preflight(decision),
        line=line_read,
        section=last.section,
        stats=route.stats,
        tally=outcome.tally,
    )
