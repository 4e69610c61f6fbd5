"""The last ten minutes, for the chart: the counters sampled every few seconds, the oldest sample forgotten."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from cors_gateway.admin.counts import Counts, count, difference
from cors_gateway.observe.metrics import Metrics
from cors_gateway.server.control import Control

SAMPLE_SECONDS = 5.0
STEPS = 120
"""Intervals that are remembered: ten minutes."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Events per second."""

    requests: float
    preflights: float
    refused: float
    errors: float


class History:
    """Samples of the recent past, the newest last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives monotonic seconds."""
        self._clock = clock
        self._samples: deque[tuple[float, Counts]] = deque(maxlen=STEPS + 1)

    def add(self, metrics: Metrics) -> None:
        """Take a sample."""
        self._samples.append((self._clock(), count(metrics.routes.values(), metrics.upstreams.values())))

    def steps(self) -> list[Counts]:
        """What happened between one sample and the next, at most `STEPS` of them."""
        return [difference(before, after) for (_, before), (_, after) in pairwise(self._samples)]

    def rates(self, seconds: float) -> Rates | None:
        """What happened per second of late; None as long as nothing can be said."""
        back = min(len(self._samples) - 1, round(seconds / SAMPLE_SECONDS))
        if back < 1:
            return None
        (began, before), (ended, after) = self._samples[-1 - back], self._samples[-1]
        change = difference(before, after)
        elapsed = max(ended - began, 0.001)
        return Rates(
            change.requests / elapsed,
            change.preflights / elapsed,
            change.refused / elapsed,
            change.errors / elapsed,
        )

    def recent(self, now: Counts, seconds: float) -> Counts:
        """What happened within about the last seconds, up to this moment, at which `now` was counted."""
        if not self._samples:
            return now
        since = self._clock() - seconds
        before = next((counts for at, counts in reversed(self._samples) if at <= since), self._samples[0][1])
        return difference(before, now)

    async def follow(self, control: Control) -> None:
        """Take samples until cancelled."""
        while True:
            try:
                self.add(await control.metrics())
            except Exception:
                logging.getLogger(__name__).exception("the counters could not be read")
            await asyncio.sleep(SAMPLE_SECONDS)
