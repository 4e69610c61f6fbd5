"""What a load brings home, and how latencies become the few numbers that are kept of them."""

from collections.abc import Sequence
from dataclasses import dataclass


class LoadError(Exception):
    """The load could not be carried through; the message is what it said last."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load saw. Latencies in seconds; `held` is what the proxy's memory grew by for each thing of the kind that the
    row is about, in bytes. A load that starts proxies of its own tells their `cpu` seconds for each request."""

    requests: int
    seconds: float
    p50: float
    p99: float
    longest: float
    errors: int
    held: float = 0.0
    cpu: float | None = None


def percentiles(latencies: Sequence[float]) -> tuple[float, float, float]:
    """The middle one, the one that 99 of 100 do not exceed, and the longest. Raises LoadError if there is none."""
    if not latencies:
        raise LoadError("nothing was answered")
    ordered = sorted(latencies)
    last = len(ordered) - 1
    return ordered[last // 2], ordered[min(last, len(ordered) * 99 // 100)], ordered[last]
