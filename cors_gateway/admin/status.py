"""What `/status` says: the state of the process as JSON, worker by worker and summed up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from cors_gateway.admin.responses import json_answer
from cors_gateway.admin.state import CONTROL


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
    """Requests in progress."""
    idle: int
    """Connections kept for later."""

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


def sum_up(workers: Iterable[dict[str, Any]]) -> Load:
    """Add up what the workers say of themselves; one that is just being replaced says nothing."""
    described = list(workers)
    serving = [worker for worker in described if "connections" in worker]
    return Load(
        connections=sum(worker["connections"] for worker in serving),
        active_requests=sum(worker["active_requests"] for worker in serving),
        tunnels=sum(worker["tunnels"] for worker in serving),
        workers=len(described),
        workers_serving=len(serving),
        servers=_servers(serving),
    )


async def status(request: web.Request) -> web.Response:
    """`GET /status`."""
    control = request.app[CONTROL]
    described: dict[str, Any] = await control.status()
    load = sum_up(described["workers"])
    return json_answer(
        {
            **described,
            "ready": control.is_ready,
            "connections": load.connections,
            "active_requests": load.active_requests,
            "tunnels": load.tunnels,
            "upstreams": _by_upstream(load.servers),
        }
    )


def _servers(workers: list[dict[str, Any]]) -> tuple[ServerState, ...]:
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for worker in workers:
        for upstream, servers in worker["upstreams"].items():
            for server in servers:
                seen.setdefault((upstream, server["server"]), []).append(server)
    return tuple(
        ServerState(
            upstream,
            address,
            workers=len(views),
            healthy=sum(bool(view["healthy"]) for view in views),
            active=sum(view["active"] for view in views),
            idle=sum(view["idle"] for view in views),
        )
        for (upstream, address), views in seen.items()
    )


def _by_upstream(servers: Iterable[ServerState]) -> dict[str, list[dict[str, object]]]:
    upstreams: dict[str, list[dict[str, object]]] = {}
    for server in servers:
        upstreams.setdefault(server.upstream, []).append(
            {
                "server": server.address,
                "healthy": server.is_healthy,
                "healthy_in_workers": server.healthy,
                "active": server.active,
                "idle": server.idle,
            }
        )
    return upstreams
