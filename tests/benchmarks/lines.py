"""The lines of the summary: which figure of which row is compared, who is least in it, and the gateway's goals."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.measurement import Result
from tests.benchmarks.rows import ALL, Goal

REFERENCE = "nginx"

# Two figures that are closer than this are not told apart: single runs lie further from each other.
_SAME = 0.05

Figure = Callable[[str, Sequence[Result]], float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """`figure` is what a server shows in the results, less being better; None where it has nothing to show."""

    title: str
    figure: Figure
    goal: Goal | None = None


def ratio(result: Result, results: Sequence[Result], field: str) -> float | None:
    """Median over the rounds of what `result` shows relative to the reference in the same round, which takes out what
    the machine did meanwhile. None where there is nothing to compare."""
    reference = _find(result.row, REFERENCE, results)
    if reference is None or result.fault:
        return None
    pairs = zip(result.samples, reference.samples, strict=True)
    ratios = [
        getattr(mine, field) / getattr(theirs, field) for mine, theirs in pairs if getattr(theirs, field)
    ]
    return statistics.median(ratios) if ratios else None


def least(figures: Mapping[str, float | None]) -> list[str]:
    """Who has the least figure, and who cannot be told apart from that one; nobody if there are not two to compare."""
    shown = {name: value for name, value in figures.items() if value is not None}
    if len(shown) < 2:
        return []
    best = min(shown.values())
    return [name for name, value in shown.items() if value <= best + abs(best) * _SAME]


def figures(line: Line, results: Sequence[Result]) -> dict[str, float | None]:
    """What each server shows in a line, in the order they were measured."""
    servers = dict.fromkeys(result.server for result in results)
    return {server: line.figure(server, results) for server in servers}


def _relative(row: str) -> Figure:
    """CPU time per request as a multiple of the reference."""

    def figure(server: str, results: Sequence[Result]) -> float | None:
        result = _find(row, server, results)
        return None if result is None else ratio(result, results, "cpu")

    return figure


def _own(row: str, field: str, unit: float) -> Figure:
    """The median of a field of a row."""

    def figure(server: str, results: Sequence[Result]) -> float | None:
        result = _find(row, server, results)
        return None if result is None else result.median(field) / unit

    return figure


def _beside(row: str) -> Figure:
    """CPU time per request as a multiple of the same server's at the other site, in turns that follow each other."""

    def figure(server: str, results: Sequence[Result]) -> float | None:
        result = _find(row, server, results)
        if result is None:
            return None
        return statistics.median(sample.cpu / sample.beside for sample in result.samples)

    return figure


def _find(row: str, server: str, results: Sequence[Result]) -> Result | None:
    """None if it was not measured or has a fault instead of numbers."""
    found = (result for result in results if (result.row, result.server) == (row, server))
    return next((result for result in found if result.samples and not result.fault), None)


BY_REQUEST = tuple(Line(row.title, _relative(row.name), row.goal) for row in ALL if row.is_by_request)

OTHERS = (
    Line("access log: CPU of a GET with it, without = 1", _beside("log-get"), Goal(1.2, 1.1)),
    Line("1,000 routes x 10,000 origins: CPU of a GET, plain = 1", _beside("many-get"), Goal(1.1)),
    Line("GET 100 B, 100 a second: p99, ms", _own("get-paced", "p99", 1e-3)),
    Line("memory of an idle connection, KiB", _own("idle", "held", 2**10), Goal(8, 4)),
    Line("memory of one more worker, MiB", _own("worker", "held", 2**20), Goal(20, 12)),
    Line("start until the first answer, s", _own("start", "p50", 1.0), Goal(0.5, 0.3)),
    Line("CPU of a start, s", _own("start", "cpu", 1.0)),
    Line("reload of 1,000 routes: longest pause, ms", _own("reload", "longest", 1e-3)),
)
