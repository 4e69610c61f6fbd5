"""The process as a whole: from binding its sockets to the exit code, and as the operators' interface sees it.

It knows the order of things and leaves each of them to a module of its own: sockets (`listeners`), traffic (`engine`),
reloads (`reload`, `watch`), phases (`lifecycle`).
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from cors_gateway import __version__
from cors_gateway.config.load import Loaded
from cors_gateway.config.problems import Problem
from cors_gateway.exit_codes import DRAIN_TIMED_OUT, FAILED, FINE
from cors_gateway.observe.event import emit
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.control import AdminSite, OpenAdmin
from cors_gateway.server.diagnoses import Diagnoses
from cors_gateway.server.engine import Engine
from cors_gateway.server.inherited import Inherited
from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.listeners import Bound, Listeners
from cors_gateway.server.notify import Tell
from cors_gateway.server.process_status import ProcessStatus
from cors_gateway.server.reload import ReloadCounts, Reloader, ReloadResult, Target
from cors_gateway.server.signals import Signals
from cors_gateway.server.stable_load import load_when_stable
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.subscriptions import Subscriptions
from cors_gateway.server.watch import Watcher
from cors_gateway.snapshot import Admin, Http2, Server, Snapshot


class Process:
    """One running gateway, with however many workers."""

    def __init__(
        self,
        path: Path,
        source: Callable[[], Loaded],
        snapshot: Snapshot,
        engine: Engine,
        signals: Signals,
        open_admin: OpenAdmin,
        *,
        inherited: Inherited,
        tell: Tell,
    ) -> None:
        """`inherited` are sockets to use instead of binding; `tell` is called with every phase that is entered."""
        self._path = path
        self._snapshot = snapshot
        self._engine = engine
        self._signals = signals
        self._open_admin = open_admin
        self._began = time.time()
        self._generation = 1
        self._lifecycle = Lifecycle(tell)
        self._inherited = inherited
        self._listeners = Listeners(inherited)
        self._bound: tuple[Bound, ...] = ()
        self._admin_listeners = Listeners(inherited)
        self._admin_site: AdminSite | None = None
        target = Target(
            partial(load_when_stable, source),
            lambda: self._snapshot,
            lambda: self._generation,
            self._activate,
        )
        self.reloader = Reloader(target, self._lifecycle)
        self.subscriptions = Subscriptions(engine)
        self.diagnoses = Diagnoses(engine.diagnose)

    # -- Control: for the operators' interface ---------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    def generation(self) -> int:
        return self._generation

    @property
    def phase(self) -> Phase:
        return self._lifecycle.phase

    @property
    def is_ready(self) -> bool:
        return self._lifecycle.is_ready and self._engine.is_serving

    @property
    def reloads(self) -> ReloadCounts:
        return self.reloader.counts

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return self.reloads.warnings

    async def request_reload(self) -> ReloadResult:
        return await self.reloader.request("admin")

    async def metrics(self) -> Metrics:
        return await self._engine.metrics()

    async def refusals(self) -> list[RefusedOrigin]:
        return await self._engine.refusals()

    async def status(self) -> ProcessStatus:
        return ProcessStatus(
            instance=socket.gethostname(),
            version=__version__,
            pid=os.getpid(),
            phase=self.phase,
            started=self._began,
            uptime=time.time() - self._began,
            generation=self._generation,
            path=str(self._path),
            fingerprint=self._snapshot.fingerprint,
            files=self._snapshot.files,
            listen=tuple(one.address for one in self._bound),
            reloads=self.reloads,
            warnings=self.warnings,
            workers=tuple(await self._engine.figures()),
        )

    # -- from start to end -----------------------------------------------------------------------------------------

    async def run(self, watcher: Watcher) -> int:
        """Serve until a signal says stop; returns the exit code."""
        try:
            await self._start()
        except StartupError as error:
            emit("start_failed", level=logging.ERROR, message=str(error))
            await self._clean_up()
            return FAILED
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(self.reloader.run()), tasks.create_task(watcher.run())]
            await self._signals.stop.wait()
            self._lifecycle.enter(Phase.DRAINING)
            for task in background:
                task.cancel()
        code = await self._drain()
        await self._clean_up()
        self._lifecycle.enter(Phase.STOPPED)
        emit("stop", exit_code=code)
        return code

    async def _start(self) -> None:
        snapshot = self._snapshot
        self._bound = self._open_listeners(snapshot.server)
        admin = self._bind_admin(snapshot.admin)
        self._inherited.require_all_taken()
        await self._engine.start(self._bound)
        if admin is not None:
            self._admin_site = await self._open_admin(self, admin.socket)
            emit("listening", address=admin.address, purpose="admin")
        self._report_listening(self._bound)
        self._signals.on_reload = lambda: self.reloader.trigger("signal")
        self._lifecycle.enter(Phase.READY)
        emit("ready", generation=self._generation, seconds=round(time.time() - self._began, 3))

    def _report_listening(self, bound: Iterable[Bound]) -> None:
        for one in bound:
            listener = one.listener
            emit(
                "listening",
                address=one.address,
                purpose="traffic",
                tls=listener.tls is not None,
                http2=listener.http2 is not Http2.OFF,
            )

    async def _drain(self) -> int:
        shutdown = self._snapshot.server.shutdown
        emit("drain", delay_seconds=shutdown.drain_delay, grace_seconds=shutdown.grace)
        finishing = asyncio.ensure_future(self._finish_requests(shutdown.drain_delay))
        hurrying = asyncio.ensure_future(self._signals.hurry.wait())
        limit = shutdown.drain_delay + shutdown.grace
        await asyncio.wait({finishing, hurrying}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if finishing.done():
            await finishing
            return FINE
        finishing.cancel()
        emit("drain_failed", level=logging.WARNING, message="requests in progress are broken off")
        return DRAIN_TIMED_OUT

    async def _finish_requests(self, delay: float) -> None:
        # Not ready any more, but accepting: load balancers need a moment to look elsewhere.
        await asyncio.sleep(delay)
        await self._engine.stop_accepting()
        self._listeners.close()
        await self._engine.finish()

    async def _clean_up(self) -> None:
        self.diagnoses.stop()
        self.subscriptions.stop()
        await self._engine.close()
        if self._admin_site is not None:
            await self._admin_site.close()
        self._listeners.close()
        self._admin_listeners.close()

    def _open_listeners(self, server: Server) -> tuple[Bound, ...]:
        return self._listeners.open(server.listen, patience=server.timeouts.send)

    def _bind_admin(self, admin: Admin | None) -> Bound | None:
        return self._admin_listeners.open([admin.listen])[0] if admin is not None else None

    # -- reload ----------------------------------------------------------------------------------------------------

    async def _activate(self, snapshot: Snapshot) -> None:
        """Serve another snapshot. Raises StartupError, and then everything is as before."""
        old = self._snapshot
        try:
            bound = self._open_listeners(snapshot.server)
            admin = self._bind_admin(snapshot.admin)
            await self._engine.replace(snapshot, bound, self._generation + 1)
        except Exception:
            self._listeners.close_except(old.server.listen)
            self._admin_listeners.close_except([old.admin.listen] if old.admin else [])
            raise
        self._report_listening([one for one in bound if one not in self._bound])
        self._snapshot = snapshot
        self._bound = bound
        self._generation += 1
        for address in self._listeners.close_except(snapshot.server.listen):
            emit("listening_ended", address=address)
        await self._move_admin(old.admin, snapshot.admin, admin)

    async def _move_admin(self, old: Admin | None, new: Admin | None, bound: Bound | None) -> None:
        """Everything but the address is read from the snapshot with each request."""
        if (old and str(old.listen)) == (new and str(new.listen)):
            return
        previous, self._admin_site = self._admin_site, None
        if bound is not None:
            self._admin_site = await self._open_admin(self, bound.socket)
            emit("listening", address=bound.address, purpose="admin")
        if previous is not None:
            await previous.close()
        self._admin_listeners.close_except([new.listen] if new else [])
