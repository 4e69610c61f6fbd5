"""What a connection remembers of its last request, so that one that resembles it costs little more than its line.

A client repeats its fields, as browsers do, or all but a cookie and a referrer: what the fields say, what was decided
about them for a route, and what the backend gets besides them, holds until one of those that mean something changes.
"""

from itertools import compress
from typing import TYPE_CHECKING

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import via_line
from cors_gateway.http1.request import HeaderSection, RequestHead, is_websocket
from cors_gateway.http1.request_line import RequestLine
from cors_gateway.proxy.rewrite import framing_line

if TYPE_CHECKING:
    from cors_gateway.observe.metrics import Tally
    from cors_gateway.policy.grant import ActualDecision
    from cors_gateway.proxy.activation import Active, ActiveRoute
    from cors_gateway.proxy.client import ClientConnection

MAX_REMEMBERED_ENDING = 8192


class Context:
    """What the header section of a connection's last request came to under one snapshot, for the route it went to."""

    __slots__ = (
        *("decision", "ending", "fields", "head", "host", "route", "section", "tally", "websocket_key"),
        *("active", "_added", "_host_line", "_is_kept"),
    )

    def __init__(self, active: "Active", ending: bytes, section: HeaderSection) -> None:
        self.active = active
        self.ending = ending
        """The head from the end of its request line on: a request that goes on with these bytes has the same fields."""
        self.section = section
        self.head = section.head
        self.host = active.host(section.head.host or b"")
        self.route: ActiveRoute | None = None
        self.decision: ActualDecision = None  # type: ignore[assignment]  # set with the route
        self.tally: Tally = None  # type: ignore[assignment]  # likewise
        self.websocket_key: bytes | None = None
        self.fields = b""
        """The header section for the backend, but for X-Request-Id; empty until somebody asks."""
        self._host_line = b""
        self._added = b""
        self._is_kept: list[bool] = []

    def follow(self, ending: bytes, section: HeaderSection) -> None:
        """Go on with the section of the next request. If it says the same, what was decided and bound still holds."""
        before = self.section
        head = section.head
        self.ending = ending
        self.section = section
        self.fields = b""
        if head is not before.head or section.layout is not before.layout:
            if head.host != self.head.host:
                self.host = self.active.host(head.host or b"")
            self.head = head
            self.route = None

    def bind(self, client: "ClientConnection", route: "ActiveRoute") -> None:
        """Decide for a route, and make what its backend gets besides the lines received."""
        head = self.head
        added = [*client.peer.lines(head.forwarding, head.host or b"", route.prefix), client.gateway.via_line]
        self._bind(route, route.policy.actual(head.origin, head.sec_fetch_site), added)

    def bind_special(self, client: "ClientConnection", route: "ActiveRoute", line: RequestLine) -> None:
        """As `bind`, for a request whose version, Via, Max-Forwards or Upgrade matter."""
        head = self.head
        added = [
            *client.peer.lines(head.forwarding, head.host or b"", route.prefix),
            via_line(head.via, line.is_http11, client.gateway.pseudonym),
        ]
        if head.max_forwards:
            hops = hops_left(head) - 1 if line.method == b"OPTIONS" else None
            value = head.max_forwards[0] if hops is None else b"%d" % hops
            added.append(b"Max-Forwards: " + value + b"\r\n")
        if bool(head.upgrade) and is_websocket(line.method, head, line.is_http11):
            self.websocket_key = head.websocket_key[0]
            added.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
            decide = route.policy.websocket
        else:
            self.websocket_key = None
            decide = route.policy.actual
        self._bind(route, decide(head.origin, head.sec_fetch_site), added)

    def _bind(self, route: "ActiveRoute", decision: "ActualDecision", added: list[bytes]) -> None:
        self.route = route
        self.decision = decision
        self.tally = route.tally(decision)
        self.fields = b""
        host = self.head.host or b"" if route.host_field is None else route.host_field
        self._host_line = b"Host: " + host
        self._added = b"".join([*added, framing_line(self.head)]).removesuffix(b"\r\n")
        self._is_kept = (
            self.section.kept_without(b"origin") if route.strip_origin else self.section.layout.is_kept
        )

    def render(self) -> bytes:
        """Put `fields` together."""
        lines = compress(self.section.lines, self._is_kept)
        self.fields = b"\r\n".join((self._host_line, *lines, self._added))
        return self.fields


def context_of(client: "ClientConnection", active: "Active", ending: bytes) -> Context:
    """The context of a request whose header section is not that of the one before, or under another snapshot.

    Raises ProtocolFault.
    """
    context = client.context
    if context is None or context.active is not active:
        context = Context(active, ending, active.reader.read(ending[2:-4]))
    else:
        context.follow(ending, active.reader.read(ending[2:-4], context.section))
    client.context = context if len(ending) <= MAX_REMEMBERED_ENDING else None
    return context


def hops_left(head: RequestHead) -> int:
    """Max-Forwards as a number (RFC 9110 7.6.2). Raises ProtocolFault if it is none."""
    value = head.max_forwards[0]
    if len(head.max_forwards) > 1 or not value.isdigit() or len(value) > 9:
        raise ProtocolFault(Cause.MAX_FORWARDS)
    return int(value)
