"""`server:` and `admin:`: where the gateway itself listens, and how it treats its clients."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler
from pydantic_core import core_schema

from cors_gateway.config.models.kinds import (
    RANGE,
    TYPE,
    AdminAddress,
    AdminWord,
    Duration,
    DurationOrZero,
    FilePath,
    Keys,
    ListenAddress,
    SecretText,
    Section,
    SizeRange,
    Text,
    TrustedNetwork,
    either,
    fault,
)
from cors_gateway.config.syntax.endpoints import is_host
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import Limits, ServerTimeouts, Shutdown

MAX_WORKERS = 256
CLEARTEXT = "cleartext"
MIN_TOKEN = 8

_LIMITS, _TIMEOUTS, _SHUTDOWN = Limits(), ServerTimeouts(), Shutdown()


def _socket_mode(text: str) -> str:
    if len(text) not in (3, 4) or not set(text) <= set("01234567"):
        raise fault("listen.mode", f'"{text}" is not a file mode', 'write octal digits: "0660"')
    return text


def _admin_host(text: str) -> str:
    if not is_host(text):
        raise fault(
            "admin.hosts", f"{quoted(text)} is not a host", "write a name or an address, without a port"
        )
    return text


def _bearer_token(text: str) -> str:
    """What is wrong with a token is said without repeating it."""
    if len(text) < MIN_TOKEN:
        raise fault("admin.token", f"a token has at least {MIN_TOKEN} characters", "make it long and random")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise fault("admin.token", "a token is printable ASCII without spaces", "use letters and digits")
    return text


class WorkerCount:
    """A number of processes; the word `auto` becomes 0."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_WORKERS}, {"const": "auto"}]}

    @staticmethod
    def check(value: object) -> int:
        if value == "auto":
            return 0
        if not isinstance(value, int) or isinstance(value, bool):
            hint = f"write {value} without quotes" if isinstance(value, str) and value.isdecimal() else ""
            raise fault(TYPE, "a number of processes, or auto, is expected", hint)
        if not 1 <= value <= MAX_WORKERS:
            raise fault(RANGE, f"{value} is not between 1 and {MAX_WORKERS}", "auto is one per CPU")
        return value


