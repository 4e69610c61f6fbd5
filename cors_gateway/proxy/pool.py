"""The connections to one upstream: which server, which idle connection, and what happens when none is left.

Choosing is synchronous and costs a few look-ups; only opening a new connection takes a task. An idle connection is
taken last-in-first-out, so that those that are not needed grow old and close.
"""

import asyncio
from functools import partial

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.connect import credentials
from cors_gateway.proxy.failure import UpstreamFailure, classify_connecting
from cors_gateway.proxy.roles import Delivery
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.proxy.upstream_server import UpstreamServer
from cors_gateway.snapshot import Balance, Upstream


class UpstreamPool:
    """All connections of one process to one upstream. A `roles.Lender` and the `upstream.Owner` of its connections."""

    def __init__(
        self, upstream: Upstream, *, loop: asyncio.AbstractEventLoop, clock: CoarseClock, stats: UpstreamStats
    ) -> None:
        self.upstream = upstream
        self.credentials = credentials(upstream.tls)
        self.stats = stats
        self.clock = clock
        self.servers = [UpstreamServer(address, upstream, loop) for address in upstream.servers]
        self._only = self.servers[0] if len(self.servers) == 1 else None
        self.retries = upstream.retries
        self.response_head_timeout = upstream.timeouts.response_head
        self.idle_timeout = upstream.timeouts.idle
        self.max_head = upstream.limits.response_head
        self._loop = loop
        self._turn = 0
        self._idle_count = 0
        self._keep = upstream.keep_alive.connections
        self._keep_for = upstream.keep_alive.idle
        self._connecting: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def start(self, exchange: Delivery) -> None:
        """Give the exchange a connection: an idle one now, or a new one when it is open."""
        server = self._only
        if server is None or not server.is_healthy:
            server = self._choose(None)
            if server is None:
                exchange.failed(UpstreamFailure.UNAVAILABLE)
                return
        server.active += 1
        while server.idle:
            connection = server.idle.pop()
            self._idle_count -= 1
            if connection.is_usable():
                connection.begin(exchange)
                return
            connection.close()
        self._open(server, exchange)

    def start_anew(self, exchange: Delivery) -> None:
        """Give the exchange a connection nobody used before (for a retry)."""
        server = self._choose(None)
        if server is None:
            exchange.failed(UpstreamFailure.UNAVAILABLE)
            return
        server.active += 1
        self._open(server, exchange)

    def release(self, connection: UpstreamConnection) -> None:
        """Keep a connection whose exchange is over and whose stream is in step."""
        server = connection.server
        server.active -= 1
        server.failures = 0
        if self._is_closed or self._idle_count >= self._keep:
            connection.close()
            return
        self._idle_count += 1
        server.idle.append(connection)
        promised = connection.promised_idle
        # A second less than the backend promises, so that the backend never closes first.
        keep_for = self._keep_for if promised is None else min(self._keep_for, max(promised - 1.0, 0.0))
        connection.deadline = self.clock.now + keep_for

    def ended(self, connection: UpstreamConnection) -> None:
        """An exchange or a tunnel is over, and the connection with it."""
        connection.server.active -= 1

    def forget(self, connection: UpstreamConnection) -> None:
        """An idle connection closed."""
        if connection in connection.server.idle:
            connection.server.idle.remove(connection)
            self._idle_count -= 1

    def timed_out(self, connection: UpstreamConnection) -> None:
        """A server did not answer in time. If it has vanished, so have the connections to it that are idle."""
        server = connection.server
        server.failed(self.clock.now)
        self._idle_count -= len(server.idle)
        for idle in server.idle:
            idle.close()
        server.idle.clear()

    def close(self) -> None:
        """Close idle connections; those in use close when their exchange is over."""
        self._is_closed = True
        for server in self.servers:
            for connection in server.idle:
                connection.close()
            server.idle.clear()
        self._idle_count = 0

    def abort(self) -> None:
        """Give up connections that are being opened."""
        self.close()
        for task in self._connecting:
            task.cancel()

    def _choose(self, excluded: UpstreamServer | None) -> UpstreamServer | None:
        servers = self.servers
        if len(servers) == 1:
            return servers[0] if servers[0].is_healthy and excluded is None else None
        now = self.clock.now
        candidates = [s for s in servers if s is not excluded and s.is_available(now)]
        if not candidates:  # rather an ejected server than none: it may be back
            candidates = [s for s in servers if s is not excluded and s.is_healthy]
            if not candidates:
                return None
        self._turn += 1
        start = self._turn % len(candidates)
        if self.upstream.balance is Balance.ROUND_ROBIN:
            return candidates[start]
        return min(candidates[start:] + candidates[:start], key=lambda server: server.active)

    def _open(self, server: UpstreamServer, exchange: Delivery) -> None:
        task = self._loop.create_task(self._connect(server, exchange))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect(self, server: UpstreamServer, exchange: Delivery) -> None:
        attempts = 1 + self.retries
        while True:
            attempts -= 1
            exchange.upstream = server.name
            try:
                connection = await server.connector.connect(partial(UpstreamConnection, self, server))
                if connection.transport.is_closing():  # its loss may be told already, and to nobody
                    raise ConnectionResetError
            except (OSError, ValueError) as error:  # ValueError: a name that TLS or the resolver cannot take
                server.active -= 1
                server.failed(self.clock.now)
                failure = classify_connecting(error)
                # Nothing was sent, so any request may try another server.
                other = self._choose(server) if attempts > 0 and not exchange.is_over else None
                if other is None:
                    exchange.failed(failure, error)
                    return
                server = other
                server.active += 1
                continue
            server.connected()
            if exchange.is_over:  # the client left meanwhile: the connection is good, keep it
                self.release(connection)
            else:
                connection.begin(exchange)
            return
