"""Which route serves a request, and under which policy: the routing table of a snapshot, for whoever explains traffic.

The data path has a table of its own, whose entries count and forward.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route, RoutePolicy

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


def views(route: Route, compiled: Callable[[Policy], CompiledPolicy]) -> tuple[Served, ...]:
    """The route under each of its policies, as if it had that one alone."""
    first = RoutePolicy(route.policy, route.policy_name, route.policy_location, route.origin_locations)
    return tuple((_under(route, each), compiled(each.policy)) for each in (first, *route.further_policies))


def deciding_view(found: tuple[Served, ...], origin: str | None) -> tuple[Served, bool]:
    """The view under the policy that decides about an origin, and whether it lists it."""
    if origin is not None:
        for view in found:
            if view[1].actual((origin.encode(),)).reason is Reason.ALLOWED:
                return view, True
    return found[0], False


def _under(route: Route, policy: RoutePolicy) -> Route:
    return replace(
        route,
        policy=policy.policy,
        policy_name=policy.name,
        policy_location=policy.location,
        origin_locations=policy.origin_locations,
    )
