"""What `/metrics` shows besides counters, read from the process as the operators' interface sees it."""

from collections.abc import Iterable

from cors_gateway.observe.figures import GatewayFigures
from cors_gateway.observe.prometheus import Gauges, ServerHealth
from cors_gateway.server.control import Control


async def read_gauges(control: Control) -> Gauges:
    """The present state, summed over workers."""
    reloads = control.reloads
    workers = (await control.status()).workers
    # One that is just being replaced has no figures.
    serving = [worker.gateway for worker in workers if worker.gateway is not None]
    return Gauges(
        open_connections=sum(gateway.connections for gateway in serving),
        in_flight_requests=sum(gateway.active_requests for gateway in serving),
        servers=_health(serving),
        generation=control.generation,
        reloads_succeeded=reloads.succeeded,
        reloads_failed=reloads.failed,
        last_reload_successful=reloads.last is None or reloads.last.ok,
        last_reload_success_time=reloads.last_good,
        certificates=control.snapshot.certificates,
        workers_configured=len(workers),
        workers_serving=len(serving),
    )


def _health(gateways: Iterable[GatewayFigures]) -> tuple[ServerHealth, ...]:
    """Every worker judges for itself; a server is healthy if all of them say so."""
    healthy: dict[tuple[str, str], bool] = {}
    for gateway in gateways:
        for server in gateway.servers:
            key = server.upstream, server.server
            healthy[key] = healthy.get(key, True) and server.healthy
    return tuple(ServerHealth(*key, is_healthy) for key, is_healthy in healthy.items())
