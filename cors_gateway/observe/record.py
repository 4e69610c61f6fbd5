"""What is known about one request when it is over: the row that metrics count and the access log writes.

The data path fills it in (`proxy.exchange.Exchange` is one); nothing here reads a clock or does I/O.
"""

from cors_gateway.observe.metrics import RouteStats


class RequestRecord:
    """One request and its outcome. Byte strings are as received: whoever writes them escapes them."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "client",
        "generation",
        "host",
        "kind",
        "method",
        "origin",
        "reason",
        "request_id",
        "seconds",
        "started",
        "stats",
        "status",
        "target",
        "upstream",
        "upstream_seconds",
    )

    def __init__(self, stats: RouteStats, method: bytes, target: bytes, host: bytes, client: str) -> None:
        self.stats = stats
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
        self.kind = "not_cors"
        self.reason = "not_cors"
        self.request_id = b""
        self.upstream = ""
        """Address of the server that answered or failed; empty if none was asked."""
        self.upstream_seconds = 0.0
        self.generation = 0

    def field(self, name: bytes) -> bytes | None:
        """The first value of a request field by its lower-case name."""
        return None
