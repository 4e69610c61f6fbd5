"""The values that go into the rules for routes, and those that come out of all rules.

Inputs hold what the operator wrote, of the right type but otherwise unchecked and not normalised. A policy goes in as
`written_policy.py` has it. Nothing here decides anything.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteInput:
    """One route as written, reduced to what the rules look at."""

    name: str | None = None
    host: str | None = None
    hosts: tuple[str, ...] | None = None
    path: str
    is_exact: bool = False
    methods: tuple[str, ...] | None = None
    extensions: tuple[str, ...] | None = None
    upstream: str | None
    cors: str | tuple[str, ...] | None
    """The name of a policy, `disabled` or `passthrough`, or several names; None for a policy written in the route."""
