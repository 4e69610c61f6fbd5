"""Admission of requests with tracing on: the backend gets the trace context of the span that stands for it."""

import re
from functools import partial
from typing import TYPE_CHECKING

from cors_gateway.observe.tracing import Received, Tracing
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.intake import Answer, admit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cors_gateway.proxy.activation import PreflightAnswer
    from cors_gateway.proxy.client import ClientConnection

    Admit = Callable[[ClientConnection, bytes, bytes], Exchange | Answer | PreflightAnswer]

_TRACE_LINES = re.compile(rb"(?i)(?<=\r\n)(?:traceparent|tracestate):[^\r]*\r\n")


def traced(tracing: Tracing) -> "Admit":
    """As `intake.admit`, with spans for what goes to a backend; `TracedLog` ends them."""
    return partial(_admit, tracing)


def _admit(
    tracing: Tracing, client: "ClientConnection", line: bytes, ending: bytes
) -> "Exchange | Answer | PreflightAnswer":
    outcome = admit(client, line, ending)
    if isinstance(outcome, Exchange):
        parent = outcome.section.values_of(b"traceparent")
        state = outcome.section.values_of(b"tracestate")
        request = _TRACE_LINES.sub(b"", outcome.request) if parent or state else outcome.request
        received = Received(
            scheme="https" if client.peer.is_tls else "http",
            sent_target=request.split(b" ", 2)[1],
            traceparent=parent,
            tracestate=state,
        )
        outcome.request = request.removesuffix(b"\r\n") + tracing.begin(outcome, received) + b"\r\n"
    return outcome
