"""The few numbers per route that people look at, drawn from the many counters."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cors_gateway.observe.metrics import OK, RouteStats, UpstreamStats
from cors_gateway.policy.reason import Kind

FIRST_ERROR_CLASS = 5

K = TypeVar("K", bound=Hashable)


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
    failures: dict[tuple[str, str], int] = field(default_factory=dict)
    """Requests to upstreams that failed or were answered with a 5xx, by upstream and outcome."""
    causes: dict[tuple[str, str], int] = field(default_factory=dict)
    """What befell requests that is not a decision (`observe/trouble.py`), by route and cause."""

    @property
    def refused(self) -> int:
        return sum(self.refusals.values())

    @property
    def mean_seconds(self) -> float | None:
        """Of a request that went to a backend; None if there was none."""
        return self.seconds / self.forwarded if self.forwarded else None


def count(routes: Iterable[RouteStats], upstreams: Iterable[UpstreamStats] = ()) -> Counts:
    """Add up what happened on some routes, and with some upstreams, since the start of the process."""
    requests = preflights = errors = forwarded = 0
    seconds = 0.0
    refusals: dict[str, int] = {}
    causes: dict[tuple[str, str], int] = {}
    for route in routes:
        causes |= {(route.name, str(cause)): times for cause, times in list(route.causes.items())}
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
    failures = {
        (upstream.name, outcome): sum(durations.counts)
        for upstream in upstreams
        for outcome, durations in list(upstream.outcomes.items())
        if outcome != OK and any(durations.counts)
    }
    return Counts(requests, preflights, errors, forwarded, seconds, refusals, failures, causes)


def difference(before: Counts, after: Counts) -> Counts:
    """What happened in between. Counters never fall; should one seem to, nothing happened."""
    return Counts(
        max(0, after.requests - before.requests),
        max(0, after.preflights - before.preflights),
        max(0, after.errors - before.errors),
        max(0, after.forwarded - before.forwarded),
        max(0.0, after.seconds - before.seconds),
        _grown(before.refusals, after.refusals),
        _grown(before.failures, after.failures),
        _grown(before.causes, after.causes),
    )


def _grown(before: Mapping[K, int], after: Mapping[K, int]) -> dict[K, int]:
    return {key: now - before.get(key, 0) for key, now in after.items() if now > before.get(key, 0)}
