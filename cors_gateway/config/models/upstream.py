"""`upstreams:`: the backends, and how to treat them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cors_gateway.config.models.kinds import (
    Duration,
    FilePath,
    Keys,
    Section,
    ServerUrl,
    SizeRange,
    Text,
    either,
    fault,
)
from cors_gateway.config.syntax.endpoints import is_host
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import HealthCheck, UpstreamKeepAlive, UpstreamLimits, UpstreamTimeouts

_TIMEOUTS, _KEEP_ALIVE, _HEALTH = UpstreamTimeouts(), UpstreamKeepAlive(), HealthCheck("/")
_LIMITS = UpstreamLimits()


def _host_policy(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or len(port) > 5:
        host = text
    if not is_host(host):
        raise fault(
            "upstreams.host", f"{quoted(text)} cannot be sent as Host", "write preserve, upstream, or a name"
        )
    return text


def _server_name(text: str) -> str:
    if not is_host(text):
        raise fault("upstreams.server_name", f"{quoted(text)} is not a host name")
    return text


def _request_path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or {" ", "#"} & set(text):
        raise fault(
            "upstreams.health_check", f"{quoted(text)} cannot be requested", "write a path such as /healthz"
        )
    return text


HostPolicy = Annotated[str, AfterValidator(_host_policy)]
RequestPath = Annotated[str, AfterValidator(_request_path)]


class UpstreamTimeoutsSection(Section):
    """How long the gateway waits for a backend."""

    connect: Duration = Field(default=_TIMEOUTS.connect, description="To open a connection, TLS included.")
    response_head: Duration = Field(
        default=_TIMEOUTS.response_head,
        description="From the end of the request to the end of the response head, also of an event stream.",
    )
    idle: Duration = Field(
        default=_TIMEOUTS.idle,
        description="Between two pieces of a response body. An event stream or a WebSocket may be silent for an hour.",
    )


class KeepAliveSection(Section):
    """Connections to the backend that are kept for the next request."""

    connections: int = Field(
        default=_KEEP_ALIVE.connections, ge=0, le=100_000, description="How many are kept by one worker."
    )
    idle: Duration = Field(
        default=_KEEP_ALIVE.idle, description="How long; shorter than the backend's own keep-alive time."
    )


class HealthCheckSection(Section):
    """Ask each server regularly whether it is well; without this, only failing requests tell."""

    path: RequestPath = Field(description="What to request with GET; 2xx and 3xx are healthy.")
    interval: Duration = Field(default=_HEALTH.interval, description="Between two checks of one server.")
    timeout: Duration = Field(default=_HEALTH.timeout, description="For one check; at most the interval.")
    unhealthy_after: int = Field(
        default=_HEALTH.unhealthy_after, ge=1, le=100, description="Failures in a row that take a server out."
    )
    healthy_after: int = Field(
        default=_HEALTH.healthy_after, ge=1, le=100, description="Successes in a row that bring it back."
    )


class UpstreamTlsSection(Section):
    """TLS towards https servers."""

    ca: FilePath | None = Field(
        default=None, description="PEM file of trusted authorities; default: the system's."
    )
    certificate: FilePath | None = Field(default=None, description="PEM file of the client certificate.")
    key: FilePath | None = Field(default=None, description="PEM file of its private key.")
    server_name: Annotated[str, AfterValidator(_server_name)] | None = Field(
        default=None, description="Name to ask for and to verify; default: the host of the URL."
    )
    verify: bool = Field(
        default=True, description="Verify the certificate. Without, anybody can pose as the backend."
    )


class UpstreamServerSection(Section):
    """One server, with its part in balancing."""

    url: ServerUrl = Field(description="http://host:port, https://host:port or unix:/path.")
    weight: int = Field(
        default=1, ge=1, le=1000, description="Its share of the requests, relative to the other servers."
    )
    backup: bool = Field(default=False, description="Asked only while no other server is well.")


ServerEntry = Annotated[
    Text[ServerUrl] | Keys[UpstreamServerSection],
    either("the URL of a server, or a mapping with url, weight and backup, is expected"),
]


class UpstreamLimitsSection(Section):
    """Bounds on what the backend may send."""

    response_head: Annotated[int, SizeRange(1024, 1024**2)] = Field(
        default=_LIMITS.response_head, description="Size of the header section of a response; 502 beyond."
    )


class UpstreamSection(Section):
    """A backend: one server, or several equal ones."""

    servers: list[ServerEntry] = Field(
        min_length=1,
        description="http://host:port, https://host:port or unix:/path, or a mapping; several are balanced.",
    )
    balance: Literal["round_robin", "least_requests", "client_address"] = Field(
        default="round_robin",
        description="How requests are spread over several servers; client_address: one client, one server while it is well.",
    )
    timeouts: UpstreamTimeoutsSection = Field(
        default=UpstreamTimeoutsSection(), description="How long the gateway waits for this backend."
    )
    keep_alive: KeepAliveSection = Field(
        default=KeepAliveSection(), description="Connections that are kept for the next request."
    )
    health_check: HealthCheckSection | None = Field(
        default=None, description="Ask each server regularly whether it is well."
    )
    retries: int = Field(
        default=1, ge=0, le=10, description="Further attempts where the request provably was not processed."
    )
    host: HostPolicy = Field(
        default="preserve",
        description="The Host field the backend sees: preserve (the client's), upstream (the server's), or a name.",
    )
    tls: UpstreamTlsSection = Field(default=UpstreamTlsSection(), description="TLS towards https servers.")
    limits: UpstreamLimitsSection = Field(
        default=UpstreamLimitsSection(), description="Bounds on what the backend may send."
    )
    redirects: Literal["rewrite", "keep"] = Field(
        default="rewrite",
        description="rewrite: redirects to the upstream's own address, or without the prefix of the route, "
        "become what the client can follow. keep: as the backend wrote them.",
    )
