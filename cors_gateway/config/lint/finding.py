"""The values that go into the rules and come out of them.

Inputs hold what the operator wrote, of the right type but otherwise unchecked and not normalised. Nothing here
decides anything.
"""

from dataclasses import dataclass
from typing import Literal

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """One mistake, or one thing that is probably not meant."""

    severity: Literal["error", "warning"]
    code: str
    """Stable, `key.what`, in the words of the configuration: `allow_origins.null`."""
    message: str
    """What is wrong; names the value."""
    hint: str
    """What to write instead; may be empty."""
    path: Path
    """Where, relative to what was checked: `("allow_origins", 0)`."""


@dataclass(frozen=True, slots=True)
class RegexEntry:
    """An entry of `allow_origins` written as `{regex: ...}`."""

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyInput:
    """One policy as written. None means that the key is absent; an absent switch is False."""

    allow_origins: tuple[str | RegexEntry, ...] | None = None
    allow_methods: tuple[str, ...] | None = None
    allow_headers: tuple[str, ...] | None = None
    expose_headers: tuple[str, ...] | None = None
    allow_credentials: bool = False
    max_age: int | None = None
    """Seconds."""
    allow_private_network: bool = False
    preflight_status: int | None = None
    preflight_failure: Literal["strict", "diagnose"] | None = None
    on_disallowed_request: Literal["forward", "reject"] | None = None
    public_origins: tuple[str, ...] | None = None
    forward_origin: Literal["keep", "strip"] | None = None
    upstream_expose: Literal["drop", "merge"] | None = None
    timing_allow_origin: Literal["same-as-origins"] | None = None
    cross_origin_resource_policy: Literal["same-origin", "same-site", "cross-origin"] | None = None
    websocket_origin_check: bool = False
    report_only: bool = False
    dangerously_allow_null_origin: bool = False
    dangerously_allow_insecure_origins: bool = False
    dangerously_allow_public_suffix: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteInput:
    """One route as written, reduced to what the rules look at."""

    name: str | None = None
    host: str | None = None
    path: str
    methods: tuple[str, ...] | None = None
    upstream: str
    cors: str | None
    """The name of a policy, `disabled` or `passthrough`; None for a policy written in the route itself."""
