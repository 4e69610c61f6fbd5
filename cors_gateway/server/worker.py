"""The traffic of one process: a gateway, and an asyncio server for each listening socket.

The sockets belong to somebody else (`process.py`, or the parent process); what is served on them here are duplicates.
So a server can be replaced, for a new certificate, while its successor already accepts from the same queue.
"""

import asyncio
import gc
import logging
import os
import select
import ssl
import sys
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from cors_gateway.observe.access_log import AccessLog
from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.event import emit
from cors_gateway.observe.feed import Feed, Interest, Seen, WatchedLog
from cors_gateway.observe.figures import WorkerFigures
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.observe.tracing import RecordSink, TracedLog, Tracing
from cors_gateway.proxy.activation import ActivationError
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.gateway import Gateway
from cors_gateway.proxy.proxied import ProxiedServer
from cors_gateway.proxy.splice import KernelPipe
from cors_gateway.server.health import HealthChecks
from cors_gateway.server.listeners import BACKLOG, Bound
from cors_gateway.server.open_files import connections_possible
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.tls_context import make_server_context
from cors_gateway.snapshot import AccessLog as Form
from cors_gateway.snapshot import Http2, Snapshot, UnixListener

BREAK_TURNS = 100
"""Of the loop, until those that were broken off have noticed. TLS takes a few."""
LAST_ACCEPTS_SECONDS = 1.0
"""At most so long are connections accepted after it was time to stop, under a flood of them."""
SETTLE_SECONDS = 0.1
"""From the last accept to the end of idle connections: time for the first request of who was accepted last."""
IDLE_POLL_SECONDS = 0.02
STANDARD_OUTPUT = 1
SWITCH_SECONDS = 0.001
"""How long a thread that makes ready a new configuration may keep the interpreter from each callback (Python: 5 ms)."""

QUIET_SECONDS = 60.0
"""Between two events about plain HTTP on one listener: clients choose how often they try."""

Server = asyncio.Server | ProxiedServer


@dataclass(slots=True)
class Prepared:
    """A replacement of which everything that can fail has been done."""

    active: Active
    generation: int
    added: dict[str, Server]
    removed: frozenset[str]
    http2: dict[str, Http2]
    """What each address speaks besides HTTP/1.1."""


