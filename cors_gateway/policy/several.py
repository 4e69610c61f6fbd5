"""Several policies that are asked one after the other: the first that lists an origin decides about it.

An origin that none lists is refused by the first one, which also answers requests without an origin. Policies of one
list know no origin twice, and only the last may allow every origin, so the order never matters to an origin that is
listed: see the rules of the configuration.
"""

from collections.abc import Sequence

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.grant import ActualDecision
from cors_gateway.policy.origin_memory import OriginMemory
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.preflight import PreflightDecision
from cors_gateway.policy.reason import Reason


class CompiledPolicies:
    """Asked like a `CompiledPolicy`; raises as it does, at construction only."""

    __slots__ = ("members", "policy")

    def __init__(self, policies: Sequence[Policy], memory: OriginMemory | None = None) -> None:
        """At least one policy. `memory` is shared with the other policies of a process."""
        memory = OriginMemory() if memory is None else memory
        self.members = tuple(CompiledPolicy(policy, memory, is_one_of_several=True) for policy in policies)
        self.policy = self.members[0].policy
        """The one that answers for strangers; what it says about requests to the backend holds for all."""

    def deciding(self, origin: Sequence[bytes]) -> CompiledPolicy:
        """The policy that decides about a received `Origin`; each remembers what it decided about it."""
        if len(origin) == 1:
            for member in self.members:
                if member.actual(origin).reason is Reason.ALLOWED:
                    return member
        return self.members[0]

    def actual(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a request that is not a preflight."""
        return self.deciding(origin).actual(origin, sec_fetch_site)

    def websocket(self, origin: Sequence[bytes], sec_fetch_site: Sequence[bytes] = ()) -> ActualDecision:
        """Decide on a WebSocket handshake."""
        return self.deciding(origin).websocket(origin, sec_fetch_site)

    def preflight(
        self,
        origin: Sequence[bytes],
        method: Sequence[bytes],
        headers: Sequence[bytes],
        private_network: Sequence[bytes],
    ) -> PreflightDecision:
        """Decide on a preflight."""
        return self.deciding(origin).preflight(origin, method, headers, private_network)

    def diagnosis(
        self,
        origin: Sequence[bytes],
        method: Sequence[bytes],
        headers: Sequence[bytes],
        private_network: Sequence[bytes],
    ) -> PreflightDecision:
        """Decide on a preflight, and say what is missing."""
        return self.deciding(origin).diagnosis(origin, method, headers, private_network)
