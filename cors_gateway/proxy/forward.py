"""A request on its way to a backend: what was decided about it, and the bytes that are sent. A value, never changed.

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


@final
class Forward:
    """A request that the policy lets pass, with who lends connections to its backend."""

    __slots__ = (
        *("grant", "lender", "line", "request", "request_id", "section", "stats", "tally", "trace"),
        *("trouble", "websocket_key"),
    )

    def __init__(
        self,
        line: RequestLine,
        section: HeaderSection,
        stats: RouteStats,
        tally: Tally,
        grant: Grant,
        lender: Lender,
        request: bytes,
        request_id: bytes,
        websocket_key: bytes | None,
        trouble: Trouble | None,
        trace: Trace | None = None,
    ) -> None:
        self.line = line
        self.section = section
        self.stats = stats
        """The counters of the route."""
        self.tally = tally
        """What CORS came to; counted already."""
        self.grant = grant
        """What the response gets from the policy."""
        self.lender = lender
        self.request = request
        """The head as the backend gets it."""
        self.request_id = request_id
        self.websocket_key = websocket_key
        """Of a WebSocket handshake, else None."""
        self.trouble = trouble
        """What is to be told of the request although it goes on."""
        self.trace = trace