class Worker:
    """Serves in this process. To be made in the running loop."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        instance_id: str,
        generation: int = 1,
        tracing: Tracing | None = None,
    ) -> None:
        """Raises StartupError if the snapshot cannot be served here."""
        self._counters = Metrics()
        self._servers: dict[str, Server] = {}
        self._http2: dict[str, Http2] = {}
        try:
            self._gateway = Gateway(
                snapshot,
                loop=asyncio.get_running_loop(),
                instance_id=instance_id,
                metrics=self._counters,
                tracing=tracing,
                capacity=connections_possible(),
            )
        except ActivationError as error:
            raise StartupError(str(error)) from error
        self._gateway.active.generation = generation
        KernelPipe.of_process()  # now, while there are descriptors for it
        self._health = HealthChecks()
        self._tracing = tracing
        self._log: AccessLog | None = None
        self._feed: Feed | None = None
        self._set_access_log(snapshot.server.access_log)

    async def start(self, bound: Sequence[Bound]) -> None:
        """Begin to serve. Raises StartupError."""
        sys.setswitchinterval(SWITCH_SECONDS)
        contexts = await asyncio.to_thread(_make_contexts, bound)
        self._gateway.start()
        self._health.follow(self._gateway.active.pools.values())
        self._servers = await self._serve(bound, contexts)
        self._http2 = {one.address: one.listener.http2 for one in bound}
        # What exists by now lives as long as the process: the collector need not look at it ever again.
        gc.collect()
        gc.freeze()

    async def replace(self, snapshot: Snapshot, bound: Sequence[Bound], generation: int) -> None:
        """Serve this from now on; raises StartupError and changes nothing."""
        await self.commit(await self.prepare(snapshot, bound, generation))

    async def prepare(self, snapshot: Snapshot, bound: Sequence[Bound], generation: int) -> Prepared:
        """Do all of a replacement that can fail. Raises StartupError.

        New addresses accept already, but are served by the old snapshot until `commit`.
        """
        contexts = await asyncio.to_thread(_make_contexts, bound)
        try:
            # In a thread, because a configuration may take longer to compile than a client should wait.
            active = await asyncio.to_thread(self._gateway.prepare, snapshot)
        except ActivationError as error:
            raise StartupError(str(error)) from error
        # A certificate may have changed in a file of the same name, so TLS servers are always replaced.
        kept = {one.address for one in bound if self._can_be_kept(one)}
        added = await self._serve([one for one in bound if one.address not in kept], contexts)
        http2 = {one.address: one.listener.http2 for one in bound}
        return Prepared(active, generation, added, frozenset(self._servers) - kept, http2)

    async def commit(self, prepared: Prepared) -> None:
        """Finish a replacement. Cannot fail."""
        self._gateway.swap(prepared.active)
        self._gateway.active.generation = prepared.generation
        self._health.follow(prepared.active.pools.values())
        self._set_access_log(prepared.active.snapshot.server.access_log)
        removed = [self._servers.pop(address) for address in prepared.removed]
        self._servers |= prepared.added
        self._http2 = prepared.http2
        await _close_when_empty(removed)

    def abandon(self, prepared: Prepared) -> None:
        """Undo `prepare`."""
        for server in prepared.added.values():
            server.close()

    async def stop_accepting(self) -> None:
        """Accept who waits in the queues by now, and no more."""
        servers, self._servers = self._servers, {}
        await _close_when_empty(servers.values())

    async def finish(self) -> None:
        """Returns when the last request has ended; connections without one end after a moment."""
        self._gateway.begin_draining()
        await asyncio.sleep(SETTLE_SECONDS)
        self._gateway.drain()
        # Asked and not told: an event would cost something at the end of every request.
        while not self._gateway.is_idle:  # noqa: ASYNC110
            await asyncio.sleep(IDLE_POLL_SECONDS)

    async def close(self) -> None:
        """Break off whatever is left."""
        self._close_servers()
        await self._health.stop()
        self._gateway.close()
        for _ in range(BREAK_TURNS):  # so that what was broken off is logged
            await asyncio.sleep(0)
            if self._gateway.is_empty:
                break
        self._set_access_log(Form.OFF)
        if self._tracing is not None:
            await self._tracing.close()

    @property
    def is_serving(self) -> bool:
        return bool(self._servers)

    async def figures(self) -> list[WorkerFigures]:
        """What this process is busy with."""
        return [WorkerFigures(os.getpid(), gateway=self._gateway.figures())]

    async def metrics(self) -> Metrics:
        """The counters of this process."""
        self._count_dropped_lines()
        return self._counters

    async def refusals(self) -> list[RefusedOrigin]:
        """The origins that this process refused lately."""
        return self._counters.refusals.latest()

    def _can_be_kept(self, one: Bound) -> bool:
        server = self._servers.get(one.address)
        if server is None or one.listener.tls is not None:
            return False
        is_same = one.listener.http2 is self._http2.get(one.address)
        return is_same and isinstance(server, ProxiedServer) is one.listener.proxy_protocol

    async def watch(self, interests: Sequence[Interest]) -> None:
        """Keep the requests of these interests until `seen` is asked; none if there are none."""
        before = await self.seen()
        self._feed = Feed(interests, before) if interests else None
        self._set_sink()

    async def seen(self) -> Seen:
        """The requests that were kept since the last time."""
        return self._feed.take() if self._feed is not None else Seen()

    async def diagnose(self, origins: Collection[str]) -> None:
        """From now on tell these origins, and no others, what is missing when a preflight of theirs is refused."""
        self._gateway.diagnose([origin.encode("ascii") for origin in origins])

    def _set_access_log(self, form: Form | None) -> None:
        if form is None:
            form = Form.TEXT if os.isatty(STANDARD_OUTPUT) else Form.JSON
        if self._log is not None:
            if self._log.form is form:
                return
            self._log.close()
            self._count_dropped_lines()
        loop = asyncio.get_running_loop()
        writer = None if form is Form.OFF else BackgroundWriter(STANDARD_OUTPUT, name="access log")
        self._log = None if writer is None else AccessLog(form, writer, loop)
        self._set_sink()

    def _set_sink(self) -> None:
        """Have requests recorded for all who want to know; for nobody, if nobody does."""
        sink: RecordSink | None = self._log
        if self._feed is not None:
            sink = WatchedLog(sink, self._feed)
        self._gateway.log_to(sink if self._tracing is None else TracedLog(sink))

    def _count_dropped_lines(self) -> None:
        if self._log is not None:
            self._counters.access_log_dropped += self._log.take_dropped()

    def _close_servers(self) -> None:
        for server in self._servers.values():
            server.close()
        self._servers = {}

    async def _serve(self, bound: Sequence[Bound], contexts: dict[str, ssl.SSLContext]) -> dict[str, Server]:
        handshake = self._gateway.snapshot.server.timeouts.request_head
        loop = asyncio.get_running_loop()
        servers: dict[str, Server] = {}
        for one in bound:
            context = contexts.get(one.address)
            if one.listener.proxy_protocol:
                servers[one.address] = self._gateway.accept_proxied(
                    one.socket.dup(), context, http2=one.listener.http2
                )
                continue
            is_unix = isinstance(one.listener, UnixListener)
            create = loop.create_unix_server if is_unix else loop.create_server
            try:
                servers[one.address] = await create(
                    self._gateway.connection_factory(tls=context is not None, http2=one.listener.http2),
                    sock=one.socket.dup(),
                    backlog=BACKLOG,
                    ssl=context,
                    ssl_handshake_timeout=handshake if context else None,
                )
            except OSError as error:
                for server in servers.values():
                    server.close()
                raise StartupError(f"cannot serve on {one.address}: {error}") from error
        return servers


async def _close_when_empty(servers: Iterable[Server]) -> None:
    """Stop accepting when nobody waits any more: closing a listening socket resets the connections in its queue."""
    servers = list(servers)
    waiting = select.poll()
    for server in servers:
        for sock in server.sockets:
            waiting.register(sock.fileno(), select.POLLIN)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + LAST_ACCEPTS_SECONDS
    # The loop accepts one connection each time round.
    while loop.time() < deadline and waiting.poll(0):  # noqa: ASYNC110
        await asyncio.sleep(0)
    for server in servers:
        server.close()


def _make_contexts(bound: Sequence[Bound]) -> dict[str, ssl.SSLContext]:
    """By address, for those that have TLS."""
    return {
        one.address: make_server_context(
            one.listener.tls, _PlainHttp(one.address).report, http2=one.listener.http2 is Http2.TLS
        )
        for one in bound
        if one.listener.tls is not None
    }


class _PlainHttp:
    """Reports that somebody speaks plain HTTP to a listener with TLS, now and then."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._quiet_until = 0.0
        self._count = 0

    def report(self) -> None:
        self._count += 1
        if (now := time.monotonic()) >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            emit(
                "plain_http_on_tls_port",
                level=logging.WARNING,
                address=self._address,
                connections=self._count,
            )
            self._count = 0
