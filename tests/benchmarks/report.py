"""Tables of results for the terminal."""

from collections.abc import Sequence

from tests.benchmarks.measurement import Result
from tests.benchmarks.rows import ALL

REFERENCE = "nginx"
_TITLES = {row.name: row.title for row in ALL}


def text_table(results: Sequence[Result]) -> str:
    """One line per row and server, ratios to nginx where it was measured."""
    head = f"{'row':40} {'server':10} {'CPU us/req':>11} {'ratio':>6} {'req/s':>9} {'ratio':>6}"
    lines = [f"{head} {'p50 ms':>8} {'p99 ms':>8} {'MiB':>7}  spread  others"]
    for result in results:
        title = _TITLES[result.row]
        if not result.samples or result.fault:
            lines.append(f"{title:40} {result.server:10} {result.fault}")
            continue
        reference = _reference(results, result.row)
        lines.append(
            f"{title:40} {result.server:10} {result.median('cpu') * 1e6:11.2f} {_ratio(result, reference, 'cpu'):>6}"
            f" {result.median('throughput'):9.0f} {_ratio(result, reference, 'throughput'):>6}"
            f" {result.median('p50') * 1e3:8.2f} {result.median('p99') * 1e3:8.2f}"
            f" {result.median('resident') / 2**20:7.1f}  {spread(result):5.0%}  {result.median('disturbance'):5.0%}"
            + _held(result)
            + _errors(result)
        )
    return "\n".join(lines)


def spread(result: Result) -> float:
    """How far the rounds' CPU per request lie apart, as a share of their median."""
    values = [sample.cpu for sample in result.samples]
    middle = result.median("cpu")
    return (max(values) - min(values)) / middle if middle else 0.0


def _reference(results: Sequence[Result], row: str) -> Result | None:
    return next((r for r in results if r.row == row and r.server == REFERENCE and r.samples), None)


def _ratio(result: Result, reference: Result | None, field: str) -> str:
    if reference is None or not reference.median(field):
        return "-"
    return f"{result.median(field) / reference.median(field):.2f}"


def _held(result: Result) -> str:
    return f"  {result.median('held') / 1024:.1f} KiB/connection" if result.median("held") else ""


def _errors(result: Result) -> str:
    count = sum(sample.errors for sample in result.samples)
    return f"  {count} errors" if count else ""
