"""The way in: from the path of a configuration to a process that serves it, and its exit code."""

import asyncio
import logging
import os
import secrets
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import uvloop

from cors_gateway import __version__
from cors_gateway.config.load import load
from cors_gateway.config.problems import summary
from cors_gateway.exit_codes import FAILED
from cors_gateway.observe.event import emit
from cors_gateway.observe.tracing import open_tracing
from cors_gateway.server.control import OpenAdmin
from cors_gateway.server.cpus import usable_cpus
from cors_gateway.server.engine import Engine
from cors_gateway.server.events import configure
from cors_gateway.server.inherited import inherit
from cors_gateway.server.notify import open_notifier
from cors_gateway.server.open_files import connections_possible, files_needed, raise_file_limit
from cors_gateway.server.process import Process
from cors_gateway.server.reload import report_problems
from cors_gateway.server.signals import Signals, reap_orphans
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.supervisor import Supervisor
from cors_gateway.server.watch import Watcher
from cors_gateway.server.worker import Worker
from cors_gateway.snapshot import Snapshot


def serve(path: Path, environ: Mapping[str, str], *, open_admin: OpenAdmin) -> int:
    """Serve the configuration at `path` until told to stop; returns the exit code."""
    configure(environ)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_serve(path, environ, open_admin))


async def _serve(path: Path, environ: Mapping[str, str], open_admin: OpenAdmin) -> int:
    signals = Signals()
    try:
        inherited = inherit(environ)
        source = partial(load, path, environ)
        loaded = await asyncio.to_thread(source)
        report_problems(loaded.problems)
        if loaded.snapshot is None:
            raise StartupError(f'"{path}" cannot be served: {summary(loaded.problems)}')
        workers = loaded.snapshot.server.workers or usable_cpus()
        emit("start", version=__version__, pid=os.getpid(), configuration=str(path), workers=workers)
        _check_file_limit(loaded.snapshot)
        engine = _make_engine(loaded.snapshot, workers, environ)
    except StartupError as error:
        emit("start_failed", level=logging.ERROR, message=str(error))
        return FAILED
    process = Process(
        path,
        source,
        loaded.snapshot,
        engine,
        signals,
        open_admin,
        inherited=inherited,
        tell=open_notifier(environ),
    )
    process.reloads.warnings = loaded.problems
    return await process.run(Watcher(path, process.reloader, loaded))


def _make_engine(snapshot: Snapshot, workers: int, environ: Mapping[str, str]) -> Engine:
    instance_id = secrets.token_hex(8)
    if workers > 1:
        return Supervisor(snapshot, workers=workers, instance_id=instance_id)
    reap_orphans()
    return Worker(snapshot, instance_id=instance_id, tracing=open_tracing(environ))


def _check_file_limit(snapshot: Snapshot) -> None:
    limit = raise_file_limit()
    needed = files_needed(snapshot.server.limits.connections)
    if limit < needed:
        emit(
            "few_open_files",
            level=logging.WARNING,
            limit=limit,
            needed=needed,
            connections=connections_possible(),
            message="no more connections are accepted than there are files for: raise the limit of open files "
            "(ulimit -n), or lower server.limits.connections",
        )
