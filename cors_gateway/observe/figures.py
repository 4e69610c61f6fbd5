"""How busy a process is at this moment, as values: connections, requests in progress, servers and their health.

Counters, which only grow, are in `metrics.py`. `as_dict` and `worker_from_dict` are for the two borders that these
values cross: to JSON for people, and between processes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """One server of an upstream, as one process sees it."""

    upstream: str
    server: str
    """Its address."""
    healthy: bool
    """Whether it is up as far as known: not if it cannot be reached, until a connection to it succeeds."""
    active: int
    """Requests and tunnels in progress."""
    idle: int
    """Connections kept for later."""
    known: bool = True
    """Whether a connection to it ever succeeded. Before that, nobody knows how it is."""


@dataclass(frozen=True, slots=True)
class GatewayFigures:
    """The data path of one process."""

    generation: int
    """Of the configuration that it serves."""
    connections: int
    active_requests: int
    """Connections with a request, a body or a tunnel in progress."""
    tunnels: int
    servers: tuple[ServerFigures, ...]


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """One worker process."""

    pid: int
    worker: int | None = None
    """Its number; None if it is the only process there is."""
    gateway: GatewayFigures | None = None
    """None while it does not serve, as one that is just being replaced."""


def as_dict(worker: WorkerFigures) -> dict[str, Any]:
    """The figures of a worker, fit for JSON, as `/status` shows them."""
    described: dict[str, Any] = {"pid": worker.pid}
    if worker.worker is not None:
        described |= {"worker": worker.worker, "serving": worker.gateway is not None}
    if worker.gateway is None:
        return described
    upstreams: dict[str, list[dict[str, Any]]] = {}
    figures = asdict(worker.gateway)
    for server in figures.pop("servers"):
        upstreams.setdefault(server.pop("upstream"), []).append(server)
    return {**described, **figures, "upstreams": upstreams}


def gateway_from_dict(described: Mapping[str, Any]) -> GatewayFigures:
    """What `as_dict` said of a worker's data path."""
    return GatewayFigures(
        generation=described["generation"],
        connections=described["connections"],
        active_requests=described["active_requests"],
        tunnels=described["tunnels"],
        servers=tuple(
            ServerFigures(upstream=upstream, **server)
            for upstream, servers in described["upstreams"].items()
            for server in servers
        ),
    )
