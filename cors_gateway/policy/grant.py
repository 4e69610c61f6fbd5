"""What a response carries by decision of a policy, as bytes: the fields of actual responses.

The preflight's fields are in `preflight.py`; which grant a request gets is decided in `compiled.py`. Decisions are named
tuples, because one is made for every new origin and a frozen dataclass costs several times as much to make.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.policy.vary import merge_expose

_ALLOW_ORIGIN = b"Access-Control-Allow-Origin: "
_ALLOW_CREDENTIALS = b"Access-Control-Allow-Credentials: true\r\n"
_TIMING_ALLOW_ORIGIN = b"Timing-Allow-Origin: "
_NOTHING: frozenset[bytes] = frozenset()


class Grant(NamedTuple):
    """What to write on a response, whoever made it, and what to remove from a backend's first."""

    lines: bytes
    """Complete field lines with their line ends, without `Vary`."""
    vary: tuple[bytes, ...]
    """Tokens the response must vary on."""
    vary_line: bytes
    """Those tokens as a line, for a response that has no `Vary` of its own."""
    strip: frozenset[bytes] = _NOTHING
    """Lower-case names of backend fields to drop besides `Access-Control-*`."""
    merge_expose: bool = False
    """True: on a backend's response write `lines_with_expose` in place of `lines`."""
    rewrite: bool = True
    """False: neither strip nor write anything, CORS is the backend's."""
    expose: tuple[bytes, ...] = ()
    """The configured names, if `merge_expose`."""
    exposes_all: bool = False
    """With `merge_expose`: the names to add are those of all fields of the response (`vary.exposable`)."""
    rules: object = None
    """What the route of the request does to responses besides, if anything: added and understood by the data path."""

    def lines_with_expose(self, backend: Sequence[bytes]) -> bytes:
        """`lines` with names added: those of the backend's `Access-Control-Expose-Headers` lines, or of all its fields."""
        configured = expose_line(b",".join(self.expose))
        return self.lines.removesuffix(configured) + expose_line(merge_expose(self.expose, backend))


class ActualDecision(NamedTuple):
    """What becomes of a request that is not a preflight."""

    kind: Kind
    reason: Reason
    rejected: bool
    """Answer 403 here; the backend must not see the request."""
    grant: Grant
    entry: int | None = None
    """Index into `allow_origins` of the entry that decided."""


class Grants:
    """All grants of one policy: the constant ones ready-made, the one that names an origin one join away."""

    __slots__ = (
        "_expose",
        "_exposes_all",
        "_merge_expose",
        "_parts",
        "_strip",
        "_vary",
        "_vary_line",
        "refused",
        "refused_socket",
    )

    def __init__(self, policy: Policy, *, is_one_of_several: bool = False) -> None:
        self._expose = _exposed_names(policy)
        self._merge_expose = policy.upstream_expose != "drop"
        self._exposes_all = policy.upstream_expose == "all"
        self._strip = _managed_fields(policy)
        self._vary = _vary_tokens(policy, is_one_of_several=is_one_of_several)
        self._vary_line = vary_line(self._vary)
        self._parts = _parts_around_origin(policy, self._expose)
        self.refused = Grant(_resource_policy_line(policy), self._vary, self._vary_line, self._strip)
        socket_vary = (b"Origin", b"Sec-Fetch-Site")
        self.refused_socket = Grant(self.refused.lines, socket_vary, vary_line(socket_vary), self._strip)
        if policy.constant_origin:
            self.refused = self.to(policy.allow_origins[0].text.encode("ascii"))
        if policy.mode is Mode.PASSTHROUGH or policy.report_only:
            self.refused = self.refused_socket = UNTOUCHED

    def to(self, origin: bytes) -> Grant:
        """The grant for an allowed origin, whose bytes must be those received, or `*` under an any-origin policy."""
        if self.refused is UNTOUCHED:
            return UNTOUCHED
        # A join puts the origin at every place that names it, without looking at the constant parts.
        lines = origin.join(self._parts)
        expose = self._expose if self._merge_expose else ()
        exposes_all = self._exposes_all
        return Grant(
            lines, self._vary, self._vary_line, self._strip, self._merge_expose, True, expose, exposes_all
        )


UNTOUCHED = Grant(b"", (), b"", rewrite=False)
"""Leaves a response as the backend made it."""


def vary_line(tokens: Sequence[bytes]) -> bytes:
    """The tokens as a complete `Vary` line; nothing for no tokens."""
    return b"Vary: " + b", ".join(tokens) + b"\r\n" if tokens else b""


def expose_line(value: bytes) -> bytes:
    """The value as a complete `Access-Control-Expose-Headers` line; nothing for no value."""
    return b"Access-Control-Expose-Headers: " + value + b"\r\n" if value else b""


def origin_parts(policy: Policy) -> tuple[bytes, bytes]:
    """What stands before and after the origin in the fields that preflights and actual responses share."""
    credentials = _ALLOW_CREDENTIALS if policy.allow_credentials else b""
    return _ALLOW_ORIGIN, b"\r\n" + credentials


def _parts_around_origin(policy: Policy, expose: tuple[bytes, ...]) -> tuple[bytes, ...]:
    before, after = origin_parts(policy)
    end = _resource_policy_line(policy) + expose_line(b",".join(expose))
    if policy.timing_allow_origin:
        return before, after + _TIMING_ALLOW_ORIGIN, b"\r\n" + end
    return before, after + end


def _exposed_names(policy: Policy) -> tuple[bytes, ...]:
    if policy.expose_any and not policy.allow_credentials:
        return (b"*",)
    return tuple(name.encode("ascii") for name in policy.expose_headers)


def _resource_policy_line(policy: Policy) -> bytes:
    if policy.cross_origin_resource_policy is None:
        return b""
    return b"Cross-Origin-Resource-Policy: " + policy.cross_origin_resource_policy.encode("ascii") + b"\r\n"


def _managed_fields(policy: Policy) -> frozenset[bytes]:
    names = {
        b"timing-allow-origin": policy.timing_allow_origin,
        b"cross-origin-resource-policy": policy.cross_origin_resource_policy is not None,
    }
    return frozenset(name for name, is_managed in names.items() if is_managed)


def _vary_tokens(policy: Policy, *, is_one_of_several: bool) -> tuple[bytes, ...]:
    # The answer of an any-origin policy that is alone is constant, and Vary would ruin shared caches (Fetch, "CORS protocol and
    # HTTP caches"). A policy that rejects looks at Sec-Fetch-Site as well.
    if policy.constant_origin or (policy.any_origin and not is_one_of_several):
        return ()
    return (b"Origin", b"Sec-Fetch-Site") if policy.reject_disallowed_request else (b"Origin",)
