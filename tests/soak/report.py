"""The outcome of a soak as a table and a verdict."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise

from tests.soak.probe import Waits
from tests.soak.tally import OK, Tally

MOST_GROWTH = 300.0
"""KiB a minute in the second half beyond which memory is not flat."""
LONGEST_WAIT = 250
"""Milliseconds that nobody should have to wait for the abusers' sake. A busy machine takes longer: it is no fault."""
WARM_UP = 240.0
"""Seconds until every memo is full: a shorter first half says nothing about leaks."""


@dataclass(slots=True)
class Outcome:
    """Everything that was measured."""

    tally: Tally
    seconds: float = 0.0
    reloads: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    """Seconds since the start, and resident bytes."""
    waits: Waits = field(default_factory=Waits)
    """Of somebody who wanted little beside all others."""
    descriptors_before: Counter[str] = field(default_factory=Counter)
    """By who has them and what they are."""
    descriptors_after: Counter[str] = field(default_factory=Counter)
    exit_code: int = 0
    troubles: list[str] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """KiB a minute over the second half, by least squares."""
        points = [(at / 60, size / 1024) for at, size in self.memory if at >= self.seconds / 2]
        if len(points) < 2:
            return 0.0
        middle_x = sum(x for x, _ in points) / len(points)
        middle_y = sum(y for _, y in points) / len(points)
        spread = sum((x - middle_x) ** 2 for x, _ in points)
        return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread

    def faults(self) -> list[str]:
        """Why the run failed, if it did."""
        found = []
        if self.tally.wrong_count:
            found.append(f"{self.tally.wrong_count} wrong answers")
        if self.tally.unexpected:
            found.append(f"{self.tally.unexpected} errors for which there was no reason")
        if self.growth > MOST_GROWTH and self.seconds / 2 >= WARM_UP:
            found.append(f"memory grows by {self.growth:.0f} KiB a minute")
        if left := self.descriptors_after - self.descriptors_before:
            found.append(f"{left.total()} descriptors were not closed")
        if self.troubles:
            found.append(f"{len(self.troubles)} lines of trouble in the log, such as {self.troubles[0]}")
        if self.exit_code:
            found.append(f"exit code {self.exit_code}")
        return found


def text(outcome: Outcome) -> str:
    """The whole report."""
    tally = outcome.tally
    lines = [
        f"{tally.requests} requests in {outcome.seconds:.0f} s, {tally.outages} outages, {outcome.reloads} reloads",
        "",
        f"{'class':<18}{'ok':>9}{'expected errors':>18}{'errors':>9}",
        *_rows(tally),
        "",
        "errors by class:",
        *_errors(tally),
        "",
        f"wrong answers: {tally.wrong_count}",
        *[f"  {what}" for what in tally.wrong],
        "",
        "resident memory (MiB): " + ", ".join(f"{size / 2**20:.1f}" for size in _every_minute(outcome)),
        f"slope over the second half: {outcome.growth:+.1f} KiB a minute",
        _waits(outcome.waits),
        *_descriptors(outcome.descriptors_before, outcome.descriptors_after),
        f"lines of trouble in the log: {len(outcome.troubles)}",
        f"exit code after SIGTERM: {outcome.exit_code}",
        "",
        "FAILED: " + "; ".join(outcome.faults()) if outcome.faults() else "passed",
    ]
    return "\n".join(lines)


def _descriptors(before: Counter[str], after: Counter[str]) -> list[str]:
    changes = {what: after[what] - before[what] for what in sorted(before | after)}
    return [
        f"descriptors: {before.total()} before, {after.total()} after",
        *[f"  {change:+d} {what}" for what, change in changes.items() if change],
    ]


def _waits(waits: Waits) -> str:
    figures = f"{waits.middle * 1000:.1f} / {waits.most * 1000:.0f} / {waits.longest * 1000:.0f} ms"
    return (
        f"{waits.count} small questions meanwhile: p50 / p99 / p100 {figures} (goal: {LONGEST_WAIT} ms); "
        f"{waits.latest * 1000:.0f} ms is the latest that the machine woke up who asked"
    )


def _rows(tally: Tally) -> list[str]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for (kind, outcome, is_expected), count in tally.outcomes.items():
        counts[kind][0 if outcome == OK else 1 if is_expected else 2] += count
    total = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0, 0]
    return [
        f"{kind:<18}{ok:>9}{expected:>18}{errors:>9}"
        for kind, (ok, expected, errors) in [*sorted(counts.items()), ("all", total)]
    ]


def _errors(tally: Tally) -> list[str]:
    found = sorted((key, count) for key, count in tally.outcomes.items() if key[1] != OK)
    return [
        f"  {kind:<16} {outcome:<28} {count:>6}{'  expected' if is_expected else ''}"
        for (kind, outcome, is_expected), count in found
    ] or ["  none"]


def _every_minute(outcome: Outcome) -> list[int]:
    if not outcome.memory:
        return []
    picked = [outcome.memory[0][1]]
    picked += [
        size for (before, _), (at, size) in pairwise(outcome.memory) if int(before // 60) != int(at // 60)
    ]
    return [*picked, outcome.memory[-1][1]]
