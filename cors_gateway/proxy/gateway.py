"""The data path of one process: what is in service, who is connected, and the counting at the end of each request.

The one place with mutable state that outlives a request. Everything here is called from one event loop.
"""

import asyncio
import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from cors_gateway.http1.forwarded import client_address, via_line
from cors_gateway.http1.request import RequestHead
from cors_gateway.observe.metrics import SERVER_ERROR, Metrics, RouteStats, Tally
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.tracing import Tracing
from cors_gateway.policy.reason import Kind
from cors_gateway.proxy.activation import Active, PreflightAnswer, prepare
from cors_gateway.proxy.client import ClientConnection
from cors_gateway.proxy.clock import CoarseClock, tick_for
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.intake import Answer, admit
from cors_gateway.proxy.traced import traced
from cors_gateway.proxy.tunnel import Tunnel
from cors_gateway.snapshot import Snapshot


class AccessLogSink(Protocol):
    """Where finished requests are written down. Must not block and must not raise."""

    def record(self, record: RequestRecord) -> None: ...


def _request_ids(prefix: bytes) -> Iterator[bytes]:
    # Formatting a number for every request would cost three times as much as putting two strings together.
    endings = [b"%02x" % number for number in range(256)]
    for number in itertools.count():
        start = b"%b%010x" % (prefix, number)
        for ending in endings:
            yield start + ending


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
    ) -> None:
        """Raises ActivationError if the snapshot cannot be served here.

        `instance_id` must be the same in all workers of a deployment's process and differ from any other gateway's:
        it is how a request that goes round in a loop is recognised.
        """
        self.metrics = metrics
        self._overhead = metrics.overhead
        self.clock = CoarseClock(loop)
        self.pseudonym = b"cors-gateway-" + instance_id.encode("ascii")
        self.via_line = via_line((), True, self.pseudonym)
        self.is_draining = False
        self._loop = loop
        self.admit = admit if tracing is None else traced(tracing)
        self.access_log = access_log
        self._connections: set[ClientConnection | Tunnel] = set()
        self.next_request_id = _request_ids(os.urandom(10).hex().encode("ascii")).__next__
        """A new X-Request-Id: unique to this process and request, not a secret."""
        self.active = prepare(snapshot, loop=loop, clock=self.clock, metrics=metrics)
        self._put_in_service(self.active)

    # -- for the server --------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        return self.active.snapshot

    @property
    def generation(self) -> int:
        """1 for the first snapshot, one more for each that replaced it."""
        return self.active.generation

    def start(self) -> None:
        self.clock.start()

    def connection_factory(self, *, tls: bool) -> Callable[[], asyncio.Protocol]:
        """Makes the protocol of an accepted connection; goes on being right after a swap."""
        return lambda: ClientConnection(self, is_tls=tls)

    def prepare(self, snapshot: Snapshot) -> Active:
        """Build all that serving a snapshot needs, without serving it. Raises ActivationError."""
        return prepare(snapshot, loop=self._loop, clock=self.clock, metrics=self.metrics, serving=self.active)

    def swap(self, active: Active) -> None:
        """Serve what was prepared. Requests in progress finish on the snapshot they began with."""
        retired, self.active = self.active, active
        self._put_in_service(active, retired.generation + 1)
        for name, pool in retired.pools.items():
            if active.pools.get(name) is not pool:
                pool.close()

    def drain(self) -> None:
        """From now on every response ends its connection; connections without a request end at once."""
        self.is_draining = True
        for connection in list(self._connections):
            if connection.is_idle:
                connection.abort()

    @property
    def is_idle(self) -> bool:
        """Whether no client connection has a request, a body or a tunnel in progress."""
        return all(connection.is_idle for connection in self._connections)

    def close(self) -> None:
        """Break off whatever is left."""
        for connection in list(self._connections):
            connection.abort()
        for pool in self.active.pools.values():
            pool.abort()
        self.clock.stop()

    def status(self) -> dict[str, object]:
        """Figures for people: connections, requests and tunnels in progress, servers and their health."""
        connections = list(self._connections)
        now = self.clock.now
        return {
            "generation": self.generation,
            "connections": len(connections),
            "active_requests": sum(not connection.is_idle for connection in connections),
            "tunnels": sum(isinstance(connection, Tunnel) for connection in connections),
            "upstreams": {
                name: [
                    {
                        "server": server.name,
                        "healthy": server.is_available(now),
                        "active": server.active,
                        "idle": len(server.idle),
                    }
                    for server in pool.servers
                ]
                for name, pool in self.active.pools.items()
            },
        }

    def _put_in_service(self, active: Active, generation: int = 1) -> None:
        active.generation = generation
        timeouts = active.timeouts
        waits = [timeouts.request_head, timeouts.request_body, timeouts.keep_alive, timeouts.send]
        for pool in active.pools.values():
            waits += [pool.response_head_timeout, pool.idle_timeout, pool.upstream.keep_alive.idle]
        self.clock.tick = tick_for(*waits)

    # -- for connections -------------------------------------------------------------------------------------------

    def admit_connection(self, connection: ClientConnection) -> bool:
        """Take in a new connection, unless the process has its fill."""
        limit = self.active.limits.connections
        is_admitted = not limit or len(self._connections) < limit
        self.connection_opened(connection)
        self.metrics.connections_total += 1
        if not is_admitted:
            self.metrics.connections_refused += 1
        return is_admitted

    def connection_opened(self, connection: ClientConnection | Tunnel) -> None:
        self._connections.add(connection)
        self.clock.watched.add(connection)

    def connection_closed(self, connection: ClientConnection | Tunnel) -> None:
        self._connections.discard(connection)
        self.clock.watched.discard(connection)

    def finish(self, exchange: Exchange) -> None:
        """Count and log an exchange that is over."""
        seconds = time.monotonic() - exchange.started
        exchange.stats.count(exchange.method, exchange.status, seconds)
        if exchange.upstream_seconds and not exchange.failure:
            stats = exchange.route.pool.stats
            answered = stats.ok if exchange.status < 500 else stats.outcome(SERVER_ERROR)
            answered.observe(exchange.upstream_seconds)
            self._overhead.observe(exchange.sent_at - exchange.started)
        if exchange.tally.is_refusal:
            self._note_refused_origin(
                exchange.stats, exchange.tally, exchange.head, exchange.method, exchange.target
            )
        if self.access_log is not None:
            head = exchange.head
            exchange.seconds = seconds
            exchange.host = head.host or b""
            exchange.client = exchange.client_address()
            exchange.origin = head.origin[0] if head.origin else None
            exchange.traceparent = exchange.section.value_of(b"traceparent")
            exchange.generation = self.generation
            self.access_log.record(exchange)

    def answer_remembered(self, client: ClientConnection, answer: PreflightAnswer, request: bytes) -> None:
        """Answer a preflight as before; it is counted and logged like any other. `request` begins with its line."""
        answer.tally.count += 1
        answer.requests[answer.status // 100] += 1
        data = answer.head + self.clock.date_line + answer.rest
        client.transport.write(data)
        client.deadline = self.clock.now + self.active.timeouts.keep_alive
        if answer.tally.is_refusal or self.access_log is not None:
            target = request.split(b" ", 2)[1]
            stats = answer.route.stats
            self._tell_of_answer(client, stats, answer, answer.asked, b"OPTIONS", target, len(data))

    def count_answer(self, client: ClientConnection, answer: Answer) -> None:
        """Count and log a request that was answered without a backend."""
        line, section = answer.line, answer.section
        stats = answer.route.stats if answer.route is not None else self.metrics.unrouted
        stats.count_answer(line.method, answer.status)
        trace = section.value_of(b"traceparent") if self.access_log is not None else None
        size = len(answer.data)
        self._tell_of_answer(client, stats, answer, section.head, line.method, line.target, size, trace)

    def count_refusal(self, client: ClientConnection, status: int, size: int) -> None:
        """Count and log a request that could not be understood."""
        self.metrics.unrouted.count_answer(b"", status)
        if self.access_log is not None:
            metrics = self.metrics
            record = RequestRecord(metrics.unrouted, metrics.undecided, b"-", b"-", b"", client.peer.address)
            record.status = status
            record.bytes_out = size
            record.generation = self.generation
            self.access_log.record(record)

    def _tell_of_answer(
        self,
        client: ClientConnection,
        stats: RouteStats,
        answer: Answer | PreflightAnswer,
        head: RequestHead,
        method: bytes,
        target: bytes,
        size: int,
        traceparent: bytes | None = None,
    ) -> None:
        """Note whom the gateway itself refused, and log what it answered."""
        if answer.tally.is_refusal:
            self._note_refused_origin(stats, answer.tally, head, method, target)
        if self.access_log is not None:
            address = client_address(client.peer, head.forwarding, self.active.trusted)
            record = RequestRecord(stats, answer.tally, method, target, head.host or b"", address)
            record.status = answer.status
            record.bytes_out = size
            record.origin = head.origin[0] if head.origin else None
            record.traceparent = traceparent
            record.generation = self.generation
            self.access_log.record(record)

    def _note_refused_origin(
        self, stats: RouteStats, tally: Tally, head: RequestHead, method: bytes, target: bytes
    ) -> None:
        is_preflight = tally.kind == Kind.PREFLIGHT
        self.metrics.refusals.count(
            stats.name,
            tally.reason,
            tally.kind,
            head.origin,
            method=head.method_asked[0] if is_preflight else method,
            host=head.host or b"",
            target=target,
            headers=head.headers_asked if is_preflight else (),
        )
