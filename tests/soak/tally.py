"""What happened, by class of request: answers, errors and whether they were to be expected, and what was wrong."""

import time
from collections import Counter
from dataclasses import dataclass, field

MARGIN = 0.75
"""Seconds around an outage in which its errors may be seen: connecting, being told, being scheduled."""
MOST_WRONGS = 50
MOST_REMEMBERED = 100_000

OK = "ok"


@dataclass(slots=True)
class Tally:
    """Counts of one run. Errors are expected only while the backend is away, or if a class provokes them itself."""

    outcomes: Counter[tuple[str, str, bool]] = field(default_factory=Counter)
    """By class, outcome, and whether it was expected."""
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    executed: set[int] = field(default_factory=set)
    """Requests of late that the backend executed and that may be executed once."""
    cut: set[int] = field(default_factory=set)
    """Requests of late whose body their client broke off: the backend must never see them whole."""
    _outages: list[list[float]] = field(default_factory=list)

    def record(self, kind: str, outcome: str = OK, *, started: float = 0.0, expected: bool = False) -> None:
        """Count one request that began at `started` (monotonic seconds)."""
        is_expected = outcome == OK or expected or self._met_outage(started)
        self.outcomes[kind, outcome, is_expected] += 1

    def record_wrong(self, kind: str, what: str) -> None:
        """An answer that nobody should have got, or a request that the backend should not have."""
        self.wrong_count += 1
        if len(self.wrong) < MOST_WRONGS:
            self.wrong.append(f"{kind}: {what}")

    def outage_begins(self) -> None:
        self._outages.append([time.monotonic(), float("inf")])

    def outage_ends(self) -> None:
        self._outages[-1][1] = time.monotonic()

    def execute(self, number: int) -> None:
        """The backend has a whole request that must not be executed twice."""
        if number in self.executed:
            self.record_wrong("backend", f"request {number} was executed twice")
        if number in self.cut:
            self.record_wrong("backend", f"request {number} was broken off and came whole")
        self.executed.add(number)
        for remembered in (self.executed, self.cut):
            if len(remembered) > MOST_REMEMBERED:
                remembered.difference_update(
                    [one for one in remembered if one < number - MOST_REMEMBERED // 2]
                )

    @property
    def requests(self) -> int:
        return sum(self.outcomes.values())

    @property
    def outages(self) -> int:
        return len(self._outages)

    @property
    def unexpected(self) -> int:
        """Errors for which there was no reason."""
        return sum(count for (_, _, is_expected), count in self.outcomes.items() if not is_expected)

    def _met_outage(self, started: float) -> bool:
        now = time.monotonic()
        return any(started <= end + MARGIN and begin - MARGIN <= now for begin, end in self._outages[-3:])
