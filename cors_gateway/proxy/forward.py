"""A request on its way to a backend: what was decided about it, and the bytes that are sent. Values, never changed.

Made by `dispatch.py`; carried by an `Exchange`, and read by whoever counts and logs it when it is over.
"""

from typing import final

from cors_gateway.http1.request import HeaderSection
from cors_gateway.http1.request_line import RequestLine
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.observe.record import Trace
from cors_gateway.observe.trouble import Trouble
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.roles import Lender


class Terms:
    """What holds on a route for all requests whose fields say the same. Filled by whoever finds it out."""

    __slots__ = ("grant", "lender", "max_body", "stats", "tally", "trouble", "websocket_key")

    grant: Grant
    """What the response gets from the policy."""
    lender: Lender
    """Who lends connections to the backend. Set unless the route answers by itself."""
    max_body: int
    """Bytes of a request body that the route accepts; 0 is no limit."""
    stats: RouteStats
    """The counters of the route."""
    tally: Tally
    """Counts what CORS came to."""
    trouble: Trouble | None
    """What is to be told of such a request although it goes on."""
    websocket_key: bytes | None
    """Of a WebSocket handshake, else None."""


@final
class Forward:
    """A request that the policy lets pass, and is counted already."""

    __slots__ = ("line", "request", "request_id", "section", "terms", "trace")

    def __init__(
        self,
        line: RequestLine,
        section: HeaderSection,
        terms: Terms,
        request: bytes,
        request_id: bytes,
        trace: Trace | None = None,
    ) -> None:
        self.line = line
        self.section = section
        self.terms = terms
        self.request = request
        """The head as the backend gets it."""
        self.request_id = request_id
        self.trace = trace
