"""The one exception of this package: a message that must not be forwarded.

Whoever detects the fault knows best what it is, so the fault carries its cause, and where in the message it is. Nothing
of the offending bytes is kept, but for the name of a field where that is a token: it is for logs, and never echoed.
"""

from cors_gateway.http1.cause import Cause

# Where it is not the form of the request that is at fault.
_REASONS = {
    Cause.BODY_TOO_LARGE: "request_body_too_large",
    Cause.METHOD_NOT_SERVED: "method_not_served",
    Cause.INCOMPLETE: "request_incomplete",
    Cause.HEAD_LATE: "request_timeout",
    Cause.BODY_LATE: "request_timeout",
    Cause.TOO_MANY_CONNECTIONS: "too_many_connections",
    Cause.LOOP: "loop_detected",
}


class ProtocolFault(Exception):
    """A message broke the grammar, the framing rules or a limit.

    `status` is the answer if a client sent it; for a message from an upstream the caller answers 502 whatever it says.
    """

    def __init__(self, cause: Cause, *, field: bytes = b"", limit: int = 0) -> None:
        """`field` is a lower-case token, `limit` the bound that was exceeded, in what the cause speaks of."""
        super().__init__(cause.sentence)
        self.cause = cause
        self.field = field
        self.limit = limit
        self.line = 0
        """Of a head, counted from 1, which is the start line; 0 is not known, or not of one line."""

    @property
    def status(self) -> int:
        return self.cause.status

    @property
    def reason(self) -> str:
        """What becomes of the request for it, in a word."""
        return _REASONS.get(self.cause, "request_malformed")

    @property
    def detail(self) -> str:
        """A sentence that may be shown to whoever sent the message."""
        return self.cause.sentence

    @property
    def where(self) -> str:
        """Which field, line and limit, as far as known: `field x_host, line 3`. For logs only."""
        parts = []
        if self.field:
            parts.append(f"field {self.field.decode('ascii', 'replace')}")
        if self.line:
            parts.append(f"line {self.line}")
        if self.limit:
            parts.append(f"limit {self.limit}")
        return ", ".join(parts)
