"""What an explanation consists of, as values. Finding them is in `judgement.py` and `remedy.py`, showing them elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from cors_gateway.explain.described_request import Request
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import Location, Route


class Verdict(StrEnum):
    """Whether the script gets to read the response (or the page to open its WebSocket)."""

    ALLOWED = "allowed"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """Only the backend knows: the route says `cors: passthrough`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of `allow_origins` that decided, as written."""

    text: str
    location: Location | None


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request of the browser and what comes back."""

    kind: Kind
    request: tuple[str, ...]
    """Request line and the fields that matter to CORS."""
    answered_by: Literal["gateway", "backend"]
    status: int | None
    """None for whatever the backend says."""
    headers: tuple[tuple[str, str], ...]
    """What the policy writes on the answer: every `Access-Control-*` field, and `Vary` as far as the gateway adds to it."""
    reason: Reason | None
    """The gateway's word for it, in the log and in metrics; None if the request line itself is refused."""
    entry: Entry | None = None
    detail: str = ""
    """The method or header name that the gateway refuses."""
    fault: str | None = None
    """What the browser objects to; None if it is content."""

    @property
    def passes(self) -> bool:
        return self.fault is None


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of the configuration."""

    action: Literal["add", "set", "replace"]
    key: str
    """`allow_origins`; `cors` or `methods` of a route; `routes`."""
    values: tuple[str, ...]
    """What to add to a list, to set the key to, or to put in place of `old`; as YAML would have them."""
    policy: str | None = None
    """Name of the policy that the key belongs to."""
    route: str | None = None
    """Name of the route, if the key belongs to one or to the policy written in it."""
    old: str = ""
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a refusal that was not meant."""

    changes: tuple[Change, ...] = ()
    """Together they let the request through; none if nothing in the configuration can."""
    warnings: tuple[str, ...] = ()
    """Why that may be unwise."""
    instead: str = ""
    """What is more likely to be wrong, such as a slip in the origin."""
    blocked: str = ""
    """Why no change of the configuration helps."""
    consequences: tuple[str, ...] = ()
    """What else the changes do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Everything about one request, in the order in which a browser goes about it."""

    request: Request
    verdict: Verdict
    reason: Reason | None
    """The deciding one; None if the gateway does not understand the request line."""
    summary: str
    """What happens, in one or two sentences."""
    is_cross_origin: bool
    relation: str
    """Why it is cross-origin or not."""
    route: Route | None = None
    causes: tuple[str, ...] = ()
    """Why the browser asks first; empty if it does not."""
    preflight: Exchange | None = None
    actual: Exchange | None = None
    """None if it is never sent."""
    readable: tuple[str, ...] = ()
    """Names of response headers that the script may read."""
    reads_every_header: bool = False
    """Then `readable` is empty."""
    notes: tuple[str, ...] = ()
    remedy: Remedy | None = None

    @property
    def is_allowed(self) -> bool:
        return self.verdict is Verdict.ALLOWED

    @property
    def entry(self) -> Entry | None:
        """The entry of `allow_origins` that decided, if one did."""
        return next((each.entry for each in self.exchanges if each.entry is not None), None)

    @property
    def exchanges(self) -> Sequence[Exchange]:
        return [each for each in (self.preflight, self.actual) if each is not None]
