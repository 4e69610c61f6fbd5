"""What policies remember of the values of Origin, bounded for all policies together: clients choose the keys."""

from cors_gateway.policy.grant import ActualDecision

MAX_REMEMBERED = 4096
"""Origins that are remembered besides as many as are listed."""


class OriginMemory:
    """The decisions of several policies by the exact bytes of Origin. When it is full all of them are forgotten."""

    __slots__ = ("_count", "_parts", "_size")

    def __init__(self) -> None:
        self._size = MAX_REMEMBERED
        self._count = 0
        self._parts: list[dict[bytes, ActualDecision]] = []

    def part(self, listed: int) -> dict[bytes, ActualDecision]:
        """The memory of one more policy, which lists so many origins; to be filled through `keep` alone."""
        self._size += listed
        self._parts.append({})
        return self._parts[-1]

    def keep(self, part: dict[bytes, ActualDecision], origin: bytes, decision: ActualDecision) -> None:
        """Remember a decision that `part` does not hold."""
        if self._count >= self._size:
            for each in self._parts:
                each.clear()
            self._count = 0
        self._count += 1
        part[origin] = decision
