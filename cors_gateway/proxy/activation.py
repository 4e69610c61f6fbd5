"""From a snapshot to one that can serve: policies compiled, pools at hand, tables built.

Everything that can fail about a snapshot fails here, before anything is swapped. What comes out is in `active.py`.
"""

import asyncio
from collections.abc import Sequence

from cors_gateway.http1.memo import MIB, Room
from cors_gateway.observe.metrics import Metrics
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.origin_memory import OriginMemory
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.several import CompiledPolicies
from cors_gateway.proxy.active import Active, ActiveRoute
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.connect import credentials
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.response_rules import Decider
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route, Snapshot, UnderscoreHeaders

MAX_RULED_DECISIONS = 4096
"""Decisions that routes with rules for responses remember, all together."""


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
    compiled: dict[tuple[int, ...], Decider] = {}
    memory = OriginMemory()
    decisions = Room(entries=MAX_RULED_DECISIONS, size=4 * MIB)

    def activate(route: Route) -> ActiveRoute:
        # Routes that name the same policies share them, and with them what is remembered of preflights.
        policies = (route.policy, *(further.policy for further in route.further_policies))
        key = tuple(map(id, policies))
        policy = compiled.get(key)
        if policy is None:
            policy = compiled[key] = _compile(route, policies, memory)
        return ActiveRoute(
            route,
            policy,
            pools[route.upstream] if route.answer is None else None,
            metrics.route(route.name),
            decisions=decisions,
            max_body=snapshot.server.limits.request_body,
            rejects_underscores=snapshot.server.underscore_headers is UnderscoreHeaders.REJECT,
        )

    return Active(snapshot, RouteTable.of(snapshot.routes, activate), pools)


def _compile(route: Route, policies: Sequence[Policy], memory: OriginMemory) -> Decider:
    try:
        if len(policies) == 1:
            return CompiledPolicy(route.policy, memory)
        return CompiledPolicies(policies, memory=memory)
    except Exception as error:  # the regex engine is missing or refuses: its errors share no base class
        raise ActivationError(f"route {route.name}: {error}") from error
