"""The demo's gateway: the one that `run` serves, with its admin page, in this process and on sockets that are bound already.

Its access log is on. Its events are not: the page shows on purpose what they would complain about.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from cors_gateway.admin.listener import open_site
from cors_gateway.config.load import load
from cors_gateway.observe.event import LOGGER
from cors_gateway.server.inherited import Inherited, Passed
from cors_gateway.server.lifecycle import Phase
from cors_gateway.server.process import Process
from cors_gateway.server.signals import Signals
from cors_gateway.server.startup_error import StartupError
from cors_gateway.server.watch import Watcher
from cors_gateway.server.worker import Worker

POLL_SECONDS = 0.01


@asynccontextmanager
async def running_gateway(
    configuration: Path,
    environ: Mapping[str, str],
    signals: Signals,
    *,
    traffic: socket.socket,
    admin: socket.socket,
) -> AsyncIterator[None]:
    """Serve until `signals` say stop, and wait for the end. Raises StartupError."""
    LOGGER.setLevel(logging.CRITICAL)
    source = partial(load, configuration, environ)
    loaded = source()
    snapshot = loaded.snapshot
    if snapshot is None or snapshot.admin is None:
        raise StartupError("the demo's configuration does not fit these addresses")
    engine = Worker(snapshot, instance_id="demo")
    process = Process(
        configuration,
        source,
        snapshot,
        engine,
        signals,
        open_site,
        inherited=Inherited([Passed("traffic", traffic), Passed("admin", admin)]),
        tell=_say_nothing,
    )
    serving = asyncio.ensure_future(process.run(Watcher(configuration, process.reloader, loaded)))
    while process.phase is Phase.STARTING and not serving.done():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(POLL_SECONDS)
    if serving.done():
        raise StartupError("the gateway could not be started")
    try:
        yield
    finally:
        signals.stop.set()
        await serving
        traffic.close()
        admin.close()


def _say_nothing(phase: Phase) -> None:
    """No service manager waits to hear how far it is."""
