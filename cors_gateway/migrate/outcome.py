"""What an importer produces: a configuration as plain values, and a review of what it was made from.

The values hold what will be written, with the comments that stand beside it. Nothing here knows where they come from.
"""

from dataclasses import dataclass, field

Lines = tuple[str, ...]

PASSTHROUGH = "passthrough"
DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Finding:
    """A defect of the original."""

    code: str
    severity: str
    """`security`, `broken`, `risk` or `noise`."""
    message: str
    """What a browser or an attacker makes of it."""
    hint: str
    """What became of it, and what is left to do."""
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Untranslated:
    """Something of the original that the configuration does not do."""

    directive: str
    file: str
    line: int
    why: str


@dataclass(frozen=True, slots=True)
class Origin:
    """An entry of `allow_origins`."""

    text: str
    is_regex: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may read. Two policies that grant the same are equal, whatever is said beside them."""

    allow_origins: tuple[Origin, ...]
    allow_methods: tuple[str, ...] | None = None
    allow_headers: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    allow_credentials: bool = False
    max_age: int | None = None
    """Seconds."""
    allow_private_network: bool = False
    on_disallowed_request: str | None = None
    forward_origin: str | None = None
    timing_allow_origin: str | None = None
    cross_origin_resource_policy: str | None = None
    websocket_origin_check: bool = False
    comments: Lines = field(default=(), compare=False)

    @property
    def is_open(self) -> bool:
        return any(origin.text == "*" for origin in self.allow_origins)


@dataclass(frozen=True, slots=True)
class Server:
    """One server of an upstream."""

    url: str
    weight: int = 1
    is_backup: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A backend. Two that are reached in the same way are equal."""

    servers: tuple[Server, ...]
    balance: str = "round_robin"
    host: str = "preserve"
    timeouts: tuple[tuple[str, str], ...] = ()
    keep_alive: tuple[tuple[str, str | int], ...] = ()
    tls: tuple[tuple[str, str | bool], ...] = ()
    name: str = field(default="", compare=False)
    """What it would best be called."""
    comments: Lines = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Redirect:
    to: str
    status: int


@dataclass(frozen=True, slots=True)
class Headers:
    """Fields to set and to remove."""

    set: tuple[tuple[str, str], ...] = ()
    remove: tuple[str, ...] = ()


NO_HEADERS = Headers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Requests for hosts and a path, and what is done with them: one of `upstream`, `redirect` and `refuse`."""

    name: str
    path: str
    hosts: tuple[str, ...] = ()
    """Empty: any host."""
    is_exact: bool = False
    extensions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    upstream: Upstream | None = None
    redirect: Redirect | None = None
    refuse: int | None = None
    policies: tuple[Policy, ...] = ()
    mode: str = DISABLED
    """Where there is no policy."""
    replace_prefix: str | None = None
    request_headers: Headers = NO_HEADERS
    response_headers: Headers = NO_HEADERS
    request_body: str | None = None
    comments: Lines = ()


@dataclass(frozen=True, slots=True)
class Listener:
    address: str
    certificate: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The `server:` section."""

    listen: tuple[Listener, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    request_body: str | None = None
    comments: Lines = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that an import has to say."""

    settings: Settings
    routes: tuple[Route, ...]
    findings: tuple[Finding, ...]
    untranslated: tuple[Untranslated, ...]
    notes: tuple[Untranslated, ...] = ()
    """What is translated, and does not do quite the same."""
    remarks: Lines = ()
    """What no route of the configuration stands for, for its end."""
    sources: Lines = ()
    """What was read."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be routed."""
        return not any(route.upstream or route.redirect for route in self.routes)
