"""Results in figures: ratios to the reference, and the table for the terminal."""

import statistics
from collections.abc import Iterator, Sequence

from tests.benchmarks.measurement import Result
from tests.benchmarks.rows import ALL

REFERENCE = "nginx"
TITLES = {row.name: row.title for row in ALL}

_HEAD = (
    f"{'':12}{'CPU us/req':>12}{'ratio':>7}{'req/s':>10}{'ratio':>7}{'p50 ms':>9}{'p99 ms':>9}{'MiB':>8}"
    f"{'spread':>8}{'others':>8}"
)


def by_row(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Name of each measured row with its results, in the order they were measured."""
    for name in dict.fromkeys(result.row for result in results):
        yield name, [result for result in results if result.row == name]


def ratio(result: Result, results: Sequence[Result], field: str) -> float | None:
    """Median over the rounds of what `result` shows relative to the reference in the same round, which takes out what
    the machine did meanwhile. None where there is nothing to compare."""
    reference = next((r for r in results if (r.row, r.server) == (result.row, REFERENCE)), None)
    if reference is None or result.fault or reference.fault:
        return None
    pairs = zip(result.samples, reference.samples, strict=True)
    ratios = [
        getattr(mine, field) / getattr(theirs, field) for mine, theirs in pairs if getattr(theirs, field)
    ]
    return statistics.median(ratios) if ratios else None


def spread(result: Result) -> float:
    """How far the rounds' CPU per request lie apart, as a share of their median."""
    values = [sample.cpu for sample in result.samples]
    middle = result.median("cpu")
    return (max(values) - min(values)) / middle if middle else 0.0


def remarks(result: Result) -> list[str]:
    """What the columns do not say."""
    errors = sum(sample.errors for sample in result.samples)
    held = result.median("held")
    return [
        *([f"{held / 1024:.1f} KiB per connection"] if held else []),
        *([f"{errors} errors"] if errors else []),
    ]


def text_table(results: Sequence[Result]) -> str:
    lines = [_HEAD]
    for name, group in by_row(results):
        lines += ["", TITLES[name], *(_line(result, results) for result in group)]
    return "\n".join(lines)


def in_ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _line(result: Result, results: Sequence[Result]) -> str:
    if result.fault:
        return f"  {result.server:10}{result.fault}"
    figures = (
        f"  {result.server:10}{result.median('cpu') * 1e6:12.2f}{in_ratio(ratio(result, results, 'cpu')):>7}"
        f"{result.median('throughput'):10.0f}{in_ratio(ratio(result, results, 'throughput')):>7}"
        f"{result.median('p50') * 1e3:9.2f}{result.median('p99') * 1e3:9.2f}{result.median('resident') / 2**20:8.1f}"
        f"{spread(result):8.0%}{result.median('disturbance'):8.0%}"
    )
    return "  ".join([figures, *remarks(result)])
