"""A policy as it is written: the one shape that everything reads which looks at policies before they are in force.

pydantic makes it of a file (`models/policy.py`), the rules of `lint/` judge it, `explain` edits it, and `check --print`
prints it. The values have the right types but are otherwise unchecked and not normalised; None means that the key is
absent. What it means is in `policy_conversion.py`. No pydantic here: whoever judges a policy need not load it.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeVar

T = TypeVar("T")


def _key(default: T, description: str) -> T:
    """A key with what the schema says of it."""
    value: T = field(default=default, metadata={"description": description})
    return value


@dataclass(frozen=True, slots=True)
class RegexEntry:
    """An origin given by a regular expression."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"strict": True, "extra": "forbid"}

    regex: str = field(
        metadata={
            "description": "Matches whole origins, in linear time (RE2 syntax). Needs the extra: cors-gateway[regex]."
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenPolicy:
    """Who may read responses across origins, and with which requests."""

    __pydantic_config__: ClassVar[dict[str, object]] = {"strict": True, "extra": "forbid"}

    allow_origins: tuple[str | RegexEntry, ...] | None = _key(
        None,
        'Who may read: https://app.example.com, https://*.example.com (one or more labels), http://localhost:* (any port), moz-extension://* (any extension), {regex: ...}, {list: ...}, {split: ...}, or "*" alone for everybody.',
    )
    allow_methods: tuple[str, ...] | None = _key(
        None, 'Default GET, HEAD, POST, which always pass. "*" is any method.'
    )
    allow_headers: tuple[str, ...] | None = _key(
        None, 'Request headers that script may set. "*" is any but Authorization.'
    )
    expose_headers: tuple[str, ...] | None = _key(
        None, "Response headers that script may read, besides the safelisted ones."
    )
    allow_credentials: bool = _key(
        False, "Whether cookies and HTTP authentication may be used; not together with any origin."
    )
    max_age: int | None = _key(
        None,
        "How long browsers may remember a preflight: seconds, or 90s / 10m / 1h, at most 1d. Absent: the header is not sent (five seconds). 0: never.",
    )
    allow_private_network: bool = _key(
        False, "Answer Access-Control-Request-Private-Network; browsers have moved on from it."
    )
    preflight_status: int | None = _key(None, "Status of a granted preflight; default 204.")
    preflight_failure: Literal["strict", "diagnose"] | None = _key(
        None,
        "strict (default): refused preflights get 403 and no CORS headers. diagnose: 2xx naming what is allowed.",
    )
    on_disallowed_request: Literal["forward", "reject"] | None = _key(
        None, "forward (default): without CORS headers. reject: 403 before the backend is reached."
    )
    public_origins: tuple[str, ...] | None = _key(
        None, "The gateway's own origins, so that reject never hits same-origin traffic."
    )
    forward_origin: Literal["keep", "strip"] | None = _key(
        None, "Whether the backend sees Origin; default keep."
    )
    upstream_expose: Literal["drop", "merge", "all"] | None = _key(
        None,
        "merge: add what the backend exposes to expose_headers. all: the names of all fields that the answer has. Default drop.",
    )
    cross_origin_redirects: Literal["forward", "unauthorized"] | None = _key(
        None,
        "unauthorized: a redirect to another origin (a login page) that a script's request meets becomes a 401 that it can read, with the target in it; default forward.",
    )
    constant_origin: bool = _key(
        False,
        "For caches that ignore Vary: name the one exact origin of allow_origins in every answer, without Vary.",
    )
    timing_allow_origin: Literal["same-as-origins"] | None = _key(
        None, "Let allowed origins read resource timing."
    )
    cross_origin_resource_policy: Literal["same-origin", "same-site", "cross-origin"] | None = _key(
        None, "Cross-Origin-Resource-Policy of every response; default: the backend's."
    )
    websocket_origin_check: bool = _key(False, "Refuse a WebSocket handshake from an unlisted origin.")
    report_only: bool = _key(False, "Decide, log and count, but leave the traffic as the backend made it.")
    dangerously_allow_null_origin: bool = _key(
        False, "Allow the origin null, which any page can obtain through a sandboxed frame."
    )
    dangerously_allow_insecure_origins: bool = _key(False, "Allow http origins together with credentials.")
    dangerously_allow_public_suffix: bool = _key(
        False, "Allow a wildcard or expression under a public suffix (*.github.io) together with credentials."
    )
