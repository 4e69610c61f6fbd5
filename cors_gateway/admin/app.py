"""The operators' HTTP interface as an aiohttp application; never on the public port.

Here is only the wiring: which path is answered by which handler, and what comes before all of them.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from aiohttp import web

from cors_gateway.admin import documents, live, probes, status, summary
from cors_gateway.admin.explainers import Explainers
from cors_gateway.admin.guard import guard
from cors_gateway.admin.history import History
from cors_gateway.admin.page import assets, document, refusals
from cors_gateway.admin.responses import protect
from cors_gateway.admin.state import CONTROL, EXPLAINERS, HISTORY
from cors_gateway.server.control import Control


def create_app(control: Control) -> web.Application:
    """The application for one process."""
    app = web.Application(middlewares=[protect, guard])
    app[CONTROL] = control
    app[EXPLAINERS] = Explainers()
    app[HISTORY] = History(time.monotonic)
    app.cleanup_ctx.append(_take_samples)
    app.add_routes(
        [
            web.get("/healthz", probes.healthz),
            web.get("/readyz", probes.readyz),
            web.post("/reload", probes.reload),
            web.get("/status", status.status),
            web.get("/summary", summary.summary),
            web.get("/config", documents.configuration),
            web.get("/metrics", documents.metrics),
            web.get("/explain", documents.explanation),
            web.get("/refusals", documents.refusals),
            web.get("/suggestion", refusals.suggestion),
            web.get("/watch", live.watch),
            web.get("/diagnoses", live.diagnoses),
            web.post("/diagnoses", live.diagnose),
            web.get("/", document.page),
            web.get("/live", document.live),
            web.get("/static/{name}", assets.asset),
        ]
    )
    return app


async def _take_samples(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.ensure_future(app[HISTORY].follow(app[CONTROL]))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