class Http2Choice:
    """`true`, `false`, or the word `cleartext`."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, {"const": CLEARTEXT}]}

    @staticmethod
    def check(value: object) -> bool | str:
        if isinstance(value, bool) or value == CLEARTEXT:
            return value
        raise fault(
            TYPE, f"true, false or {CLEARTEXT} is expected", f"write {CLEARTEXT} where there is no tls"
        )


SocketMode = Annotated[str, AfterValidator(_socket_mode)]
BearerToken = Annotated[str, SecretText("admin.token", "the token"), AfterValidator(_bearer_token)]
AdminHost = Annotated[str, AfterValidator(_admin_host)]


class TlsSection(Section):
    """The certificate of a listener. TLS 1.2 and newer."""

    certificate: FilePath = Field(
        description="PEM file with the certificate and the chain below it, relative to the directory of this file."
    )
    key: FilePath = Field(description="PEM file with the private key, not encrypted.")


class ListenSection(Section):
    """One address to listen on, with what belongs to it."""

    address: ListenAddress = Field(description='"0.0.0.0:8080", "[::]:8080" or "unix:/run/gw.sock".')
    tls: TlsSection | None = Field(default=None, description="Serve HTTPS on this address.")
    mode: SocketMode = Field(
        default="0660", description="Permission bits of a Unix socket, as octal digits in quotes."
    )
    proxy_protocol: bool = Field(
        default=False,
        description="Every connection begins with a PROXY header, version 1 or 2; only trusted_proxies may connect.",
    )
    http2: Annotated[bool | str | None, Http2Choice()] = Field(
        default=None,
        description="Speak HTTP/2 besides HTTP/1.1: true by ALPN on a listener with tls (the default where the extra "
        "http2 is installed), cleartext to clients that know it beforehand, on one without.",
    )


ListenEntry = Annotated[
    Text[ListenAddress] | Keys[ListenSection],
    either("an address, or a mapping with address, tls, mode, proxy_protocol and http2, is expected"),
]


class LimitsSection(Section):
    """Bounds on what one client may send; 0 means no limit."""

    request_head: Annotated[int, SizeRange(1024, 1024**2)] = Field(
        default=_LIMITS.request_head, description="Size of the header section of a request; 431 beyond."
    )
    header_fields: int = Field(
        default=_LIMITS.header_fields,
        ge=0,
        le=10_000,
        description="Number of header lines of a request; 431 beyond.",
    )
    request_body: Annotated[int, SizeRange(1, 1024**4)] = Field(
        default=_LIMITS.request_body, description="Size of a request body; 413 beyond."
    )
    connections: int = Field(
        default=_LIMITS.connections, ge=0, le=1_000_000, description="Client connections of one worker."
    )


class TimeoutsSection(Section):
    """How long the gateway waits for a client."""

    request_head: Duration = Field(
        default=_TIMEOUTS.request_head, description="From the first byte of a request to the end of its head."
    )
    request_body: Duration = Field(
        default=_TIMEOUTS.request_body, description="Between two pieces of a request body."
    )
    keep_alive: Duration = Field(
        default=_TIMEOUTS.keep_alive, description="How long a connection may wait for its next request."
    )
    send: Duration = Field(
        default=_TIMEOUTS.send, description="How long a client may accept no byte of its response."
    )


class ShutdownSection(Section):
    """What happens between SIGTERM and the end of the process."""

    drain_delay: DurationOrZero = Field(
        default=_SHUTDOWN.drain_delay,
        description="Keep accepting for this long after readiness is withdrawn, until load balancers have noticed.",
    )
    grace: DurationOrZero = Field(
        default=_SHUTDOWN.grace, description="Then wait this long for running requests to finish."
    )


class ServerSection(Section):
    """The gateway as a server."""

    listen: list[ListenEntry] = Field(
        default=["0.0.0.0:8080"], min_length=1, description="Addresses to listen on."
    )
    workers: Annotated[int, WorkerCount()] = Field(default=1, description="Processes; auto is one per CPU.")
    trusted_proxies: list[TrustedNetwork] = Field(
        default=[],
        description="Whose X-Forwarded-* is believed: networks, addresses, or the words loopback, private and unix.",
    )
    underscore_headers: Literal["drop", "pass", "reject"] = Field(
        default="drop",
        description="What becomes of header names with an underscore; one that the route's policy lists always passes.",
    )
    access_log: Literal["json", "combined", "text", "off"] | None = Field(
        default=None, description="Form of the access log on standard output; text on a terminal, else json."
    )
    limits: LimitsSection = Field(
        default=LimitsSection(), description="Bounds on what one client may send; 0 means no limit."
    )
    timeouts: TimeoutsSection = Field(
        default=TimeoutsSection(), description="How long the gateway waits for a client."
    )
    shutdown: ShutdownSection = Field(
        default=ShutdownSection(), description="What happens between SIGTERM and the end of the process."
    )


class AdminSection(Section):
    """The operators' listener: health, readiness, metrics, status, reload. Never the public port."""

    listen: AdminAddress = Field(
        default="127.0.0.1:9090", description='"127.0.0.1:9090" or "unix:/run/gw-admin.sock".'
    )
    token: BearerToken | None = Field(
        default=None,
        description="Bearer token that requests must carry; best written as ${file:/run/secrets/token}.",
    )
    hosts: list[AdminHost] = Field(
        default=[],
        description="Names under which it is called, besides its own address and localhost; others are refused (DNS rebinding).",
    )


AdminValue = Annotated[
    Text[AdminWord] | Keys[AdminSection],
    either('off, an address such as "127.0.0.1:9090", or a mapping with listen and token is expected'),
]
