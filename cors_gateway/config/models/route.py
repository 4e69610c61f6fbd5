"""`routes:` and `tests:`: which requests go where under which policy, and what should come of it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cors_gateway.config.models.kinds import (
    TYPE,
    FieldName,
    Keys,
    Name,
    Names,
    SecretText,
    Section,
    SizeRange,
    Text,
    either,
    fault,
)
from cors_gateway.config.models.policy import PolicyKeys
from cors_gateway.http1.grammar import is_token
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import Redirect


def _token(text: str) -> str:
    if not is_token(text.encode()):
        raise fault("tests.invalid", f"{quoted(text)} cannot be sent: it is not a token")
    return text


def _request_path(text: str) -> str:
    if not text.startswith("/") or not text.isascii() or not text.isprintable() or " " in text:
        raise fault("tests.invalid", f"{quoted(text)} cannot be requested", "write a path such as /api/users")
    return text


def _header_value(text: str) -> str:
    if not text.isascii() or not text.isprintable():
        raise fault("tests.invalid", f"{quoted(text)} cannot be sent: it is not printable ASCII")
    return text


FieldValue = Annotated[str, SecretText(TYPE, "the value of the field")]
Token = Annotated[str, AfterValidator(_token)]


class RedirectSection(Section):
    """Send clients elsewhere: path and query of the request are added to the new place."""

    to: str = Field(
        description='Where to: "https://www.example.com", with a path or without, or a path on the same host.'
    )
    status: int = Field(
        default=Redirect("").status,
        description="301, 302, 303, 307 or 308. Browsers remember 301 and 308; 307 and 308 keep the method.",
    )


class HeadersSection(Section):
    """Header fields to set and to remove. CORS, framing, Host and forwarding are the gateway's own business."""

    set: dict[FieldName, FieldValue] = Field(
        default={},
        description="Fields by name; each takes the place of those that came. Secrets are best written as ${file:/run/secrets/key}.",
    )
    remove: list[str] = Field(default=[], description="Names of fields to remove.")


class CookiesSection(Section):
    """Attributes of the cookies that the backend sets."""

    same_site: Literal["keep", "strict", "lax", "none"] = Field(
        default="keep", description="SameSite; pages of other sites get a cookie sent with none only."
    )
    secure: bool | None = Field(
        default=None,
        description="true adds Secure, which same_site: none needs; false removes it; default: kept.",
    )
    domain: str = Field(default="keep", description="Domain: keep, remove, or a host name.")
    path: str = Field(default="keep", description="Path: keep, remove, or a path.")


class RouteLimitsSection(Section):
    """Bounds that differ from those of the server."""

    request_body: Annotated[int, SizeRange(1, 1024**4)] | None = Field(
        default=None, description="Size of a request body; 413 beyond. Default: the server's."
    )


class RouteSection(Section):
    """Requests for a host and a path go to an upstream under a policy, or are answered here."""

    name: Name = Field(description="Names the route in logs, metrics and explanations.")
    path: str = Field(
        description="Prefix on whole segments: /api and /api/ both mean /api and everything below it."
    )
    match: Literal["prefix", "exact"] = Field(
        default="prefix", description="exact: only this path, to the letter, and nothing below it."
    )
    host: str | None = Field(
        default=None, description="Exact host name, or *.example.com for names below it; default: any host."
    )
    hosts: list[str] | None = Field(default=None, min_length=1, description="Several of them.")
    methods: list[str] | None = Field(
        default=None, min_length=1, description="Methods served here (GET includes HEAD); default: all."
    )
    extensions: list[str] | None = Field(
        default=None,
        min_length=1,
        description="How the last segment of the path ends (woff2, min.js), upper or lower case; default: anyhow.",
    )
    upstream: str | None = Field(
        default=None,
        description="Name of an upstream, or the URL of a server; needed unless the route answers itself.",
    )
    redirect: RedirectSection | None = Field(default=None, description="Answer with a redirect.")
    refuse: int | None = Field(
        default=None, description="Answer with this status: closes a path below a broader route."
    )
    cors: Annotated[
        Text[str] | Keys[PolicyKeys] | Names[list[str]],
        either("the name of a policy, disabled, passthrough, a policy, or a list of names is expected"),
    ] = Field(
        description="Name of a policy, a policy written here, disabled (allow nobody), or passthrough (leave CORS to the backend). "
        "Of a list of names, the first policy that lists the origin decides."
    )
    strip_prefix: bool = Field(
        default=False,
        description="Remove the path of the route before forwarding; the same as replace_prefix: /.",
    )
    replace_prefix: str | None = Field(
        default=None,
        description="Forward with this in place of the path of the route: /v1/ makes /api/users /v1/users.",
    )
    request_headers: HeadersSection = Field(
        default=HeadersSection(), description="Changes to the header fields that the backend gets."
    )
    response_headers: HeadersSection = Field(
        default=HeadersSection(),
        description="Changes to the header fields that the client gets, on the gateway's own answers too.",
    )
    cookies: CookiesSection = Field(
        default=CookiesSection(), description="Changes to the cookies that the backend sets."
    )
    limits: RouteLimitsSection = Field(
        default=RouteLimitsSection(), description="Bounds that differ from those of the server."
    )


class ExpectationSection(Section):
    """A request, and what the policies should make of it. Run by `cors-gateway test`."""

    origin: Annotated[str, AfterValidator(_header_value)] | None = Field(
        default=None, description="The page the request comes from; default: no Origin."
    )
    method: Token = Field(default="GET", description="Its method.")
    path: Annotated[str, AfterValidator(_request_path)] = Field(description="Its path.")
    host: Annotated[str, AfterValidator(_header_value)] | None = Field(
        default=None, description="Its host, for routes that have one."
    )
    headers: list[Token] = Field(default=[], description="Names of the headers that script sets.")
    credentials: bool = Field(default=False, description="Whether it is sent with cookies.")
    expect: Literal["allow", "deny"] = Field(description="Whether the script may read the response.")
    reason: Annotated[Reason, Field(strict=False)] | None = Field(
        default=None, description="The reason that must be given, if it matters."
    )
