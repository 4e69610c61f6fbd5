"""A policy made ready to decide: received field values in, a decision with its bytes out.

`CompiledPolicy` lies on the hot path. What a policy can say is joined from constants (`grant.py`, `preflight.py`);
what depends on the origin is remembered by the exact bytes received, so that a decision costs the same with one origin
and with a hundred thousand. The values handed out are immutable and shared by requests.
"""

from collections.abc import Sequence

from cors_gateway.policy.grant import ActualDecision, Grant, Grants
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.origin import MAX_ORIGIN_LENGTH, parse_origin
from cors_gateway.policy.origin_memory import OriginMemory
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.preflight import PreflightDecision, Preflights
from cors_gateway.policy.reason import Kind, Reason

__all__ = ["ActualDecision", "CompiledPolicy", "Grant", "PreflightDecision"]

_SAME_ORIGIN = (b"same-origin",)


class CompiledPolicy:
    """Decides for one policy. Arguments are all received values of a field, trimmed, in order: none, one or more.

    Raises as `compile_regex` does, at construction only.
    """

    __slots__ = (
        "_actuals",
        "_answers",
        "_fixed",
        "_grants",
        "_malformed",
        "_matcher",
        "_memory",
        "_no_origin",
        "_not_allowed",
        "_own_origins",
        "_same_origin",
        "policy",
    )

    def __init__(
        self, policy: Policy, memory: OriginMemory | None = None, *, is_one_of_several: bool = False
    ) -> None:
        """`memory` is shared with the other policies of a process.

        `is_one_of_several`: another policy may answer other origins (`several.py`), so even a star varies on Origin.
        """
        self.policy = policy
        self._matcher = OriginMatcher(policy.allow_origins)
        self._own_origins = frozenset(origin.encode("ascii") for origin in policy.public_origins)
        self._grants = Grants(policy, is_one_of_several=is_one_of_several)
        self._answers = Preflights(policy, is_one_of_several=is_one_of_several)
        refused = self._grants.refused
        rejected = policy.reject_disallowed_request and not policy.report_only
        self._malformed = ActualDecision(Kind.ACTUAL, Reason.ORIGIN_MALFORMED, rejected, refused)
        self._not_allowed = ActualDecision(Kind.ACTUAL, Reason.ORIGIN_NOT_ALLOWED, rejected, refused)
        self._same_origin = ActualDecision(Kind.ACTUAL, Reason.SAME_ORIGIN, False, refused)
        constant = self._grants.to(b"*") if policy.any_origin else refused
        self._no_origin = ActualDecision(Kind.NOT_CORS, Reason.NOT_CORS, False, constant)
        self._fixed = _decide_regardless_of_origin(policy, constant)
        self._memory = OriginMemory() if memory is None else memory
        self._actuals = self._memory.part(len(policy.allow_origins))

    @property
    def remembered(self) -> int:
        """Origins whose decision is remembered."""
        return len(self._actuals)

    def actual(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a request that is not a preflight."""
        if not origin:
            return self._no_origin
        decision = self._fixed or self._decide(origin)
        if decision.rejected and tuple(sec_fetch_site) == _SAME_ORIGIN:
            return self._same_origin
        return decision

    def websocket(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a WebSocket handshake, which browsers leave to servers to check (RFC 6455 section 10.2).

        Checked with `websocket_origin_check`, and where disallowed requests are rejected anyway: a handshake is one.
        The grant is for answers other than 101; a 101 carries no CORS fields.
        """
        decision = self.actual(origin)
        is_stranger = decision.reason in (Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_MALFORMED)
        is_checked = self.policy.websocket_origin_check or self.policy.reject_disallowed_request
        if not (is_stranger and is_checked):
            return decision._replace(kind=Kind.WEBSOCKET, rejected=False)
        if tuple(sec_fetch_site) == _SAME_ORIGIN:
            return self._same_origin._replace(kind=Kind.WEBSOCKET)
        rejected, grant = not self.policy.report_only, self._grants.refused_socket
        return decision._replace(kind=Kind.WEBSOCKET, rejected=rejected, grant=grant)

    def preflight(
        self,
        origin: Sequence[bytes],
        method: Sequence[bytes],
        headers: Sequence[bytes],
        private_network: Sequence[bytes],
    ) -> PreflightDecision:
        """Decide on a preflight by its `Origin` and its `Access-Control-Request-*` lines."""
        standing = self._fixed or self._decide(origin)
        value = b"*" if self.policy.any_origin else b"".join(origin)
        return self._answers.decide(value, standing.reason, standing.entry, method, headers, private_network)

    def diagnosis(
        self,
        origin: Sequence[bytes],
        method: Sequence[bytes],
        headers: Sequence[bytes],
        private_network: Sequence[bytes],
    ) -> PreflightDecision:
        """As `preflight`, under `preflight_failure: diagnose` whatever the policy says. For single requests: it is slow."""
        standing = self._fixed or self._decide(origin)
        value = b"*" if self.policy.any_origin else b"".join(origin)
        answers = self._answers.diagnosing()
        return answers.decide(value, standing.reason, standing.entry, method, headers, private_network)

    def _decide(self, origin: Sequence[bytes]) -> ActualDecision:
        if len(origin) != 1:
            return self._malformed
        value = origin[0]
        decision = self._actuals.get(value)
        if decision is None:
            decision = self._decide_value(value)
            if len(value) <= MAX_ORIGIN_LENGTH:
                self._memory.keep(self._actuals, value, decision)
        return decision

    def _decide_value(self, value: bytes) -> ActualDecision:
        entry = self._matcher.match(value)
        is_null = value == b"null"
        if entry is not None or (is_null and self.policy.allow_null_origin):
            return ActualDecision(Kind.ACTUAL, Reason.ALLOWED, False, self._grants.to(value), entry)
        if value in self._own_origins:
            return self._same_origin
        if is_null or parse_origin(value) is not None:
            return self._not_allowed
        return self._malformed


def _decide_regardless_of_origin(policy: Policy, grant: Grant) -> ActualDecision | None:
    """The decision where the value of `Origin` does not matter, which is why it is not even parsed then."""
    if policy.mode is Mode.PASSTHROUGH:
        return ActualDecision(Kind.ACTUAL, Reason.PASSTHROUGH, False, grant)
    if policy.mode is Mode.DISABLED:
        return ActualDecision(Kind.ACTUAL, Reason.CORS_DISABLED, False, grant)
    if policy.any_origin:
        return ActualDecision(Kind.ACTUAL, Reason.ALLOWED, False, grant)
    return None
