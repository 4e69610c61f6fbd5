"""What is known about one request when it is over: the row that metrics count and the access log writes.

The data path fills it in (`proxy.exchange.Exchange` is one); nothing here reads a clock or does I/O.
"""

from cors_gateway.observe.metrics import RouteStats, Tally


class RequestRecord:
    """One request and its outcome. Byte strings are as received: whoever writes them escapes them."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "client",
        "failure",
        "generation",
        "host",
        "method",
        "origin",
        "request_id",
        "seconds",
        "started",
        "stats",
        "status",
        "tally",
        "target",
        "traceparent",
        "upstream",
        "upstream_seconds",
    )

    def __init__(
        self, stats: RouteStats, tally: Tally, method: bytes, target: bytes, host: bytes, client: str
    ) -> None:
        self.stats = stats
        self.tally = tally
        """What CORS came to; counted already."""
        self.method = method
        self.target = target
        self.host = host
        self.client = client
        """Address of the client, as believed (`trusted_proxies`)."""
        self.started = 0.0
        """Monotonic seconds at the end of the request head."""
        self.seconds = 0.0
        self.status = 0
        """Status sent; 499 if the client left before one was."""
        self.bytes_in = 0
        """Bytes of the request body."""
        self.bytes_out = 0
        """Bytes of the response, head included."""
        self.origin: bytes | None = None
        self.request_id = b""
        """A token (RFC 9110 5.6.2), or empty if no backend was asked."""
        self.traceparent: bytes | None = None
        """As received (W3C Trace Context)."""
        self.upstream = ""
        """Address of the server that answered or failed; empty if none was asked."""
        self.upstream_seconds = 0.0
        """From sending the request until the response head came; 0 if none did."""
        self.failure = ""
        """Why the upstream could not answer, or not to the end: a word of `proxy.failure`."""
        self.generation = 0

    def field(self, name: bytes) -> bytes | None:
        """The first value of a request field by its lower-case name."""
        return None
