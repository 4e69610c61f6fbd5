"""What every proxy in a comparison is asked to be: one description, told to each in its own words by `servers/`.

The policy is the same everywhere: listed origins with credentials, four methods, three request fields, one exposed
response field, preflights answered by the proxy and remembered for ten minutes, and whatever the backend says about
CORS removed.
"""

from dataclasses import dataclass
from pathlib import Path

ORIGIN = "https://app.example.com"
STRANGER = "https://evil.example"
METHODS = ("GET", "POST", "PUT", "DELETE")
HEADERS = ("Content-Type", "Authorization", "X-CSRF-Token")
EXPOSED = ("X-Request-Id",)
MAX_AGE = 600
HOST = "api.example.com"
# The prefix that a changed site has more: who answers there has taken the change over.
CHANGED = "/changed/"

# What a response may say about CORS: the names every proxy removes from the backend's answer.
CORS_FIELDS = (
    "Access-Control-Allow-Origin",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Access-Control-Allow-Private-Network",
)

MANY_ROUTES = 1_000
MANY_ORIGINS = 10_000
CONNECTIONS = 12_000
# Kept open to the backend: more than the clients of any row have requests under way.
BACKEND_CONNECTIONS = 1_100


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of a certificate chain and its key; `both` holds the two in one file."""

    chain: Path
    key: Path
    both: Path


@dataclass(frozen=True, slots=True)
class Shape:
    """How a site differs from the plain one. `http2` comes with `tls`, offered beside HTTP/1.1. A `reloads` site is
    started so that its configuration can be changed while it runs, and once it is `changed` it has one route more."""

    workers: int = 1
    access_log: bool = False
    tls: bool = False
    http2: bool = False
    many_routes: bool = False
    many_origins: bool = False
    reloads: bool = False
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """A shape with the ports and files of this run filled in. Paths under `/sink/` go to `sink_port`, all others to
    `backend_port`; `certificate` is None unless clients speak TLS."""

    port: int
    backend_port: int
    sink_port: int
    shape: Shape = Shape()
    certificate: Certificate | None = None

    @property
    def origins(self) -> tuple[str, ...]:
        return origins(self.shape)

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Path prefixes that lead to the backend."""
        return prefixes(self.shape)

    @property
    def scheme(self) -> str:
        return "https" if self.certificate else "http"


def origins(shape: Shape) -> tuple[str, ...]:
    """The listed origins; the one that clients use most stands last, where a linear search hurts."""
    many = (
        tuple(f"https://tenant-{n:05}.example.com" for n in range(MANY_ORIGINS - 1))
        if shape.many_origins
        else ()
    )
    return (*many, "https://admin.example.com", ORIGIN)[-MANY_ORIGINS:]


def prefixes(shape: Shape) -> tuple[str, ...]:
    many = tuple(f"/service-{n:04}/" for n in range(MANY_ROUTES - 1)) if shape.many_routes else ()
    return (*many, "/api/", *((CHANGED,) if shape.changed else ()))
