"""From a snapshot to one that can serve: policies compiled, pools at hand, tables built.

Everything that can fail about a snapshot fails here, before anything is swapped. What comes out is in `active.py`.
"""

import asyncio

from cors_gateway.observe.metrics import Metrics
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.origin_memory import OriginMemory
from cors_gateway.proxy.active import Active, ActiveRoute
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.connect import credentials
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route, Snapshot, UnderscoreHeaders


class ActivationError(Exception):
    """A valid configuration cannot be served here: a certificate is missing, an engine is not installed."""


def prepare(
    snapshot: Snapshot,
    *,
    loop: asyncio.AbstractEventLoop,
    clock: CoarseClock,
    metrics: Metrics,
    serving: Active | None = None,
) -> Active:
    """Build everything a snapshot needs, taking over the pools of `serving` whose upstream did not change.

    Raises ActivationError; nothing is changed then.
    """
    pools: dict[str, UpstreamPool] = {}
    for name, upstream in snapshot.upstreams.items():
        old = serving.pools.get(name) if serving is not None else None
        try:
            if old is not None and old.upstream == upstream and old.credentials == credentials(upstream.tls):
                pools[name] = old
                continue
            pools[name] = UpstreamPool(upstream, loop=loop, clock=clock, stats=metrics.upstream(name))
        except OSError as error:
            raise ActivationError(f"upstream {name}: TLS files cannot be used: {error}") from error
    compiled: dict[int, CompiledPolicy] = {}
    memory = OriginMemory()
    by_name: dict[str, ActiveRoute] = {}

    def activate(route: Route) -> ActiveRoute:
        policy = compiled.get(id(route.policy))
        if policy is None:
            policy = compiled[id(route.policy)] = _compile(route, memory)
        if route.answer is not None:
            raise ActivationError(f"route {route.name}: redirect and refuse are not served yet")
        active = ActiveRoute(
            route,
            policy,
            pools[route.upstream],
            metrics.route(route.name),
            rejects_underscores=snapshot.server.underscore_headers is UnderscoreHeaders.REJECT,
        )
        by_name[route.name] = active
        return active

    return Active(snapshot, RouteTable.of(snapshot.routes, activate), by_name, pools)


def _compile(route: Route, memory: OriginMemory) -> CompiledPolicy:
    try:
        return CompiledPolicy(route.policy, memory)
    except Exception as error:  # the regex engine is missing or refuses: its errors share no base class
        raise ActivationError(f"route {route.name}: {error}") from error
