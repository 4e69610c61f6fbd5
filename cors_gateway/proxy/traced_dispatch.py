"""Dispatch with tracing on: the backend gets the trace context of the span that stands for it."""

import re

from cors_gateway.http1.forwarded import Peer
from cors_gateway.observe.tracing import Received, Tracing
from cors_gateway.proxy.dispatch import Answer, Dispatch
from cors_gateway.proxy.forward import Forward
from cors_gateway.proxy.last_request import LastRequest
from cors_gateway.proxy.preflight_memory import Repeat

_TRACE_LINES = re.compile(rb"(?i)(?<=\r\n)(?:traceparent|tracestate):[^\r]*\r\n")


def with_tracing(dispatch: Dispatch, tracing: Tracing) -> Dispatch:
    """As `dispatch`, with spans for what goes to a backend; `TracedLog` ends them."""

    def dispatch_traced(last: LastRequest, line: bytes, peer: Peer) -> Forward | Answer | Repeat:
        outcome = dispatch(last, line, peer)
        return _traced(outcome, tracing, peer) if isinstance(outcome, Forward) else outcome

    return dispatch_traced


def _traced(forward: Forward, tracing: Tracing, peer: Peer) -> Forward:
    section = forward.section
    parent = section.values_of(b"traceparent")
    state = section.values_of(b"tracestate")
    request = _TRACE_LINES.sub(b"", forward.request) if parent or state else forward.request
    trace = tracing.begin(
        Received(
            route=forward.terms.stats.name,
            method=forward.line.method,
            target=forward.line.target,
            scheme="https" if peer.is_tls else "http",
            sent_target=request.split(b" ", 2)[1],
            traceparent=parent,
            tracestate=state,
        )
    )
    request = request.removesuffix(b"\r\n") + trace.lines + b"\r\n"
    return Forward(forward.line, section, forward.terms, request, forward.request_id, trace)
