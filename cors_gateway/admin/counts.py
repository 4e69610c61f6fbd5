"""The few numbers per route that people look at, drawn from the many counters."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from cors_gateway.observe.metrics import RouteStats
from cors_gateway.policy.reason import Kind

FIRST_ERROR_CLASS = 5


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted on a route, on several, or in a while."""

    requests: int = 0
    preflights: int = 0
    """Those answered here."""
    errors: int = 0
    """Responses with a status of 500 and above, whoever made them."""
    forwarded: int = 0
    """Requests that went to a backend, or should have."""
    seconds: float = 0.0
    """Their durations together."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Requests whose origin was refused, by reason."""

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())

    @property
    def mean_seconds(self) -> float | None:
        """Of a request that went to a backend; None if there was none."""
        return self.seconds / self.forwarded if self.forwarded else None


def count(routes: Iterable[RouteStats]) -> Counts:
    """Add up what happened on some routes since the start of the process."""
    requests = preflights = errors = forwarded = 0
    seconds = 0.0
    refusals: dict[str, int] = {}
    for route in routes:
        for by_class in (*route.requests.values(), route.other):
            requests += sum(by_class)
            errors += sum(by_class[FIRST_ERROR_CLASS:])
        forwarded += sum(route.duration.counts)
        seconds += route.duration.sum
        for tally in route.decisions.values():
            if tally.kind == Kind.PREFLIGHT:
                preflights += tally.count
            if tally.is_refusal:
                refusals[tally.reason] = refusals.get(tally.reason, 0) + tally.count
    return Counts(requests, preflights, errors, forwarded, seconds, refusals)


def difference(before: Counts, after: Counts) -> Counts:
    """What happened in between. Counters never fall; should one seem to, nothing happened."""
    return Counts(
        max(0, after.requests - before.requests),
        max(0, after.preflights - before.preflights),
        max(0, after.errors - before.errors),
        max(0, after.forwarded - before.forwarded),
        max(0.0, after.seconds - before.seconds),
        {
            reason: now - before.refusals.get(reason, 0)
            for reason, now in after.refusals.items()
            if now > before.refusals.get(reason, 0)
        },
    )
