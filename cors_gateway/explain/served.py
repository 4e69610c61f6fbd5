"""Which route serves a request, and under which policy: the routing table of a snapshot, for whoever explains traffic.

The data path has a table of its own, whose entries count and forward.
"""

from collections.abc import Callable, Iterable

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.policy import Policy
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route

Served = tuple[Route, CompiledPolicy]


def served_routes(
    routes: Iterable[Route], compiled: Callable[[Policy], CompiledPolicy] = CompiledPolicy
) -> RouteTable[Served]:
    """All routes, with their policies as `compiled` makes them: each policy once, however many routes share it.

    Raises as `CompiledPolicy` does.
    """
    rows = list(routes)
    policies = {id(route.policy): route.policy for route in rows}
    ready = {key: compiled(policy) for key, policy in policies.items()}
    return RouteTable.of(rows, lambda route: (route, ready[id(route.policy)]))
