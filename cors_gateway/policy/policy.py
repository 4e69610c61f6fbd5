"""A policy as a value: what the operator decided, already validated and normalised, nothing computed.

The YAML contract is in `config/`; the bytes that answer requests are compiled from these values in `compiled.py`.

A new key of a policy touches four modules besides the one that acts on it: `config/written_policy.py` (how it is written),
this one (what it is), `config/policy_conversion.py` (from one to the other and back), and `difference.py` (whether it widens
access). A test over the fields of `Policy` fails for a key that one of them, or the page of `admin/`, does not know.
"""

from dataclasses import dataclass
from enum import StrEnum

from cors_gateway.policy.fetch import SAFELISTED_METHODS
from cors_gateway.policy.pattern import OriginPattern


class Mode(StrEnum):
    """Who is in charge of CORS on a route."""

    ENFORCE = "enforce"
    DISABLED = "disabled"
    PASSTHROUGH = "passthrough"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Who may read across origins, and how. Invariants are guaranteed by `config/`: no `*` with credentials, ..."""

    mode: Mode = Mode.ENFORCE
    allow_origins: tuple[OriginPattern, ...] = ()
    """Exact, wildcard and regex entries, in the order written. Empty if `any_origin`."""
    any_origin: bool = False
    """`allow_origins: ["*"]`; never together with credentials (Fetch, CORS check)."""
    allow_null_origin: bool = False
    allow_methods: tuple[str, ...] = SAFELISTED_METHODS
    """Normalised as browsers do (Fetch, "normalize a method"), in the order written, without `*`."""
    any_method: bool = False
    allow_headers: tuple[str, ...] = ()
    """Lower case, unique, in the order written, without `*`."""
    any_header: bool = False
    expose_headers: tuple[str, ...] = ()
    """Lower case, unique, in the order written, without `*`."""
    expose_any: bool = False
    allow_credentials: bool = False
    max_age: int | None = None
    """Seconds; None leaves the header out (browsers then remember for five seconds), 0 switches remembering off."""
    allow_private_network: bool = False
    preflight_status: int = 204
    diagnose_preflight_failure: bool = False
    reject_disallowed_request: bool = False
    public_origins: tuple[str, ...] = ()
    strip_origin: bool = False
    """`forward_origin: strip`."""
    upstream_expose: str = "drop"
    """`drop`, `merge` or `all`, from the least to the most that scripts may read."""
    cross_origin_redirects: str = "forward"
    """`forward` or `unauthorized`."""
    constant_origin: bool = False
    """The one origin of `allow_origins` is named in every answer, whoever asks, and nothing varies on Origin."""
    timing_allow_origin: bool = False
    """`timing_allow_origin: same-as-origins`."""
    cross_origin_resource_policy: str | None = None
    websocket_origin_check: bool = False
    report_only: bool = False
    allow_insecure_origins: bool = False
    """`dangerously_allow_insecure_origins`: as the next one, it changes what may be written, never what is decided."""
    allow_public_suffix: bool = False
    """`dangerously_allow_public_suffix`."""


DISABLED = Policy(mode=Mode.DISABLED)
PASSTHROUGH = Policy(mode=Mode.PASSTHROUGH)
