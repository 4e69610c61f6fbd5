"""What `/status` says: the state of the process as JSON, worker by worker and summed up."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

from cors_gateway.admin.responses import json_answer
from cors_gateway.admin.state import CONTROL
from cors_gateway.observe.figures import GatewayFigures, ServerFigures, WorkerFigures, as_dict
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.server.process_status import ProcessStatus


@dataclass(frozen=True, slots=True)
class ServerState:
    """One server of an upstream, as all workers see it."""

    upstream: str
    address: str
    workers: int
    """How many workers told."""
    healthy: int
    """To how many of them it is available."""
    active: int
    """Requests and tunnels in progress."""
    idle: int
    """Connections kept for later."""
    is_known: bool = True
    """Whether any of them ever reached it."""

    @property
    def is_healthy(self) -> bool:
        return self.healthy == self.workers


@dataclass(frozen=True, slots=True)
class Load:
    """The sums over all workers."""

    connections: int = 0
    active_requests: int = 0
    tunnels: int = 0
    workers: int = 0
    workers_serving: int = 0
    servers: tuple[ServerState, ...] = ()


def sum_up(workers: Iterable[WorkerFigures]) -> Load:
    """Add up what the workers say of themselves; one that is just being replaced says nothing."""
    described = list(workers)
    serving = [worker.gateway for worker in described if worker.gateway is not None]
    return Load(
        connections=sum(gateway.connections for gateway in serving),
        active_requests=sum(gateway.active_requests for gateway in serving),
        tunnels=sum(gateway.tunnels for gateway in serving),
        workers=len(described),
        workers_serving=len(serving),
        servers=_servers(serving),
    )


async def status(request: web.Request) -> web.Response:
    """`GET /status`."""
    control = request.app[CONTROL]
    causes = _causes((await control.metrics()).routes.values())
    return json_answer({**_as_dict(await control.status()), "causes": causes, "ready": control.is_ready})


def _as_dict(process: ProcessStatus) -> dict[str, object]:
    reloads, load = process.reloads, sum_up(process.workers)
    return {
        "instance": process.instance,
        "version": process.version,
        "pid": process.pid,
        "phase": process.phase.value,
        "started": process.started,
        "uptime": round(process.uptime, 3),
        "generation": process.generation,
        "configuration": {
            "path": process.path,
            "fingerprint": process.fingerprint,
            "files": list(process.files),
        },
        "listen": list(process.listen),
        "reloads": {"succeeded": reloads.succeeded, "failed": reloads.failed},
        "last_reload": reloads.last.as_dict() if reloads.last is not None else None,
        "warnings": [problem.as_dict() for problem in process.warnings],
        "workers": [as_dict(worker) for worker in process.workers],
        "connections": load.connections,
        "active_requests": load.active_requests,
        "tunnels": load.tunnels,
        "upstreams": _by_upstream(load.servers),
    }


def _servers(gateways: Iterable[GatewayFigures]) -> tuple[ServerState, ...]:
    seen: dict[tuple[str, str], list[ServerFigures]] = {}
    for gateway in gateways:
        for server in gateway.servers:
            seen.setdefault((server.upstream, server.server), []).append(server)
    return tuple(
        ServerState(
            upstream,
            address,
            workers=len(views),
            healthy=sum(view.healthy for view in views),
            active=sum(view.active for view in views),
            idle=sum(view.idle for view in views),
            is_known=any(view.known for view in views),
        )
        for (upstream, address), views in seen.items()
    )


def _causes(routes: Iterable[RouteStats]) -> dict[str, dict[str, int]]:
    """What befell requests since the process began, by route and cause; routes without any are left out."""
    return {route.name: dict(route.causes) for route in routes if route.causes}


def _by_upstream(servers: Iterable[ServerState]) -> dict[str, list[dict[str, object]]]:
    upstreams: dict[str, list[dict[str, object]]] = {}
    for server in servers:
        upstreams.setdefault(server.upstream, []).append(
            {
                "server": server.address,
                "healthy": server.is_healthy,
                "known": server.is_known,
                "healthy_in_workers": server.healthy,
                "active": server.active,
                "idle": server.idle,
            }
        )
    return upstreams
