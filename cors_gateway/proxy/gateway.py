"""The data path of one process as the rest of the process sees it: serve this, then that, drain, and how it goes.

What client connections share is in `service.py`. Everything here is called from one event loop.
"""

import asyncio
import itertools
import os
import socket
import ssl
import sys
from collections.abc import Callable, Collection, Iterator
from functools import partial

from cors_gateway.observe.figures import GatewayFigures, ServerFigures
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.tracing import Tracing
from cors_gateway.proxy.accounting import AccessLogSink
from cors_gateway.proxy.activation import prepare
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.clock import CoarseClock, tick_for
from cors_gateway.proxy.diagnosis import with_diagnosis
from cors_gateway.proxy.dispatch import Dispatcher
from cors_gateway.proxy.negotiation import CONNECTIONS
from cors_gateway.proxy.proxied import ProxiedServer
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.traced_dispatch import with_tracing
from cors_gateway.snapshot import Http2, Snapshot


class Gateway:
    """Serves a snapshot to the connections that its listeners accept; swaps it for another while running."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        loop: asyncio.AbstractEventLoop,
        instance_id: str,
        metrics: Metrics,
        access_log: AccessLogSink | None = None,
        tracing: Tracing | None = None,
        capacity: int = sys.maxsize,
    ) -> None:
        """Raises ActivationError if the snapshot cannot be served here.

        `instance_id` must be the same in all workers of a deployment's process and differ from any other gateway's:
        it is how a request that goes round in a loop is recognised. `capacity` is how many client connections the
        process has descriptors for, whatever the configuration allows.
        """
        self.metrics = metrics
        self.clock = CoarseClock(loop)
        self._loop = loop
        dispatch = Dispatcher(
            b"cors-gateway-" + instance_id.encode("ascii"),
            metrics,
            _request_ids(os.urandom(10).hex().encode("ascii")).__next__,
        ).dispatch
        self._dispatch = dispatch if tracing is None else with_tracing(dispatch, tracing)
        self.service = Service(
            prepare(snapshot, loop=loop, clock=self.clock, metrics=metrics),
            clock=self.clock,
            metrics=metrics,
            dispatch=self._dispatch,
            capacity=capacity,
        )
        self.service.log_to(access_log)
        self._put_in_service(self.active)

    @property
    def active(self) -> Active:
        return self.service.active

    @property
    def snapshot(self) -> Snapshot:
        return self.active.snapshot

    @property
    def generation(self) -> int:
        """1 for the first snapshot, one more for each that replaced it."""
        return self.active.generation

    def start(self) -> None:
        self.clock.start()

    def log_to(self, log: AccessLogSink | None) -> None:
        """Have requests logged there from now on, or nowhere."""
        self.service.log_to(log)

    def diagnose(self, origins: Collection[bytes]) -> None:
        """From now on tell these origins what is missing when a preflight of theirs is refused, and no others."""
        self.service.dispatch = with_diagnosis(self._dispatch, origins) if origins else self._dispatch
        # Connections forget what they remember: nothing is repeated undispatched.
        self.service.serve(self.active)

    def connection_factory(self, *, tls: bool, http2: Http2 = Http2.OFF) -> Callable[[], asyncio.Protocol]:
        """Makes the protocol of an accepted connection; goes on being right after a swap."""
        service, kind = self.service, CONNECTIONS[http2]
        if not tls:
            return partial(kind, service, is_tls=False)

        def accept() -> asyncio.Protocol:
            connection = kind(service, is_tls=True)
            service.begin_handshake(connection)
            return connection

        return accept

    def accept_proxied(
        self, sock: socket.socket, context: ssl.SSLContext | None, *, http2: Http2 = Http2.OFF
    ) -> ProxiedServer:
        """Serve a listening socket on which every connection begins with a PROXY header; it is closed with the server."""
        return ProxiedServer(sock, service=self.service, loop=self._loop, context=context, http2=http2)

    def prepare(self, snapshot: Snapshot) -> Active:
        """Build all that serving a snapshot needs, without serving it. Raises ActivationError."""
        return prepare(snapshot, loop=self._loop, clock=self.clock, metrics=self.metrics, serving=self.active)

    def swap(self, active: Active) -> None:
        """Serve what was prepared. Requests in progress finish on the snapshot they began with."""
        retired = self.active
        self.service.serve(active)
        self._put_in_service(active, retired.generation + 1)
        for name, pool in retired.pools.items():
            if active.pools.get(name) is not pool:
                pool.close()

    def begin_draining(self) -> None:
        """From now on every response ends its connection."""
        self.service.is_draining = True

    def drain(self) -> None:
        """As `begin_draining`; connections without a request end at once."""
        self.begin_draining()
        for connection in list(self.service.connections):
            connection.drain()

    @property
    def is_idle(self) -> bool:
        """Whether no client connection has a request, a body or a tunnel in progress."""
        return all(connection.is_idle for connection in self.service.connections)

    def close(self) -> None:
        """Break off whatever is left."""
        for connection in list(self.service.connections):
            connection.abort()
        for pool in self.active.pools.values():
            pool.abort()
        self.clock.stop()

    @property
    def is_empty(self) -> bool:
        """Whether no client is connected."""
        return not self.service.connections

    def figures(self) -> GatewayFigures:
        """Connections, requests and tunnels in progress, servers and their health."""
        connections = list(self.service.connections)
        return GatewayFigures(
            generation=self.generation,
            connections=len(connections),
            active_requests=sum(connection.requests for connection in connections),
            tunnels=sum(connection.tunnels for connection in connections),
            servers=tuple(
                ServerFigures(
                    name, server.name, server.is_well, server.active, len(server.idle), server.has_connected
                )
                for name, pool in self.active.pools.items()
                for server in pool.servers
            ),
        )

    def _put_in_service(self, active: Active, generation: int = 1) -> None:
        active.generation = generation
        timeouts = active.timeouts
        waits = [timeouts.request_head, timeouts.request_body, timeouts.keep_alive, timeouts.send]
        for pool in active.pools.values():
            waits += [pool.response_head_timeout, pool.idle_timeout, pool.upstream.keep_alive.idle]
        self.clock.tick = tick_for(*waits)


def _request_ids(prefix: bytes) -> Iterator[bytes]:
    """Values of X-Request-Id: unique to this process and request, not secret."""
    # Formatting a number for every request would cost three times as much as putting two strings together.
    endings = [b"%02x" % number for number in range(256)]
    for number in itertools.count():
        start = b"%b%010x" % (prefix, number)
        for ending in endings:
            yield start + ending
