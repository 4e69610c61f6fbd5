"""A loaded configuration as frozen values: what the rest of the program runs on.

No YAML, no pydantic and no file access here. Two snapshots compare equal when they mean the same; where an entry
was written (`Location`) does not take part. All durations are seconds, all sizes bytes.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from cors_gateway.policy.policy import Policy
from cors_gateway.routing import RouteKey


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
    ends: float | None = field(default=None, compare=False)
    """When the first certificate of the chain expires, in seconds since the epoch; None if that is not known."""


class Http2(StrEnum):
    """Whether a listener speaks HTTP/2 besides HTTP/1.1, and how a client asks for it."""

    OFF = "off"
    TLS = "tls"
    """By ALPN."""
    CLEARTEXT = "cleartext"
    """By prior knowledge: the connection begins with its preface."""


@dataclass(frozen=True, slots=True)
class TcpListener:
    host: str
    port: int
    tls: ServerTls | None = None
    proxy_protocol: bool = False
    """Each connection begins with a PROXY header, which is believed of trusted proxies only."""
    http2: Http2 = Http2.OFF

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixListener:
    path: str
    mode: int = 0o660
    """Permission bits of the socket file."""
    tls: ServerTls | None = None
    proxy_protocol: bool = False
    http2: Http2 = Http2.OFF

    def __str__(self) -> str:
        return f"unix:{self.path}"


Listener = TcpListener | UnixListener


class AccessLog(StrEnum):
    JSON = "json"
    COMBINED = "combined"
    TEXT = "text"
    OFF = "off"


class UnderscoreHeaders(StrEnum):
    """What becomes of a request with a field name that has an underscore, and that the route's policy does not list."""

    DROP = "drop"
    PASS = "pass"  # noqa: S105 - no password
    REJECT = "reject"


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
    trusts_unix: bool = False
    """Whether the peers of Unix sockets are among the trusted proxies."""
    underscore_headers: UnderscoreHeaders = UnderscoreHeaders.DROP
    access_log: AccessLog | None = None
    """None is text on a terminal, else JSON."""
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
    CLIENT_ADDRESS = "client_address"


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One server of an upstream, `http://host:port`, `https://host:port` or `unix:/path`, and its part in balancing."""

    host: str = ""
    port: int = 0
    tls: bool = False
    unix_path: str | None = None
    weight: int = 1
    """Its share of the requests, relative to the other servers."""
    is_backup: bool = False
    """Asked only while no other server is well."""

    def __str__(self) -> str:
        """Where it is, which names it among the servers of its upstream."""
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
    ends: float | None = field(default=None, compare=False)
    """When the first client certificate expires, as of `ServerTls`."""


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """Bounds on what the backend may send."""

    response_head: int = 64 * 1024
    """Bytes of the header section of a response."""


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
    limits: UpstreamLimits = UpstreamLimits()
    rewrites_redirects: bool = True
    """Whether a `Location` or `Refresh` of the backend is made into one that the client can follow."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """The answer of a route that sends its clients elsewhere; path and query of the request are added."""

    to: str
    """Scheme and authority, maybe a path, or a path alone; without a slash at the end."""
    status: int = 307


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer of a route that is closed."""

    status: int


@dataclass(frozen=True, slots=True)
class SetField:
    """A header field that takes the place of those with its name."""

    name: str
    """As it goes out."""
    value: str = field(repr=False)
    """Goes out as UTF-8. It may be a secret."""
    reference: str | None = field(default=None, repr=False, compare=False)
    """How the file says it, if by `${...}`: what may be printed in place of the value."""


@dataclass(frozen=True, slots=True)
class FieldEdits:
    """What a route changes about the header fields that pass in one direction."""

    set: tuple[SetField, ...] = ()
    remove: tuple[str, ...] = ()
    """Lower case."""


NO_EDITS = FieldEdits()


@dataclass(frozen=True, slots=True)
class CookieEdits:
    """What a route changes about the attributes of the backend's cookies. None keeps one, an empty text removes it."""

    same_site: str | None = None
    """`Strict`, `Lax` or `None`."""
    secure: bool | None = None
    domain: str | None = None
    path: str | None = None


NO_COOKIE_EDITS = CookieEdits()


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """A policy that a route asks after its first one."""

    policy: Policy
    name: str | None = None
    location: Location | None = field(default=None, compare=False)
    origin_locations: tuple[Location, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the routing table. It forwards, unless it has an `answer` of its own."""

    name: str
    path: str
    """Canonical (see `http1.paths`): a prefix without a trailing slash except for `/` itself, or a whole path."""
    upstream: str
    """Names an entry of `Snapshot.upstreams`; empty if there is an `answer`."""
    policy: Policy
    hosts: tuple[str, ...] = ()
    """Lower case; exact, or `*.` and a suffix; none is any host."""
    methods: frozenset[str] | None = None
    is_exact: bool = False
    """Only `path` itself, not what is below it."""
    extensions: frozenset[str] | None = None
    """Lower case, without the first dot: how the last segment of the path ends; None is anyhow."""
    replace_prefix: str | None = None
    """What stands in place of `path` in the request that goes on; None leaves the path as it is."""
    answer: Redirect | Refusal | None = None
    request_headers: FieldEdits = NO_EDITS
    response_headers: FieldEdits = NO_EDITS
    cookies: CookieEdits = NO_COOKIE_EDITS
    request_body: int | None = None
    """Bytes, 0 without limit; None is the limit of the server."""
    policy_name: str | None = None
    """The name in `policies`; None for an inline policy, `disabled` and `passthrough`."""
    further_policies: tuple[RoutePolicy, ...] = ()
    """Asked in this order for an origin that `policy` does not list; one that none lists is refused by `policy`."""
    location: Location | None = field(default=None, compare=False)
    policy_location: Location | None = field(default=None, compare=False)
    origin_locations: tuple[Location, ...] = field(default=(), compare=False)
    """Where each entry of `policy.allow_origins` is written (for `explain`); the `*` entry alone if `any_origin`."""

    @property
    def keys(self) -> tuple[RouteKey, ...]:
        """The rows that the routing table has for this route: one for each host."""
        return tuple(
            RouteKey(host, self.path, self.methods, self.is_exact, self.extensions)
            for host in self.hosts or (None,)
        )

    @property
    def strip_prefix(self) -> bool:
        """Whether the path goes on without its prefix."""
        return self.replace_prefix == "/"


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

    @property
    def certificates(self) -> dict[str, float]:
        """When each certificate that is shown to others expires, in seconds since the epoch, by its file.

        Listeners' first, then those shown to backends; files that could not be read are left out.
        """
        shown: list[tuple[str | None, float | None]] = []
        shown += [(one.tls.certificate, one.tls.ends) for one in self.server.listen if one.tls is not None]
        shown += [(one.tls.certificate, one.tls.ends) for one in self.upstreams.values()]
        return {file: ends for file, ends in shown if file is not None and ends is not None}
