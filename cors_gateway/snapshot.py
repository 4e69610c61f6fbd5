"""A loaded configuration as frozen values: what the rest of the program runs on.

No YAML, no pydantic and no file access here. Two snapshots compare equal when they mean the same; where an entry
was written (`Location`) does not take part. All durations are seconds, all sizes bytes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from cors_gateway.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class Location:
    """Where something is written; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Certificate chain and private key of a listener, as absolute paths of PEM files."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class TcpListener:
    host: str
    port: int
    tls: ServerTls | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixListener:
    path: str
    mode: int = 0o660
    """Permission bits of the socket file."""
    tls: ServerTls | None = None

    def __str__(self) -> str:
        return f"unix:{self.path}"


Listener = TcpListener | UnixListener


class AccessLog(StrEnum):
    JSON = "json"
    COMBINED = "combined"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one client may send; 0 means no limit."""

    request_head: int = 32 * 1024
    """Bytes of the header section; the request line has its own bound of 8 KiB."""
    header_fields: int = 100
    request_body: int = 0
    connections: int = 10_000
    """Client connections of one worker."""


@dataclass(frozen=True, slots=True)
class ServerTimeouts:
    request_head: float = 10.0
    """Absolute, from the first byte of a request (or the connection) to the end of its head."""
    request_body: float = 30.0
    """Between two reads of a request body."""
    keep_alive: float = 75.0
    send: float = 30.0
    """How long a client may accept no byte of its response."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    drain_delay: float = 0.0
    grace: float = 25.0


@dataclass(frozen=True, slots=True)
class Server:
    listen: tuple[Listener, ...]
    workers: int = 1
    """Processes; 0 stands for `auto`, one per CPU."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    access_log: AccessLog = AccessLog.JSON
    limits: Limits = Limits()
    timeouts: ServerTimeouts = ServerTimeouts()
    shutdown: Shutdown = Shutdown()


@dataclass(frozen=True, slots=True)
class Admin:
    listen: TcpListener | UnixListener
    token: str | None = field(default=None, repr=False)
    """Bearer token that admin requests must carry, if any."""
    token_reference: str | None = field(default=None, repr=False, compare=False)
    """How the file says it, if by `${...}`: what may be printed in place of the token."""
    hosts: tuple[str, ...] = ()
    """Lower-case names and addresses that `Host` may hold, besides the listener's own and loopback ones."""


class Balance(StrEnum):
    ROUND_ROBIN = "round_robin"
    LEAST_REQUESTS = "least_requests"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server of an upstream: `http://host:port`, `https://host:port` or `unix:/path`."""

    host: str = ""
    port: int = 0
    tls: bool = False
    unix_path: str | None = None

    def __str__(self) -> str:
        if self.unix_path is not None:
            return f"unix:{self.unix_path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UpstreamTimeouts:
    connect: float = 3.0
    response_head: float = 60.0
    """Absolute, from the end of the request to the end of the response head."""
    idle: float = 60.0
    """Between two reads of a response body, or two successful writes of a request body."""


@dataclass(frozen=True, slots=True)
class UpstreamKeepAlive:
    connections: int = 256
    """Idle connections kept, over all servers of the upstream, in one worker."""
    idle: float = 4.0


@dataclass(frozen=True, slots=True)
class HealthCheck:
    path: str
    interval: float = 5.0
    timeout: float = 2.0
    unhealthy_after: int = 3
    healthy_after: int = 2


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    ca: str | None = None
    """PEM file of trusted authorities; None means the system's."""
    certificate: str | None = None
    key: str | None = None
    server_name: str | None = None
    """Name to verify and to send as SNI; None means the server's own host."""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Upstream:
    name: str
    servers: tuple[ServerAddress, ...]
    balance: Balance = Balance.ROUND_ROBIN
    timeouts: UpstreamTimeouts = UpstreamTimeouts()
    keep_alive: UpstreamKeepAlive = UpstreamKeepAlive()
    health_check: HealthCheck | None = None
    retries: int = 1
    host: str = "preserve"
    """`preserve`, `upstream`, or the literal value of the `Host` field sent."""
    tls: UpstreamTls = UpstreamTls()


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the routing table. `upstream` names an entry of `Snapshot.upstreams`."""

    name: str
    path: str
    """Canonical prefix (see `http1.paths`), without a trailing slash except for `/` itself."""
    upstream: str
    policy: Policy
    host: str | None = None
    """Lower case; exact, or `*.` and a suffix; None is any host."""
    methods: frozenset[str] | None = None
    strip_prefix: bool = False
    policy_name: str | None = None
    """The name in `policies`; None for an inline policy, `disabled` and `passthrough`."""
    location: Location | None = field(default=None, compare=False)
    policy_location: Location | None = field(default=None, compare=False)
    origin_locations: tuple[Location, ...] = field(default=(), compare=False)
    """Where each entry of `policy.allow_origins` is written (for `explain`); the `*` entry alone if `any_origin`."""


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """One entry of `tests:`. `allow` is the expected outcome; `reason` is compared if given."""

    origin: str | None
    method: str
    path: str
    host: str | None = None
    headers: tuple[str, ...] = ()
    credentials: bool = False
    allow: bool = True
    reason: str | None = None
    location: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole configuration. Immutable: a reload makes a new one and swaps the reference."""

    server: Server
    admin: Admin | None
    upstreams: dict[str, Upstream]
    routes: tuple[Route, ...]
    tests: tuple[PolicyTest, ...] = ()
    fingerprint: str = field(default="", compare=False)
    """SHA-256 over the content of every file that took part, certificates and secrets included."""
    files: tuple[str, ...] = field(default=(), compare=False)
    """Absolute paths of those files, for the watcher."""
