"""What the page shows, collected from the process into plain values, so that drawing it needs neither loop nor lock."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from cors_gateway.admin.counts import Counts, count
from cors_gateway.admin.history import SAMPLE_SECONDS, STEPS, Rates
from cors_gateway.admin.state import CONTROL, HISTORY
from cors_gateway.admin.status import Load, ServerState, sum_up
from cors_gateway.config.problems import Problem
from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.server.lifecycle import Phase
from cors_gateway.server.reload import ReloadResult
from cors_gateway.snapshot import Route, Snapshot

RATE_SECONDS = 60.0
"""Rates are averages over the last minute."""


@dataclass(frozen=True, slots=True)
class RouteView:
    """A route and what was counted on it."""

    route: Route
    counts: Counts
    stripped: int
    """Access-Control fields of the backend that were removed."""


@dataclass(frozen=True, slots=True)
class UpstreamView:
    """An upstream and how it fares."""

    name: str
    servers: tuple[ServerState, ...]
    outcomes: dict[str, int]
    """How requests to it ended."""
    is_checked: bool
    """Whether it has a health check; without one, only failing requests tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at the process."""

    now: float
    """Seconds since the epoch."""
    phase: Phase
    instance: str
    version: str
    uptime: float
    generation: int
    path: str
    listen: tuple[str, ...]
    snapshot: Snapshot
    load: Load
    counts: Counts
    """On all routes, and on none."""
    recent: Counts
    """Within the last minute."""
    lately: Counts
    """Within the last ten minutes."""
    rates: Rates | None
    steps: list[Counts]
    routes: tuple[RouteView, ...]
    upstreams: tuple[UpstreamView, ...]
    refusals: list[RefusedOrigin]
    """The last refused first."""
    warnings: tuple[Problem, ...]
    last_reload: ReloadResult | None
    diagnoses: dict[str, float]
    """By origin when its diagnosis ends, in seconds since the epoch."""


async def look(app: web.Application) -> View:
    """Ask the process everything at once."""
    control, history = app[CONTROL], app[HISTORY]
    status, metrics, refusals = await asyncio.gather(control.status(), control.metrics(), control.refusals())
    snapshot = control.snapshot
    load = sum_up(status.workers)
    counts = count(metrics.routes.values(), metrics.upstreams.values())
    return View(
        now=time.time(),
        phase=control.phase,
        instance=status.instance,
        version=status.version,
        uptime=round(status.uptime, 3),
        generation=control.generation,
        path=status.path,
        listen=status.listen,
        snapshot=snapshot,
        load=load,
        counts=counts,
        recent=history.recent(counts, RATE_SECONDS),
        lately=history.recent(counts, SAMPLE_SECONDS * STEPS),
        rates=history.rates(RATE_SECONDS),
        steps=history.steps(),
        routes=tuple(_route(route, metrics) for route in snapshot.routes),
        upstreams=tuple(_upstreams(snapshot, metrics, load)),
        refusals=refusals,
        warnings=control.warnings,
        last_reload=control.reloads.last,
        diagnoses=control.diagnoses.ends,
    )


def _route(route: Route, metrics: Metrics) -> RouteView:
    stats = metrics.route(route.name)
    return RouteView(route, count([stats]), stats.stripped)


def _upstreams(snapshot: Snapshot, metrics: Metrics, load: Load) -> Iterator[UpstreamView]:
    for name, upstream in snapshot.upstreams.items():
        outcomes = metrics.upstream(name).outcomes
        yield UpstreamView(
            name,
            tuple(server for server in load.servers if server.upstream == name),
            {outcome: sum(histogram.counts) for outcome, histogram in outcomes.items()},
            upstream.health_check is not None,
        )
