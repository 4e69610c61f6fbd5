"""What client connections share: the snapshot in service, who is connected, and whether the process drains.

The one place with mutable state that outlives a request, besides pools and counters. Called from one event loop.
"""

from typing import Protocol
from weakref import ref

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import Peer
from cors_gateway.observe.metrics import Metrics
from cors_gateway.proxy.accounting import AccessLogSink, Accounting, LoggedAccounting
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.clock import CoarseClock, HasDeadline
from cors_gateway.proxy.dispatch import Dispatch
from cors_gateway.proxy.last_request import LastRequest
from cors_gateway.proxy.refusal import RefusedRequest, refuse


class Connected(HasDeadline, Protocol):
    """A client connection, or the tunnel that took its place."""

    @property
    def is_idle(self) -> bool:
        """Whether it waits for a request of which no byte has come, and nothing is left to send."""

    @property
    def requests(self) -> int:
        """Requests and tunnels in progress."""

    @property
    def tunnels(self) -> int:
        """The tunnels among them."""

    def drain(self) -> None:
        """Take no more requests; with none in progress, close."""

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""

    def renew(self, active: Active, *, trusts_others: bool) -> None:
        """This is in service from now on: forget what was learnt before, and, if it says so, whom to trust."""


class Service:
    """What is in service, and for whom."""

    __slots__ = (
        *("_capacity", "_metrics", "accounting", "active", "clock", "connections", "dispatch", "handshakes"),
        *("_newcomer", "_newcomer_peer", "is_draining"),
    )

    def __init__(
        self, active: Active, *, clock: CoarseClock, metrics: Metrics, dispatch: Dispatch, capacity: int
    ) -> None:
        """`capacity` is how many client connections the process has descriptors for."""
        self.active = active
        self.clock = clock
        self.dispatch = dispatch
        self.accounting = Accounting(metrics)
        self.is_draining = False
        """From now on every response ends its connection."""
        self.connections: set[Connected] = set()
        self.handshakes: set[ref[Connected]] = set()
        """Accepted, and not connected yet: nobody tells when a TLS handshake fails, but nobody holds it then."""
        self._metrics = metrics
        self._capacity = capacity
        self._newcomer: LastRequest | None = None
        """What a connection asked first that had nothing to compare it with."""
        self._newcomer_peer: Peer | None = None

    def serve(self, active: Active) -> None:
        """Serve this from now on; what was served before is held only by who still uses it."""
        trusts_others = active.trusted != self.active.trusted
        self.active = active
        self._newcomer = None
        for connection in self.connections:
            connection.renew(active, trusts_others=trusts_others)

    def log_to(self, log: AccessLogSink | None) -> None:
        """Have requests logged there from now on, or nowhere."""
        metrics = self._metrics
        self.accounting = Accounting(metrics) if log is None else LoggedAccounting(metrics, log)

    def refuse(self, fault: ProtocolFault, received: bytes) -> RefusedRequest:
        """The answer to a request that is refused, of which `received` is the beginning."""
        return refuse(fault, received, self.active, self._metrics)

    def first_request(self, peer: Peer) -> LastRequest | None:
        """What a connection that asked nothing yet may take for its last request: the first one of another.

        Who makes a new connection for each request repeats it; many come from one address, through a balancer.
        """
        newcomer = self._newcomer
        if newcomer is None:
            return None
        copy = newcomer.copy(keeps_bound=peer is self._newcomer_peer)
        if copy.bound is None:
            self.began(copy, peer)  # who comes from there next finds it bound
        return copy

    def began(self, last: LastRequest | None, peer: Peer) -> None:
        """A connection asked for the first time, and not what was expected of it."""
        self._newcomer = last
        self._newcomer_peer = peer

    def begin_handshake(self, connection: Connected) -> None:
        """A connection was accepted, and counts as one from now on, until it is forgotten."""
        self.handshakes.add(ref(connection, self.handshakes.discard))

    def end_handshake(self, connection: Connected) -> None:
        """It is connected."""
        self.handshakes.discard(ref(connection))

    def admit(self, connection: Connected) -> bool:
        """Take in a new connection; False if there are as many as may be, and it has to be told so."""
        if self.handshakes:
            self.end_handshake(connection)
        is_admitted = self.has_room
        self.enter(connection)
        self._metrics.connections_total += 1
        if not is_admitted:
            self._metrics.connections_refused += 1
        return is_admitted

    @property
    def has_room(self) -> bool:
        """Whether one connection more may be open: by the configuration, and by what the process has."""
        limit = min(self.active.limits.connections or self._capacity, self._capacity)
        return len(self.connections) + len(self.handshakes) < limit

    def turn_away(self) -> None:
        """A connection was closed before it came to be one of these."""
        self._metrics.connections_total += 1
        self._metrics.connections_refused += 1

    def count_http2_request(self) -> None:
        """A request came on a stream of HTTP/2."""
        self._metrics.http2_requests += 1

    def count_http2_end(self, cause: str) -> None:
        """A connection that speaks HTTP/2 was ended, for what its client did."""
        ends = self._metrics.http2_ends
        ends[cause] = ends.get(cause, 0) + 1

    def enter(self, connection: Connected) -> None:
        """A connection is open from now on."""
        self.connections.add(connection)
        self.clock.watched.add(connection)

    def leave(self, connection: Connected) -> None:
        """A connection is closed, or became a tunnel."""
        self.connections.discard(connection)
        self.clock.watched.discard(connection)
