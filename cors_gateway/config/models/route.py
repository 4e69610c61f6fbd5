"""`routes:` and `tests:`: which requests go where under which policy, and what should come of it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cors_gateway.config.models.kinds import Keys, Name, Section, Text, either, fault
from cors_gateway.config.models.policy import PolicyKeys
from cors_gateway.http1.grammar import is_token
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.reason import Reason


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


Token = Annotated[str, AfterValidator(_token)]


class RouteSection(Section):
    """Requests for a host and below a path go to an upstream under a policy."""

    name: Name = Field(description="Names the route in logs, metrics and explanations.")
    path: str = Field(
        description="Prefix on whole segments: /api and /api/ both mean /api and everything below it."
    )
    host: str | None = Field(
        default=None, description="Exact host name, or *.example.com for names below it; default: any host."
    )
    methods: list[str] | None = Field(
        default=None, min_length=1, description="Methods served here (GET includes HEAD); default: all."
    )
    upstream: str = Field(description="Name of an upstream, or the URL of a server.")
    cors: Annotated[
        Text[str] | Keys[PolicyKeys],
        either("the name of a policy, disabled, passthrough, or a policy is expected"),
    ] = Field(
        description="Name of a policy, a policy written here, disabled (allow nobody), or passthrough (leave CORS to the backend)."
    )
    strip_prefix: bool = Field(default=False, description="Remove the path of the route before forwarding.")


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
