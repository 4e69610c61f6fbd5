"""The connections to one upstream: an idle one, or a new one, and what happens when none can be had.

Taking an idle connection is synchronous and costs a few look-ups; only opening a new one takes a task. They are taken
last-in-first-out, so that those that are not needed grow old and close. Which server is asked is decided in
`balance.py`; connections on which somebody logged in are in `own_connections.py`.
"""

import asyncio

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.proxy.balance import Balancer
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.connect import credentials
from cors_gateway.proxy.failure import UpstreamFailure, classify_connecting
from cors_gateway.proxy.own_connections import Belongings, OwnConnections
from cors_gateway.proxy.response_rules import rules_of_upstream
from cors_gateway.proxy.roles import Delivery, Downstream
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.proxy.upstream_server import UpstreamServer
from cors_gateway.proxy.upstream_transport import Owner
from cors_gateway.snapshot import Upstream


class Opening:
    """A connection that is being opened for an exchange: to which server at the moment, and by which task."""

    __slots__ = ("server", "task")

    task: asyncio.Task[None]

    def __init__(self, server: UpstreamServer) -> None:
        self.server = server


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
        """The server, where there is nothing to choose: there is one, and nobody has a connection of their own."""
        self._balancer = Balancer(self.servers, upstream.balance, clock)
        self.retries = upstream.retries
        self.response_head_timeout = upstream.timeouts.response_head
        self.idle_timeout = upstream.timeouts.idle
        self.max_head = upstream.limits.response_head
        self.response_rules = rules_of_upstream(upstream)
        self.belongings = Belongings()
        """The connections on which somebody logged in."""
        self._loop = loop
        self._idle_count = 0
        self._keep = upstream.keep_alive.connections
        self._keep_for = upstream.keep_alive.idle
        self._openings: dict[Delivery, Opening] = {}
        self._is_closed = False

    @property
    def own(self) -> OwnConnections:
        """Lends connections for requests that log in, and keeps those on which somebody did."""
        return OwnConnections(self, self, self.belongings)

    def start(self, exchange: Delivery) -> None:
        """Give the exchange a connection: an idle one now, or a new one when it is open."""
        server = self._only
        if server is None or not server.is_healthy:
            if self.belongings.lend(exchange):
                return
            if len(self.servers) == 1 and not self.belongings:
                self._only = self.servers[0]
            server = self._balancer.choose(exchange)
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
        """Give the exchange a connection nobody used before, on another server than it had if there is one."""
        had = next((server for server in self.servers if server.name == exchange.upstream), None)
        server = self._balancer.choose(exchange, had)
        if server is None and had is not None and had.is_healthy:
            server = had
        if server is None:
            exchange.failed(UpstreamFailure.UNAVAILABLE)
            return
        server.active += 1
        self._open(server, exchange)

    def abandon(self, exchange: Delivery) -> None:
        """The exchange is over and waits for no connection any more: one that is being opened for it is given up."""
        opening = self._openings.pop(exchange, None)
        if opening is not None:
            opening.server.active -= 1
            opening.task.cancel()

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

    def belong(self, connection: UpstreamConnection, client: Downstream) -> Owner[UpstreamConnection]:
        """Somebody logs in on a connection: it serves this client alone from now on."""
        self._only = None
        self.belongings.give(connection, client)
        return self.own

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
        self.belongings.close()

    def abort(self) -> None:
        """Give up connections that are being opened."""
        self.close()
        for exchange in list(self._openings):
            self.abandon(exchange)

    def _open(self, server: UpstreamServer, exchange: Delivery) -> None:
        opening = self._openings[exchange] = Opening(server)
        opening.task = self._loop.create_task(self._connect(opening, exchange))

    async def _opened(self, server: UpstreamServer) -> UpstreamConnection:
        """A new connection. One that is given up just when it is made never hears of its loss, and is forgotten here."""
        connection = UpstreamConnection(self, server)
        try:
            return await server.connector.connect(lambda: connection)
        except BaseException:
            self.clock.watched.discard(connection)
            raise

    async def _connect(self, opening: Opening, exchange: Delivery) -> None:
        attempts = 1 + self.retries
        while True:
            attempts -= 1
            server = opening.server
            exchange.upstream = server.name
            try:
                connection = await self._opened(server)
                if connection.transport.is_closing():  # its loss may be told already, and to nobody
                    raise ConnectionResetError
            except (OSError, ValueError) as error:  # ValueError: a name that TLS or the resolver cannot take
                server.active -= 1
                failure = classify_connecting(error)
                other = None
                if failure is not UpstreamFailure.OWN_SHORTAGE:
                    server.failed(self.clock.now)
                    # Nothing was sent, so any request may try another server.
                    other = self._balancer.choose(exchange, server) if attempts > 0 else None
                if other is None:
                    del self._openings[exchange]
                    exchange.failed(failure, error)
                    return
                opening.server = other
                other.active += 1
                continue
            server.connected()
            del self._openings[exchange]
            if exchange.head.connection_logins:
                connection.belong_to(exchange.downstream)
            connection.begin(exchange)
            return
