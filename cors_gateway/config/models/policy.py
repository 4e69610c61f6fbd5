"""`policies:`: who may read across origins, as it is written.

This is the one written form of a policy: pydantic makes it of a file, the rules of `lint/` judge it, `explain` edits it, and
`check --print` prints it. None means that a key is absent. The way to a `Policy` and back is in `written_policy.py`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler
from pydantic_core import core_schema

from cors_gateway.config.models.kinds import DURATION_PATTERN, Items, Keys, Section, Text, either, fault
from cors_gateway.config.problems import quoted
from cors_gateway.config.syntax.units import UnitFault, parse_duration

MAX_AGE_TYPE = "max_age.type"

NULLABLE = frozenset({"timing_allow_origin", "cross_origin_resource_policy"})
"""Keys whose default may be written out as null."""


class MaxAge:
    """Whole seconds, as a number or as a duration with its unit."""

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": 86400},
                {"type": "string", "pattern": DURATION_PATTERN},
            ]
        }

    @staticmethod
    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, float):
            raise fault(
                MAX_AGE_TYPE, f"{value} is not a whole number of seconds", "write it without the point"
            )
        if not isinstance(value, str):
            raise fault(MAX_AGE_TYPE, "seconds (600) or a duration (10m) is expected")
        if value.isascii() and value.isdigit():
            raise fault(
                MAX_AGE_TYPE, f"{quoted(value)} is text", f"write {value} without quotes, or {value}s"
            )
        seconds = parse_duration(value)
        if isinstance(seconds, UnitFault):
            raise fault(
                MAX_AGE_TYPE,
                f"{quoted(value)} is {seconds.message}",
                "write seconds (600) or a duration (10m)",
            )
        if seconds != int(seconds):
            raise fault(
                MAX_AGE_TYPE, f"{quoted(value)} is not a whole number of seconds", "browsers count in seconds"
            )
        return int(seconds)


class RegexSection(Section):
    """An origin given by a regular expression."""

    regex: str = Field(
        description="Matches whole origins, in linear time (RE2 syntax). Needs the extra: cors-gateway[regex]."
    )


OriginEntry = Annotated[
    Text[str] | Keys[RegexSection],
    either("an origin in quotes, or a mapping with the key regex, is expected"),
]


class PolicySection(Section):
    """Who may read responses across origins, and with which requests."""

    allow_origins: Items[OriginEntry] | None = Field(
        default=None,
        description="Who may read: https://app.example.com, https://*.example.com (one or more labels), "
        'http://localhost:* (any port), {regex: ...}, or "*" alone for everybody.',
    )
    allow_methods: Items[str] | None = Field(
        default=None, description='Default GET, HEAD, POST, which always pass. "*" is any method.'
    )
    allow_headers: Items[str] | None = Field(
        default=None, description='Request headers that script may set. "*" is any but Authorization.'
    )
    expose_headers: Items[str] | None = Field(
        default=None, description="Response headers that script may read, besides the safelisted ones."
    )
    allow_credentials: bool = Field(
        default=False,
        description="Whether cookies and HTTP authentication may be used; not together with any origin.",
    )
    max_age: Annotated[int, MaxAge()] | None = Field(
        default=None,
        description="How long browsers may remember a preflight: seconds, or 90s / 10m / 1h, at most 1d. "
        "Absent: the header is not sent (five seconds). 0: never.",
    )
    allow_private_network: bool = Field(
        default=False,
        description="Answer Access-Control-Request-Private-Network; browsers have moved on from it.",
    )
    preflight_status: int | None = Field(
        default=None, description="Status of a granted preflight; default 204."
    )
    preflight_failure: Literal["strict", "diagnose"] | None = Field(
        default=None,
        description="strict (default): refused preflights get 403 and no CORS headers. diagnose: 2xx naming what is allowed.",
    )
    on_disallowed_request: Literal["forward", "reject"] | None = Field(
        default=None,
        description="forward (default): without CORS headers. reject: 403 before the backend is reached.",
    )
    public_origins: Items[str] | None = Field(
        default=None, description="The gateway's own origins, so that reject never hits same-origin traffic."
    )
    forward_origin: Literal["keep", "strip"] | None = Field(
        default=None, description="Whether the backend sees Origin; default keep."
    )
    upstream_expose: Literal["drop", "merge"] | None = Field(
        default=None, description="merge: add what the backend exposes to expose_headers; default drop."
    )
    timing_allow_origin: Literal["same-as-origins"] | None = Field(
        default=None, description="Let allowed origins read resource timing."
    )
    cross_origin_resource_policy: Literal["same-origin", "same-site", "cross-origin"] | None = Field(
        default=None, description="Cross-Origin-Resource-Policy of every response; default: the backend's."
    )
    websocket_origin_check: bool = Field(
        default=False, description="Refuse a WebSocket handshake from an unlisted origin."
    )
    report_only: bool = Field(
        default=False, description="Decide, log and count, but leave the traffic as the backend made it."
    )
    dangerously_allow_null_origin: bool = Field(
        default=False,
        description="Allow the origin null, which any page can obtain through a sandboxed frame.",
    )
    dangerously_allow_insecure_origins: bool = Field(
        default=False, description="Allow http origins together with credentials."
    )
    dangerously_allow_public_suffix: bool = Field(
        default=False,
        description="Allow a wildcard under a public suffix (*.github.io) together with credentials.",
    )
