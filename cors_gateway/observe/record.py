"""What is known about one request when it is over: the row that the access log writes.

Made in one place (`proxy.accounting`), when a request is over and somebody logs; nothing here reads a clock or does
I/O.
"""

from dataclasses import dataclass
from typing import Protocol

from cors_gateway.http1.request import HeaderSection, RequestHead
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.observe.trouble import Trouble

CLIENT_CLOSED_REQUEST = 499
"""The status of a request whose client left before it was answered; logged, never sent."""


class Trace(Protocol):
    """The spans of one request that goes to a backend (`tracing.py`), to be ended when the request is over."""

    @property
    def lines(self) -> bytes:
        """Complete field lines for the backend, in place of the traceparent and tracestate received."""

    @property
    def traceparent(self) -> bytes:
        """Of the span that stands for the request as the client sees it."""

    def end(self, record: "RequestRecord") -> None:
        """The request is over."""


@dataclass(slots=True)
class RequestRecord:
    """One request and its outcome, never changed. Byte strings are as received: whoever writes them escapes them.

    Made for every request that is logged, so its members are given in order: names cost more than all the rest.
    """

    stats: RouteStats
    tally: Tally
    """What CORS came to; counted already."""
    method: bytes
    target: bytes
    host: bytes
    client: str
    """Address of the client, as believed (`trusted_proxies`)."""
    origin: bytes | None
    protocol: str
    """What the request came in."""
    generation: int
    """Of the configuration in service."""
    status: int
    """Status sent, or `CLIENT_CLOSED_REQUEST`."""
    bytes_out: int
    """Bytes of the response, head included."""
    ended: float
    """When the response was complete (monotonic seconds)."""
    section: HeaderSection | None = None
    """The request's fields; None of a request that was not understood, or was answered from memory."""
    trouble: Trouble | None = None
    """What befell the request that is not a decision."""
    asked: RequestHead | None = None
    """Of a preflight that was refused: what it asked for."""
    seconds: float = 0.0
    """From the end of the request head to the end of the response; 0 if no backend was asked."""
    bytes_in: int = 0
    """Bytes of the request body."""
    request_id: bytes = b""
    """A token (RFC 9110 5.6.2), or empty if no backend was asked."""
    upstream: str = ""
    """Address of the server that answered or failed; empty if none was asked."""
    connect_seconds: float = 0.0
    """Until a connection to the upstream took the request up, or none could be had."""
    upstream_seconds: float = 0.0
    """From sending the request until the response head came; 0 if none did."""
    trace: Trace | None = None
    """The spans of the request, to be ended."""

    @property
    def failure(self) -> str:
        """Why the upstream could not answer, or not to the end: a word of `proxy.failure`; empty if it could."""
        return self.trouble.failure if self.trouble is not None else ""

    @property
    def traceparent(self) -> bytes | None:
        """As received (W3C Trace Context), or of the spans if there are any."""
        if self.trace is not None:
            return self.trace.traceparent
        return self.section.value_of(b"traceparent") if self.section is not None else None

    def field(self, name: bytes) -> bytes | None:
        """The first value of a request field by its lower-case name, if a backend was asked."""
        return self.section.value_of(name) if self.section is not None and self.request_id else None
