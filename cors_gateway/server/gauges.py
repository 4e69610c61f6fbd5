"""What `/metrics` shows besides counters, read from the process as the operators' interface sees it."""

from typing import Any, cast

from cors_gateway.observe.prometheus import Gauges, ServerHealth
from cors_gateway.server.control import Control


async def read_gauges(control: Control) -> Gauges:
    """The present state, summed over workers."""
    reloads = control.reloads
    workers = cast("list[dict[str, Any]]", (await control.status())["workers"])
    # One that is just being replaced has no figures.
    serving = [worker for worker in workers if "connections" in worker]
    return Gauges(
        open_connections=sum(worker["connections"] for worker in serving),
        in_flight_requests=sum(worker["active_requests"] for worker in serving),
        servers=_health(serving),
        generation=control.generation,
        reloads_succeeded=reloads.succeeded,
        reloads_failed=reloads.failed,
        last_reload_successful=reloads.last is None or reloads.last.ok,
        last_reload_success_time=reloads.last_good,
        workers_configured=len(workers),
        workers_serving=len(serving),
    )


def _health(workers: list[dict[str, Any]]) -> tuple[ServerHealth, ...]:
    """Every worker judges for itself; a server is healthy if all of them say so."""
    healthy: dict[tuple[str, str], bool] = {}
    for worker in workers:
        for upstream, servers in worker["upstreams"].items():
            for server in servers:
                key = upstream, server["server"]
                healthy[key] = healthy.get(key, True) and server["healthy"]
    return tuple(ServerHealth(*key, is_healthy) for key, is_healthy in healthy.items())
